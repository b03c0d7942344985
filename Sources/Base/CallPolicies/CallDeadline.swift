import Determinism

/// When the caller loses interest, for everything that is called on its behalf.
///
/// Timeouts end at it if it comes before their own limit, and retries plan nothing beyond it. A call that was cut short
/// by it says nothing about whom was called: a circuit breaker does not count it.
public enum CallDeadline {
    /// The deadline of the current task, on the monotonic clock; nil when there is none.
    @TaskLocal public static var current: Instant?

    /// Runs `operation` under `deadline`, or under the one that is there if that is earlier.
    public static func with<Value>(
        _ deadline: Instant, isolation: isolated (any Actor)? = #isolation, _ operation: () async throws -> Value
    ) async rethrows -> Value {
        try await $current.withValue(current.map { min($0, deadline) } ?? deadline, operation: operation)
    }
}

/// A call was not waited for any longer. What became of it is not known.
public struct CallTimeoutError: Error, Hashable, RepeatAdvising, CustomStringConvertible {
    /// Whose patience was over.
    public enum Cause: Sendable, Hashable {
        /// The limit for calls of this kind: whom we called was too slow.
        case limit
        /// The caller's own deadline came first, which says nothing about whom we called.
        case callerDeadline
    }
    /// Whose patience was over.
    public let cause: Cause
    /// How long the call had been given.
    public let limit: Duration
    /// False when the deadline had passed already: then nothing was called.
    public let wasBegun: Bool

    /// An error.
    public init(_ cause: Cause, limit: Duration, wasBegun: Bool) {
        (self.cause, self.limit, self.wasBegun) = (cause, limit, wasBegun)
    }

    /// Behind the caller's deadline nothing is of use; otherwise the call may have had its effect.
    public var repeatAdvice: RepeatAdvice { cause == .callerDeadline ? .pointless : .uncertain() }

    /// One line for a log.
    public var description: String {
        switch (cause, wasBegun) {
        case (_, false): "The caller's deadline had passed before the call could begin"
        case (.limit, true): "No answer within \(limit)"
        case (.callerDeadline, true): "No answer before the caller's deadline, \(limit) after the call began"
        }
    }
}
