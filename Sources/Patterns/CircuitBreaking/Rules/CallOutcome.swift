import CallPolicies
import Determinism

/// What a call says about the health of whom was called.
public enum CallOutcome: Sendable, Hashable {
    /// It works.
    case success
    /// It does not.
    /// - Parameter retryAfter: how long it asks to be left alone, as in `Retry-After` (RFC 9110, 10.2.3).
    case failure(retryAfter: Duration? = nil)
    /// The call says nothing about it: it was cancelled by its caller, never sent, or refused for the caller's fault.
    case ignored
}

/// Judges the errors of calls. Results are judged where the call is made, by what only the caller knows of them.
public struct CallClassifier: Sendable {
    private let judgment: @Sendable (any Error) -> CallOutcome

    /// A judge of errors.
    /// - Parameter judgment: what an error says. It is not asked when the caller itself was cancelled. It is asked
    ///   about a `CancellationError` of a caller that was not: somebody further in was cancelled, or a client ends
    ///   calls that take too long in that way, which only who knows it can tell; ``standardOutcome(of:)`` ignores it.
    public init(_ judgment: @escaping @Sendable (any Error) -> CallOutcome) { self.judgment = judgment }

    /// Every error is a failure, but what ``standardOutcome(of:)`` ignores.
    public static let standard = CallClassifier { standardOutcome(of: $0) }

    /// A failure, unless the error says that the call was not made, was cancelled or was cut short by its caller.
    public static func standardOutcome(of error: any Error) -> CallOutcome {
        switch error {
        case is CancellationError: .ignored
        case let timeout as CallTimeoutError: timeout.cause == .limit ? .failure() : .ignored
        case is any CallNotMade: .ignored
        case let error as any RepeatAdvising: .failure(retryAfter: error.repeatAdvice.pause)
        default: .failure()
        }
    }

    /// What `error` says. A caller that was cancelled has left: what its call came to is nobody's fault.
    @usableFromInline
    func outcome(of error: any Error) -> CallOutcome { Task.isCancelled ? .ignored : judgment(error) }
}
