import Determinism
import Synchronization

/// The limits of a ``WriteLane``.
public struct WriteLaneConfiguration: Sendable {
    /// The most commands in one transaction. More amortizes the sync further, and makes everyone wait for everyone.
    public var batchLimit = 256
    /// The most commands that wait; one more is refused with ``LaneFailure/overloaded``.
    public var queueLimit = 8_192
    /// The default limits.
    public init() {}
}

/// Where all commands of one primary go through: it gathers those that wait at a moment into one transaction.
///
/// A lone command is not held back to wait for company; batches form by themselves while those before them are being
/// written, as many at a time as the engine takes (``LaneEngine/batchConcurrency``). Correctness does not rest on the
/// lane: several servers may write to one shard, and locks, guarded updates, unique keys and checks hold the
/// invariants.
public final class WriteLane: Sendable {
    private struct State {
        var queue: LaneQueue
        /// Whether the latest batch had company.
        var isCrowded = false
        var runner = Runner.absent
        var isStopped = false

        /// Whom to tell once nothing is left to do, or that a batch may begin.
        mutating func wakeRunner() -> CheckedContinuation<Void, Never>? {
            switch runner {
            case .waiting(let continuation):
                runner = .working
                return continuation
            case .working:
                runner = .askedAgain
                return nil
            case .absent, .askedAgain: return nil
            }
        }
    }
    /// The task that is in ``WriteLane/run()``.
    private enum Runner {
        case absent
        case working
        case waiting(CheckedContinuation<Void, Never>)
        case askedAgain
    }
    private let engine: any LaneEngine
    private let configuration: WriteLaneConfiguration
    private let time: any TimeSource
    private let observer: (any LaneObserver)?
    private let settled: (@Sendable (Int64) -> Void)?
    private let state: Mutex<State>

    /// A lane that writes through `engine`; before ``run()`` it only gathers commands.
    /// - Parameter settled: told the organization of each command that has an outcome, behind its commit and in its
    ///   caller's task. It is on the way of every write: whoever has nothing to do with the news must drop it at once.
    public init(
        engine: any LaneEngine, time: any TimeSource, configuration: WriteLaneConfiguration = WriteLaneConfiguration(),
        observer: (any LaneObserver)? = nil, settled: (@Sendable (_ organization: Int64) -> Void)? = nil
    ) {
        (self.engine, self.time, self.configuration, self.observer) = (engine, time, configuration, observer)
        self.settled = settled
        state = Mutex(
            State(queue: LaneQueue(batchLimit: configuration.batchLimit, concurrency: engine.batchConcurrency)))
    }

    /// How many commands wait for a batch at this moment.
    public var waitingCount: Int { state.withLock { $0.queue.waiting.count } }

    /// Whether its engine's loads are trips to another process; see ``LaneEngine/loadsAreRemote``.
    public var loadsAreRemote: Bool { engine.loadsAreRemote }

    /// Queues the command and waits for its outcome, which comes after the commit.
    ///
    /// Cancelling the caller does not take the command back: it may be in a batch already.
    /// - Parameters:
    ///   - tenant: the organization that the command is about; nil for what belongs to no organization.
    ///   - deadline: a command that has not been put into a batch by then fails with ``LaneFailure/expired``.
    ///   - trail: told how far the database had come when the command had ended; a refusal, too, may rest on what
    ///     another command has written just now.
    public func submit<C: LaneCommand>(
        _ command: C, tenant: Tenant?, deadline: Instant, trail: CommitTrail? = nil
    ) async throws(LaneFailure) -> C.Outcome {
        let mark = observer?.commandQueued(C.self)
        let result: Result<C.Outcome, LaneFailure> = await withCheckedContinuation { continuation in
            enqueue(
                Submission.of(command, tenant: tenant, deadline: deadline, mark: mark, trail: trail) {
                    continuation.resume(returning: $0)
                })
        }
        if let mark { observer?.commandEnded(mark, result.failure) }
        let outcome = try result.get()
        if let settled, let tenant { settled(tenant.organization) }
        return outcome
    }

    /// Lets batches be written, until ``stop()``; then empties the queue and returns.
    public func run() async {
        state.withLock { $0.runner = .working }
        while true {
            writeNext()
            if state.withLock({ $0.isStopped && $0.queue.running == 0 && $0.queue.waiting.isEmpty }) { return }
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if case .askedAgain = state.runner {
                        state.runner = .working
                        return true
                    }
                    state.runner = .waiting(continuation)
                    return false
                }
                if goesOn { continuation.resume() }
            }
        }
    }

    /// Takes no further command; ``run()`` returns when those in the queue are answered.
    public func stop() {
        let runner = state.withLock { state in
            state.isStopped = true
            return state.wakeRunner()
        }
        runner?.resume()
    }

    private func enqueue(_ submission: Submission) {
        let isAccepted = state.withLock { state in
            guard !state.isStopped, state.queue.waiting.count < configuration.queueLimit else { return false }
            state.queue.append(submission)
            return true
        }
        guard isAccepted else { return submission.fail(.overloaded) }
        proceed()
    }

    /// Begins a batch if one may begin: here and now for a lone command, which then is on its way to the disk without
    /// another task. Under load the runner does so: it is scheduled behind those who have just been answered, so that
    /// what they send next is in the batch.
    private func proceed() {
        let (isCrowded, runner) = state.withLock { state in
            guard state.queue.mayBegin else { return (true, CheckedContinuation<Void, Never>?.none) }
            let isCrowded = state.isCrowded || state.queue.running > 0
            return (isCrowded, isCrowded || state.isStopped ? state.wakeRunner() : nil)
        }
        runner?.resume()
        if !isCrowded { writeNext() }
    }

    private func writeNext() {
        while let batch = takeBatch() {
            if let begun = machine(of: batch) {
                write([begun.machine], of: batch, begun.mark)
                continue
            }
            // The runner may have looked meanwhile, and waits for the last batch to end.
            let runner = state.withLock { state in
                state.queue.end(batch)
                return state.isStopped ? state.wakeRunner() : nil
            }
            runner?.resume()
        }
    }

    private func takeBatch() -> LaneBatch? {
        state.withLock { state in
            if case .absent = state.runner { return nil }
            let isCrowded = state.queue.waiting.count > 1
            state.queue.decidesAhead = engine.decidesAhead
            guard let batch = state.queue.take() else { return nil }
            state.isCrowded = isCrowded
            return batch
        }
    }

    /// The batch of those that have not waited too long, if there are any.
    private func machine(of batch: LaneBatch) -> (machine: BatchMachine, mark: (any Sendable)?)? {
        let (instant, submissions) = (time.instant(), batch.submissions)
        var live = submissions
        if submissions.contains(where: { $0.deadline < instant }) {
            for submission in submissions where submission.deadline < instant { submission.fail(.expired) }
            live.removeAll { $0.deadline < instant }
        }
        guard !live.isEmpty else { return nil }
        let mark = observer?.batchBegan(live.map(\.mark))
        let machine = BatchMachine(
            live, line: batch.line, isAhead: batch.isAhead, report: observer.report(of: mark))
        return (machine, mark)
    }

    /// Writes these one after the other, the last first, and then whatever has come meanwhile.
    private func write(_ machines: [BatchMachine], of batch: LaneBatch, _ mark: (any Sendable)?) {
        var rest = machines
        guard let machine = rest.popLast() else {
            if let mark { observer?.batchEnded(mark) }
            state.withLock { $0.queue.end(batch) }
            return proceed()
        }
        engine.run(machine) { [rest] ending in
            ending.settle()
            // They keep their deadlines.
            if !ending.deferred.isEmpty { self.state.withLock { $0.queue.append(deferred: ending.deferred) } }
            self.write(rest + ending.again.reversed(), of: batch, mark)
        }
    }
}
