import CallPolicies
import Determinism
import Synchronization

/// Bounds how many calls are under way at a time, so that one slow dependency does not take everything with it. Those
/// that find no place wait in a bounded queue, for a bounded time, first come, first served.
public final class Bulkhead: Sendable {
    private struct State {
        var machine: BulkheadMachine
        var waiters: [UInt64: BulkheadWaiter] = [:]
        var timeouts: UInt64 = 0
    }
    /// For errors, logs and metrics.
    public let name: String
    private let longestWait: Duration
    private let timer: CallTimer
    private let state: Mutex<State>

    /// A bulkhead.
    /// - Parameters:
    ///   - limit: the most calls at a time, at least 1.
    ///   - queue: the most callers that wait; none by default.
    ///   - longestWait: how long they wait; 1 s by default, and never longer than until their `CallDeadline`.
    ///   - name: for errors, logs and metrics.
    /// - Precondition: `limit` is positive, `queue` and `longestWait` are not negative.
    public init(
        limit: Int, queue: Int = 0, longestWait: Duration = .seconds(1), name: String = "calls",
        timer: CallTimer = .system
    ) {
        precondition(limit > 0, "a bulkhead without places lets nobody through; limit must be at least 1")
        precondition(queue >= 0 && longestWait >= .zero, "queue and longestWait must not be negative")
        (self.name, self.longestWait, self.timer) = (name, longestWait, timer)
        state = Mutex(State(machine: BulkheadMachine(limit: limit, queueLimit: queue)))
    }

    /// Makes a call once there is a place for it.
    /// - Throws: ``BulkheadError`` when the call was not made, else what the operation throws.
    public func run<Value>(
        isolation: isolated (any Actor)? = #isolation, _ operation: () async throws -> Value
    ) async throws -> Value {
        let permit = try await acquire()
        defer { permit.keep() }
        return try await operation()
    }

    /// Waits for a place. It is held until the permit is gone.
    public func acquire() async throws(BulkheadError) -> BulkheadPermit {
        let waiter: BulkheadWaiter? = try enter()
        guard let waiter else { return BulkheadPermit(self) }
        let limit = timer.instant() + longestWait
        let ticket = timer.schedule(waiter, at: min(limit, CallDeadline.current ?? limit))
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter.wait($0) }
        } onCancel: {
            waiter.abandon(.cancelled)
        }
        timer.cancel(ticket)
        if case .refused(let reason) = outcome { throw state.withLock { error(reason, $0) } }
        return BulkheadPermit(self)
    }

    /// What goes on in it.
    public var snapshot: BulkheadSnapshot {
        state.withLock { state in
            BulkheadSnapshot(
                name: name, running: state.machine.running, waiting: state.machine.waiting,
                refusals: state.machine.refusals, timeouts: state.timeouts)
        }
    }

    /// nil for one that is in.
    private func enter() throws(BulkheadError) -> BulkheadWaiter? {
        let result: Result<BulkheadWaiter?, BulkheadError> = state.withLock { state in
            switch state.machine.enter() {
            case .entered: return .success(nil)
            case .refused: return .failure(error(.full, state))
            case .queued(let number):
                let waiter = BulkheadWaiter(number, of: self)
                state.waiters[number] = waiter
                return .success(waiter)
            }
        }
        return try result.get()
    }

    private func error(_ reason: BulkheadError.Reason, _ state: borrowing State) -> BulkheadError {
        BulkheadError(
            bulkhead: name, reason: reason, running: state.machine.running, waiting: state.machine.waiting)
    }

    func leave() {
        let next = state.withLock { state in
            state.machine.leave().flatMap { state.waiters.removeValue(forKey: $0) }
        }
        next?.settle(.entered)
    }

    /// - Returns: false when it is in already.
    func abandon(_ number: UInt64, _ reason: BulkheadError.Reason) -> Bool {
        state.withLock { state in
            guard state.machine.abandon(number) else { return false }
            state.waiters[number] = nil
            if reason == .waitedTooLong { state.timeouts += 1 }
            return true
        }
    }
}

/// What goes on in a bulkhead.
public struct BulkheadSnapshot: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// How many calls are under way, and how many callers wait.
    public let (running, waiting): (Int, Int)
    /// How many callers were turned away because the queue was full, and how many because they had waited too long.
    public let (refusals, timeouts): (UInt64, UInt64)
}

/// A place in a ``Bulkhead``; it becomes free when this is gone.
public struct BulkheadPermit: ~Copyable, Sendable {
    private let bulkhead: Bulkhead

    init(_ bulkhead: Bulkhead) { self.bulkhead = bulkhead }

    deinit { bulkhead.leave() }

    /// Does nothing but keep the place until here.
    public borrowing func keep() {}
}

extension Bulkhead: CallPolicy {
    /// Between a retry and a circuit breaker.
    public typealias Place = BulkheadPlace

    /// Makes the call once there is a place for it.
    public func call<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await run(operation)
    }
}
