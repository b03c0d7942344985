import Determinism
import Synchronization

/// Does a saga's work from where its row stands, until it ends or must wait.
public protocol SagaWorker: Sendable {
    /// What those who wait for the saga are told.
    associatedtype Report: Sendable
    /// Works on the saga; nil when somebody else holds it, or when nothing could be done and it must be picked up
    /// later.
    func work(on ticket: SagaTicket) async -> Report?
}

/// How a ``SagaCoordinator`` works.
public struct SagaCoordinatorConfiguration: Sendable {
    /// How often due sagas are looked for.
    public var sweepInterval: Duration = .milliseconds(500)
    /// How often those who wait for a saga are checked for having waited long enough.
    public var waiterInterval: Duration = .milliseconds(20)
    /// The most sagas at work at one time.
    public var concurrencyLimit = 8_192
    /// The defaults.
    public init() {}
}

/// Keeps sagas going: those begun here, those that are due, and those that a crash left behind.
///
/// It owns the tasks in which sagas are worked on, so that a client who hangs up does not stop a payment half-way.
public final class SagaCoordinator<Worker: SagaWorker>: Sendable {
    private struct Waiter {
        let deadline: Instant
        let continuation: CheckedContinuation<Worker.Report?, Never>
    }
    /// A saga that is worked on here.
    private struct Run {
        let epoch: Int64
        var waiters: [Waiter] = []
        /// A claim of later, made while the work of before was at its end: the next to be worked on.
        var next: (ticket: SagaTicket, waiters: [Waiter])?

        /// Those who wait for the last word.
        var latestWaiters: [Waiter] {
            get { next?.waiters ?? waiters }
            set { if next != nil { next?.waiters = newValue } else { waiters = newValue } }
        }
        var allWaiters: [Waiter] { next.map { waiters + $0.waiters } ?? waiters }

        mutating func takeWaiters(dueBy now: Instant) -> [Waiter] {
            defer {
                waiters.removeAll { $0.deadline <= now }
                next?.waiters.removeAll { $0.deadline <= now }
            }
            return allWaiters.filter { $0.deadline <= now }
        }
    }
    private struct State {
        var running: [SagaID: Run] = [:]
        var isStopped = false
        var isSuspended = false
        var idle: [CheckedContinuation<Void, Never>] = []
    }
    private let worker: Worker
    private let store: any SagaStore
    private let time: any TimeSource
    private let configuration: SagaCoordinatorConfiguration
    private let state = Mutex(State())
    private enum Job: Sendable {
        case work(SagaTicket, mark: (any Sendable)?)
        /// Cancel what is at work.
        case abandon
    }
    private let jobs: AsyncStream<Job>
    private let enqueue: AsyncStream<Job>.Continuation
    /// Asks for somebody to work on what comes.
    private let shifts: AsyncStream<Void>
    private let shift: AsyncStream<Void>.Continuation
    private let observer: (any SagaObserver)?
    private let reportTrouble: @Sendable (any Error) -> Void

    /// - Parameter reportTrouble: told of a store that cannot be read or written; the sweep tries again.
    public init(
        worker: Worker, store: any SagaStore, time: any TimeSource,
        configuration: SagaCoordinatorConfiguration = SagaCoordinatorConfiguration(),
        observer: (any SagaObserver)? = nil, reportTrouble: @escaping @Sendable (any Error) -> Void
    ) {
        (self.worker, self.store, self.time) = (worker, store, time)
        (self.configuration, self.observer, self.reportTrouble) = (configuration, observer, reportTrouble)
        (jobs, enqueue) = AsyncStream.makeStream()
        (shifts, shift) = AsyncStream.makeStream()
    }

    /// Whether another saga may be begun; ask before the commit that begins it.
    public var hasRoom: Bool { room > 0 }

    /// Whether no saga is at work here.
    public var isIdle: Bool { state.withLock { $0.running.isEmpty } }

    /// How many wait for a report at this moment.
    var waiterCount: Int { state.withLock { $0.running.values.reduce(0) { $0 + $1.allWaiters.count } } }

    /// Works on a claimed saga. Does nothing if it is being worked on here already under this claim, or a later one.
    public func start(_ ticket: SagaTicket) { if take(ticket, nil) == .toBeStarted { begin(ticket) } }

    private enum Taking {
        case refused
        /// It is at work, or will be.
        case taken
        case toBeStarted
    }

    private func take(_ ticket: SagaTicket, _ waiter: Waiter?) -> Taking {
        state.withLock { state in
            if state.isStopped || state.isSuspended { return .refused }
            let isNew = state.running[ticket.id] == nil
            var run = state.running[ticket.id] ?? Run(epoch: ticket.epoch)
            if ticket.epoch > run.next?.ticket.epoch ?? run.epoch { run.next = (ticket, run.next?.waiters ?? []) }
            if let waiter { run.latestWaiters.append(waiter) }
            state.running[ticket.id] = run
            return isNew ? .toBeStarted : .taken
        }
    }

    private func begin(_ ticket: SagaTicket) { enqueue.yield(.work(ticket, mark: observer?.sagaStarted(ticket))) }

    /// Works on a claimed saga and waits for its report, as ``report(of:until:)`` does: the saga cannot have ended
    /// before anybody asks.
    public func startAndReport(_ ticket: SagaTicket, until deadline: Instant) async -> Worker.Report? {
        await withCheckedContinuation { continuation in
            let waiter = Waiter(deadline: deadline, continuation: continuation)
            switch take(ticket, waiter) {
            case .refused: continuation.resume(returning: nil)
            case .taken: break
            case .toBeStarted: begin(ticket)
            }
        }
    }

    /// Waits for the work that is being done on the saga here: its report, or nil when nobody works on it here, when
    /// the worker lost it, or when `deadline` has passed.
    public func report(of saga: SagaID, until deadline: Instant) async -> Worker.Report? {
        await withCheckedContinuation { continuation in
            let isRunning = state.withLock { state in
                guard !state.isStopped, state.running[saga] != nil else { return false }
                state.running[saga]?.latestWaiters.append(Waiter(deadline: deadline, continuation: continuation))
                return true
            }
            if !isRunning { continuation.resume(returning: nil) }
        }
    }

    /// Claims everything that is unfinished and due, and returns once each of it has ended or waits for a later time.
    /// - Parameter alone: whether no other server can be at work on these sagas; leases then do not count.
    /// - Returns: how many sagas were worked on.
    @discardableResult
    public func recover(alone: Bool) async throws -> Int {
        var seen = Set<SagaID>()
        while true {
            // Those that could not be worked on stay due; they must not hide the ones behind them.
            let due = try await store.due(at: time.now(), ignoringLeases: alone, limit: seen.count + 512)
            let fresh = due.filter { !seen.contains($0.id) }
            if fresh.isEmpty { return seen.count }
            // One that the sweep has taken meanwhile is in good hands: a second claim would only fence those.
            let free = fresh.filter { !isAtWork(on: $0.id) }
            seen.formUnion(free.map(\.id))
            try await withThrowingDiscardingTaskGroup { group in
                for ticket in free {
                    group.addTask { if let claimed = try await self.store.claim(ticket) { self.start(claimed) } }
                }
            }
            await whenIdle()
        }
    }

    /// Runs what is started and sweeps for what is due, until ``stop()``; then returns when nothing is at work.
    /// Cancelling the task cancels the work, which the next start recovers.
    public func run() async {
        await withDiscardingTaskGroup { clocks in
            clocks.addTask(name: "saga sweep") { await self.sweep() }
            clocks.addTask { await self.releaseWaiters() }
            shift.yield()
            await withDiscardingTaskGroup { group in
                for await _ in shifts { group.addTask { await self.workShift() } }
            }
            clocks.cancelAll()
        }
        // Nobody is left to answer those who wait, and nobody comes to work on what is started now.
        let (waiters, idle) = state.withLock { state in
            defer { (state.running, state.idle, state.isStopped) = ([:], [], true) }
            return (state.running.values.flatMap(\.allWaiters), state.idle)
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        for continuation in idle { continuation.resume() }
    }

    /// Cancels what is at work here, and takes nothing up until ``resume()``: it may be somebody else's by now.
    public func suspend() {
        state.withLock { $0.isSuspended = true }
        enqueue.yield(.abandon)
    }

    /// Whether nothing is taken up, since ``suspend()``.
    var isSuspended: Bool { state.withLock { $0.isSuspended } }

    /// Takes up again what is due.
    public func resume() { state.withLock { $0.isSuspended = false } }

    /// Takes no further saga; ``run()`` returns when those at work are done.
    public func stop() {
        state.withLock { $0.isStopped = true }
        enqueue.finish()
    }

    /// Works on what comes until the work is abandoned, or nothing more comes. A call that ignores its cancellation
    /// ends when it ends; the next shift does not wait for it.
    private func workShift() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs {
                switch job {
                case .work(let ticket, let mark):
                    group.addTask { self.finished(ticket.id, await self.work(on: ticket, mark)) }
                case .abandon:
                    shift.yield()
                    group.cancelAll()
                    return
                }
            }
            shift.finish()
        }
    }

    private func work(on ticket: SagaTicket, _ mark: (any Sendable)?) async -> Worker.Report? {
        guard let observer else { return await worker.work(on: ticket) }
        return await observer.working(on: ticket, mark) { await worker.work(on: ticket) }
    }

    private func finished(_ saga: SagaID, _ report: Worker.Report?) {
        var (waiters, forsaken, idle): ([Waiter], [Waiter], [CheckedContinuation<Void, Never>]) = ([], [], [])
        let next: SagaTicket? = state.withLock { state in
            guard let run = state.running.removeValue(forKey: saga) else { return nil }
            waiters = run.waiters
            if let later = run.next, !state.isStopped, !state.isSuspended {
                state.running[saga] = Run(epoch: later.ticket.epoch, waiters: later.waiters)
                return later.ticket
            }
            forsaken = run.next?.waiters ?? []
            if state.running.isEmpty { swap(&idle, &state.idle) }
            return nil
        }
        for waiter in waiters { waiter.continuation.resume(returning: report) }
        for waiter in forsaken { waiter.continuation.resume(returning: nil) }
        if let next { begin(next) }
        for continuation in idle { continuation.resume() }
    }

    private func whenIdle() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.running.isEmpty { return true }
                state.idle.append(continuation)
                return false
            }
            if isIdle { continuation.resume() }
        }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func sweep() async {
        while !isStopped, (try? await time.sleep(for: configuration.sweepInterval)) != nil {
            await takeUpWhatIsDue()
        }
    }

    /// Claims what is due and starts it: what a sweep does, at once, for whoever knows that something has become due.
    public func takeUpWhatIsDue() async {
        do {
            let limit = 256
            var count: Int
            repeat {
                let due = try await store.due(at: time.now(), ignoringLeases: false, limit: limit)
                count = due.count
                let fresh = due.filter { !isAtWork(on: $0.id) }.prefix(room)
                // Those that could not be claimed are still there: they wait for the next sweep.
                guard await claim(fresh) > 0 else { return }
            } while count == limit && !Task.isCancelled
        } catch {
            // A read that was cut off by an orderly stop is no trouble.
            if !Task.isCancelled { reportTrouble(error) }
        }
    }

    /// Claims share their commits, as all commands do that come together.
    /// - Returns: how many were claimed.
    private func claim(_ tickets: ArraySlice<SagaTicket>) async -> Int {
        await withTaskGroup(of: Int.self) { group in
            for ticket in tickets {
                group.addTask {
                    // One that cannot be claimed must not keep the others waiting.
                    do {
                        guard let claimed = try await self.store.claim(ticket) else { return 0 }
                        self.start(claimed)
                        return 1
                    } catch {
                        self.reportTrouble(error)
                        return 0
                    }
                }
            }
            return await group.reduce(0, +)
        }
    }

    private func isAtWork(on saga: SagaID) -> Bool { state.withLock { $0.running[saga] != nil } }

    /// How many more sagas may be at work here.
    private var room: Int {
        state.withLock { state in
            state.isStopped || state.isSuspended ? 0 : max(0, configuration.concurrencyLimit - state.running.count)
        }
    }

    private func releaseWaiters() async {
        while (try? await time.sleep(for: configuration.waiterInterval)) != nil {
            let now = time.instant()
            let late: [Waiter] = state.withLock { state in
                var late: [Waiter] = []
                for (saga, run) in state.running where run.allWaiters.contains(where: { $0.deadline <= now }) {
                    late += state.running[saga]?.takeWaiters(dueBy: now) ?? []
                }
                return late
            }
            for waiter in late { waiter.continuation.resume(returning: nil) }
        }
    }
}
