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
/// A lone command is not held back to wait for company; batches form by themselves while the one before them is being
/// written. Correctness does not rest on the lane: several servers may write to one shard, and locks, guarded updates,
/// unique keys and checks hold the invariants.
public final class WriteLane: Sendable {
    private struct State {
        var queue: [Submission] = []
        var wakeUp: CheckedContinuation<Void, Never>?
        var isStopped = false
    }
    private enum Next {
        case batch([Submission])
        case wait
        case stopped
    }
    private let engine: any LaneEngine
    private let configuration: WriteLaneConfiguration
    private let time: any TimeSource
    private let observer: (any LaneObserver)?
    private let state = Mutex(State())

    /// A lane that writes through `engine`; it does nothing before ``run()``.
    public init(
        engine: any LaneEngine, time: any TimeSource, configuration: WriteLaneConfiguration = WriteLaneConfiguration(),
        observer: (any LaneObserver)? = nil
    ) {
        (self.engine, self.time, self.configuration, self.observer) = (engine, time, configuration, observer)
    }

    /// How many commands wait for a batch at this moment.
    public var waitingCount: Int { state.withLock { $0.queue.count } }

    /// Queues the command and waits for its outcome, which comes after the commit.
    ///
    /// Cancelling the caller does not take the command back: it may be in a batch already.
    /// - Parameters:
    ///   - tenant: the organization that the command is about; nil for what belongs to no organization.
    ///   - deadline: a command that has not been put into a batch by then fails with ``LaneFailure/expired``.
    public func submit<C: LaneCommand>(
        _ command: C, tenant: Tenant?, deadline: Instant
    ) async throws(LaneFailure) -> C.Outcome {
        let mark = observer?.commandQueued(C.self)
        let result: Result<C.Outcome, LaneFailure> = await withCheckedContinuation { continuation in
            let submission = Submission.of(command, tenant: tenant, deadline: deadline, mark: mark) {
                continuation.resume(returning: $0)
            }
            let (accepted, wakeUp) = state.withLock { state in
                guard !state.isStopped, state.queue.count < configuration.queueLimit else {
                    return (false, CheckedContinuation<Void, Never>?.none)
                }
                state.queue.append(submission)
                defer { state.wakeUp = nil }
                return (true, state.wakeUp)
            }
            if !accepted { submission.fail(.overloaded) }
            wakeUp?.resume()
        }
        if let mark { observer?.commandEnded(mark, result.failure) }
        return try result.get()
    }

    /// Forms batches and runs them until ``stop()``, then empties the queue and returns.
    public func run() async {
        while true {
            switch next() {
            case .batch(let submissions): await write(submissions)
            case .wait: await waitForWork()
            case .stopped: return
            }
        }
    }

    /// Takes no further command; ``run()`` returns when those in the queue are answered.
    public func stop() {
        let wakeUp = state.withLock { state in
            state.isStopped = true
            defer { state.wakeUp = nil }
            return state.wakeUp
        }
        wakeUp?.resume()
    }

    private func next() -> Next {
        state.withLock { state in
            if state.queue.isEmpty { return state.isStopped ? .stopped : .wait }
            let batch = Array(state.queue.prefix(configuration.batchLimit))
            state.queue.removeFirst(batch.count)
            return .batch(batch)
        }
    }

    private func waitForWork() async {
        await withCheckedContinuation { continuation in
            let resumeNow = state.withLock { state in
                if !state.queue.isEmpty || state.isStopped { return true }
                state.wakeUp = continuation
                return false
            }
            if resumeNow { continuation.resume() }
        }
    }

    private func write(_ submissions: [Submission]) async {
        let instant = time.instant()
        var live: [Submission] = []
        live.reserveCapacity(submissions.count)
        for submission in submissions {
            if submission.deadline < instant { submission.fail(.expired) } else { live.append(submission) }
        }
        guard !live.isEmpty else { return }
        let mark = observer?.batchBegan(live.map(\.mark))
        var batches = [BatchMachine(live, report: observer.report(of: mark))]
        while let batch = batches.popLast() { batches += await engine.run(batch).reversed() }
        if let mark { observer?.batchEnded(mark) }
    }
}
