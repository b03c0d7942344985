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
    private let limit: Duration
    private let timer: CallTimer

    /// A limit with a timer of its own.
    /// - Parameter limit: how long a call may take.
    public init(_ limit: Duration, time: any TimeSource) { self.init(limit, timer: CallTimer(time: time)) }

    /// A limit on a timer that others use as well.
    public init(_ limit: Duration, timer: CallTimer) { (self.limit, self.timer) = (limit, timer) }

    /// How many deadlines its timer has ahead: the calls under way, if the timer is its own.
    public var callCount: Int { timer.count }

    /// Runs `operation`, but waits for it no longer than the limit.
    /// - Parameter operation: what to run; cancelled when its time is up and when the caller is cancelled.
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
    public func run<Value: Sendable>(
        until deadline: Instant, _ operation: @escaping @Sendable () async -> Value
    ) async -> DeadlineOutcome<Value> {
        let call = BoundCall(operation)
        guard await ends(call, before: deadline), case .success(let value) = call.result else { return .deadlinePassed }
        return .finished(value)
    }

    /// Runs `operation`, but waits for it no longer than `deadline`.
    /// - Returns: nil when the deadline came first. What the operation still does is dropped then.
    /// - Throws: what the operation throws.
    public func run<Value: Sendable>(
        until deadline: Instant, throwing operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        let call = BoundCall(operation)
        guard await ends(call, before: deadline) else { return nil }
        return try call.result?.get()
    }

    /// - Returns: whether the operation ended before the deadline came.
    private func ends(_ call: CallRace, before deadline: Instant) async -> Bool {
        let ticket = schedule(call, at: deadline)
        let work = begun(call)
        let isInTime: Bool
        if let isFinished = call.isFinished {
            isInTime = isFinished
        } else {
            isInTime = await withTaskCancellationHandler {
                await withUnsafeContinuation { call.wait($0) }
            } onCancel: {
                work.cancel()
            }
        }
        if isInTime { cancel(ticket) } else { work.cancel() }
        return isInTime
    }

    private func begun(_ call: CallRace) -> Task<Void, Never> {
        if #available(macOS 26.0, iOS 26.0, tvOS 26.0, watchOS 26.0, visionOS 26.0, *) {
            return Task.immediate { await call.run() }
        }
        return Task { await call.run() }
    }
}
