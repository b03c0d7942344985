import CallPolicies
import Determinism

/// How often a call is made, and when it is made again.
public struct RetryConfiguration: Sendable, Hashable {
    /// Which failures are followed by another attempt.
    public enum Repeats: Sendable, Hashable {
        /// Those that say that the call had no effect (`RepeatAdvice.repeatable`).
        case whatHadNoEffect
        /// Those as well of which nobody knows what effect they had. Only for calls that are idempotent: reads, or
        /// writes under a key by which whom we call recognizes them.
        case idempotentCalls
    }
    /// The most attempts, the first one included, `1...1_000`. 3 by default.
    public var attempts = 3
    /// Which failures are followed by another attempt. ``Repeats/whatHadNoEffect`` by default.
    public var repeats: Repeats = .whatHadNoEffect
    /// The pauses between attempts.
    public var backoff = Backoff()
    /// How long all attempts and pauses may take together. The calls inside see it as their `CallDeadline`; no pause is
    /// begun that would end behind it. An attempt that is under way then is cut short by a timeout inside, if there is
    /// one, not by the retry. None by default.
    public var deadline: Duration?
    /// The longest pause that a failure may ask for (`Retry-After`); one that asks for more is not repeated. 30 s by
    /// default.
    public var longestRetryAfter: Duration = .seconds(30)

    /// The defaults.
    public init() {}
}

/// A setting that cannot be, and what would be right.
public struct RetryConfigurationError: Error, Hashable, CustomStringConvertible {
    /// The name of the setting, such as `backoff.base`.
    public let setting: String
    /// What is wrong with it, and what would be right.
    public let problem: String

    /// Such as `attempts is 0; it must be in 1...1000`.
    public var description: String { "\(setting) \(problem)" }
}

extension RetryConfiguration {
    /// - Throws: the first setting that cannot be.
    public func validate() throws(RetryConfigurationError) {
        if !(1...1_000).contains(attempts) {
            throw RetryConfigurationError(setting: "attempts", problem: "is \(attempts); it must be in 1...1000")
        }
        if !(1...10).contains(backoff.multiplier) {
            throw RetryConfigurationError(
                setting: "backoff.multiplier", problem: "is \(backoff.multiplier); it must be in 1...10")
        }
        if backoff.base < .zero {
            throw RetryConfigurationError(setting: "backoff.base", problem: "is negative; zero repeats at once")
        }
        if backoff.longest < backoff.base {
            throw RetryConfigurationError(
                setting: "backoff.longest", problem: "is shorter than backoff.base; make it at least that")
        }
        if let deadline, deadline <= .zero {
            throw RetryConfigurationError(setting: "deadline", problem: "is \(deadline); it must be longer than zero")
        }
        if longestRetryAfter < .zero {
            throw RetryConfigurationError(
                setting: "longestRetryAfter", problem: "is negative; zero repeats nothing that asks for a pause")
        }
    }
}
