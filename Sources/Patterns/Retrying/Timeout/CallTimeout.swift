import CallPolicies
import Determinism

/// Bounds a call in time. It is cancelled at its limit, and nobody waits for it any longer, whether or not it heeds
/// that.
///
/// A caller whose own `CallDeadline` comes first is not told that the callee was too slow: `CallTimeoutError` says
/// whose patience was over.
public struct CallTimeout: CallPolicy {
    /// Innermost.
    public typealias Place = TimeoutPlace
    /// How long a call may take.
    public let limit: Duration
    @usableFromInline let timer: CallTimer

    /// A timeout.
    /// - Parameters:
    ///   - limit: how long a call may take.
    ///   - timer: keeps the deadlines of all calls.
    public init(_ limit: Duration, timer: CallTimer = .system) { (self.limit, self.timer) = (limit, timer) }

    /// Makes the call, and waits for it no longer than the limit.
    /// - Throws: `CallTimeoutError` when its time was up, else what the operation throws.
    @inlinable
    public func call<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let bound = try CallBound(limit, timer: timer)
        guard let value = try await bound.run(operation) else { throw bound.error }
        return value
    }
}
