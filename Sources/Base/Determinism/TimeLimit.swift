/// The outcome of ``TimeLimit/run(_:)``: what the operation returned, or that its time was up first.
public enum DeadlineOutcome<Value: Sendable>: Sendable {
    /// The operation ended in time, with this.
    case finished(Value)
    /// The deadline came first. The operation was cancelled and what it still returns is dropped.
    case deadlinePassed
}

/// Bounds calls in time, each by the same limit.
///
/// A task group would wait for an operation that ignores its cancellation; this does not, which is the point: a
/// provider that hangs must not hang its caller. See ``CallTimer/run(until:_:)``.
public struct TimeLimit: Sendable {
    @usableFromInline let limit: Duration
    @usableFromInline let timer: CallTimer

    /// A limit with a timer of its own.
    /// - Parameter limit: how long a call may take.
    public init(_ limit: Duration, time: any TimeSource) { self.init(limit, timer: CallTimer(time: time)) }

    /// A limit on a timer that others use as well.
    public init(_ limit: Duration, timer: CallTimer) { (self.limit, self.timer) = (limit, timer) }

    /// How many deadlines its timer has ahead: the calls under way, if the timer is its own.
    public var callCount: Int { timer.count }

    /// Runs `operation`, but waits for it no longer than the limit.
    /// - Parameter operation: what to run; cancelled when its time is up and when the caller is cancelled.
    @inlinable
    public func run<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value
    ) async -> DeadlineOutcome<Value> {
        await timer.run(until: timer.instant() + limit, operation)
    }
}

extension CallTimer {
    /// Runs `operation`, but waits for it no longer than `deadline`.
    ///
    /// The price is one unstructured task for each call, which ends with the operation. It begins in the caller's
    /// place, so that an operation that needs not wait costs no switch to another thread.
    /// - Parameter operation: what to run; cancelled when its time is up and when the caller is cancelled.
    @inlinable
    public func run<Value: Sendable>(
        until deadline: Instant, _ operation: @escaping @Sendable () async -> Value
    ) async -> DeadlineOutcome<Value> {
        let race = CallRace.of(operation)
        guard await ends(race, before: deadline), let outcome = race.outcome, case .success(let object) = outcome else {
            return .deadlinePassed
        }
        return .finished(unsafeDowncast(object, to: CallValue<Value>.self).value)
    }

    /// Runs `operation`, but waits for it no longer than `deadline`.
    /// - Returns: nil when the deadline came first. What the operation still does is dropped then.
    /// - Throws: what the operation throws.
    @inlinable
    public func run<Value: Sendable>(
        until deadline: Instant, throwing operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        let race = CallRace.of(operation)
        guard await ends(race, before: deadline), let outcome = race.outcome else { return nil }
        return unsafeDowncast(try outcome.get(), to: CallValue<Value>.self).value
    }

    /// - Returns: whether the operation ended before the deadline came.
    @usableFromInline
    nonisolated(nonsending) func ends(_ race: CallRace, before deadline: Instant) async -> Bool {
        let ticket = schedule(race, at: deadline)
        let isInTime = await withTaskCancellationHandler {
            await withUnsafeContinuation { race.begin($0) }
        } onCancel: {
            race.cancel()
        }
        if isInTime { cancel(ticket) } else { race.cancel() }
        return isInTime
    }
}
