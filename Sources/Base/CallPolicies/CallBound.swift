import Determinism

/// The bound of one call: a limit, or the caller's ``CallDeadline`` if that comes first.
public struct CallBound: Sendable {
    @usableFromInline let timer: CallTimer
    private let start: Instant
    @usableFromInline let deadline: Instant
    private let cause: CallTimeoutError.Cause

    /// The bound of a call that begins now.
    /// - Throws: `CallTimeoutError` when the caller's deadline has passed already.
    public init(_ limit: Duration, timer: CallTimer) throws(CallTimeoutError) {
        self.timer = timer
        start = timer.instant()
        let own = start + limit
        if let callers = CallDeadline.current, callers < own {
            guard callers > start else { throw CallTimeoutError(.callerDeadline, limit: .zero, wasBegun: false) }
            (deadline, cause) = (callers, .callerDeadline)
        } else {
            (deadline, cause) = (own, .limit)
        }
    }

    /// Runs `operation`, but waits for it no longer than the bound.
    /// - Returns: nil when the bound was reached; ``error`` says so.
    /// - Throws: what the operation throws.
    @inlinable
    public func run<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await timer.run(until: deadline, throwing: operation)
    }

    /// What to say when the bound was reached.
    public var error: CallTimeoutError { CallTimeoutError(cause, limit: deadline - start, wasBegun: true) }
}
