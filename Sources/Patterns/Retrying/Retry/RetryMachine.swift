import CallPolicies
import Determinism

/// Decides after each failed attempt whether there is another one: a pure state machine.
///
/// Transitions: an attempt fails → `.pause`, or `.giveUp` for good; after that every failure is given up.
public struct RetryMachine: Sendable {
    /// What to do after a failure.
    public enum Decision: Sendable, Hashable {
        /// Wait that long and make the call again, if the budget has something left.
        case pause(Duration)
        /// Tell the caller.
        case giveUp(RetryEnd)
    }
    private let configuration: RetryConfiguration
    private let deadline: Instant?
    private var previousPause: Duration?
    private var hasEnded = false
    /// How many attempts have failed.
    public private(set) var failures = 0

    /// Before the first attempt.
    /// - Parameter deadline: when the caller loses interest; nil for never.
    public init(_ configuration: RetryConfiguration, deadline: Instant?) {
        (self.configuration, self.deadline) = (configuration, deadline)
    }

    /// An attempt failed.
    /// - Parameters:
    ///   - advice: what the failure says about making the call again.
    ///   - draw: 64 random bits.
    public mutating func failed(_ advice: RepeatAdvice, now: Instant, draw: UInt64) -> Decision {
        failures += 1
        switch advice {
        case _ where hasEnded: return end(.attemptsUsedUp)
        case .pointless: return end(.pointless)
        case .uncertain where configuration.repeats != .idempotentCalls: return end(.mayHaveHadAnEffect)
        case .repeatable, .uncertain: break
        }
        if failures >= configuration.attempts { return end(.attemptsUsedUp) }
        var pause = configuration.backoff.pause(afterFailures: failures, previous: previousPause, draw: draw)
        previousPause = pause
        if let asked = advice.pause {
            if asked > configuration.longestRetryAfter { return end(.askedToWaitTooLong) }
            pause = max(pause, asked)
        }
        if let deadline, now + pause >= deadline { return end(.deadline) }
        return .pause(pause)
    }

    private mutating func end(_ why: RetryEnd) -> Decision {
        hasEnded = true
        return .giveUp(why)
    }
}

/// Why a failed call is not made again.
public enum RetryEnd: String, Sendable, Hashable, CaseIterable {
    /// The limit on attempts is reached.
    case attemptsUsedUp
    /// The failure says that another attempt is of no use: an open circuit, a full bulkhead, the caller's cancellation.
    case pointless
    /// The call may have had its effect, and is not said to be idempotent.
    case mayHaveHadAnEffect
    /// The failure asks for a longer pause than is allowed.
    case askedToWaitTooLong
    /// The pause would end behind the deadline.
    case deadline
    /// Too many calls are being repeated already.
    case budget
}
