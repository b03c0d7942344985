import Determinism

/// When a circuit opens, for how long, and what closes it again.
///
/// A rule that is nil does not apply; at least one must. Percentages are whole numbers and compared in integers: 5 of
/// 10 are 50 percent, and a threshold of 50 is reached by them.
public struct CircuitBreakerConfiguration: Sendable, Hashable {
    /// Which calls the rates are made of. 10 s in ten slices by default.
    public var window: CallWindow = .time(.seconds(10), slices: 10)
    /// The share of failures that opens the circuit. 50 percent of at least 10 calls by default.
    public var failureRate: FailureRateRule? = FailureRateRule()
    /// The share of slow calls that opens the circuit. None by default.
    public var slowRate: SlowRateRule?
    /// How many failures in a row open the circuit, at least 1. None by default.
    public var consecutiveFailures: Int?
    /// How long the circuit stays open before probes are let through. 30 s by default.
    public var wait: OpenWait = .constant(.seconds(30))
    /// The longest wait that a failure may ask for (`Retry-After`); the circuit then stays open for what the failure
    /// that opened it has asked for, whatever ``wait`` says. nil ignores what failures ask for. 5 min by default.
    public var longestRetryAfter: Duration? = .seconds(300)
    /// How the half-open circuit is tried. Three probes by default.
    public var halfOpen = HalfOpenRule()
    /// How long one call may take in ``CircuitBreaker/run(isolation:_:judging:)``: it is cancelled and not waited for
    /// any longer, and counts as a failure. nil, the default, is for calls that bound themselves.
    public var timeout: Duration?
    /// The span of time that latency percentiles are of. 60 s by default; nil keeps none (and saves 7 kB).
    public var latencyWindow: Duration? = .seconds(60)
    /// What the breaker does at first. ``CircuitMode/automatic`` by default.
    public var mode: CircuitMode = .automatic

    /// The defaults.
    public init() {}

    /// Calls that take longer than 3 s have failed; half of the calls failing within 10 s, at least 10 of them, opens
    /// the circuit for 30 s; then one call is let through to see. What `opossum` does with `timeout: 3000`,
    /// `errorThresholdPercentage: 50`, `resetTimeout: 30000`, but for a minimum of calls.
    public static var classic: Self {
        var configuration = Self()
        configuration.timeout = .seconds(3)
        configuration.halfOpen.permits = 1
        return configuration
    }
}

/// Which calls a rate is made of.
public enum CallWindow: Sendable, Hashable {
    /// The last so many calls, `1...1_000_000`. One bit each.
    case calls(Int)
    /// The calls that ended within that time, which passes in slices, `1...1_000`: between `slices - 1` and `slices` of
    /// them count. At least 1 ns a slice.
    case time(Duration, slices: Int)
}

/// Opens the circuit by the share of calls that failed.
public struct FailureRateRule: Sendable, Hashable {
    /// From that share on, `1...100`. 50 by default.
    public var percent: Int
    /// Not before that many calls have ended within the window, at least 1. 10 by default.
    public var minimumCalls: Int
    /// A rule.
    public init(percent: Int = 50, minimumCalls: Int = 10) {
        (self.percent, self.minimumCalls) = (percent, minimumCalls)
    }
}

/// Opens the circuit by the share of calls that are slow, whether or not they succeed.
public struct SlowRateRule: Sendable, Hashable {
    /// A call is slow when it has taken that long.
    public var threshold: Duration
    /// From that share on, `1...100`. 50 by default.
    public var percent: Int
    /// Not before that many calls have been fast or slow within the window, at least 1. 10 by default. Not shared with
    /// the failures' minimum, or a few slow calls would count as many.
    public var minimumCalls: Int
    /// Whether a call that is still running counts as slow from the moment that it has taken that long. A dependency
    /// that hangs is then noticed while it hangs. true by default; the moment is noticed with the next call that begins
    /// or ends. From the oldest call that runs on, 4,096 are watched; further ones count when they end.
    public var countsRunningCalls: Bool
    /// A rule.
    public init(threshold: Duration, percent: Int = 50, minimumCalls: Int = 10, countsRunningCalls: Bool = true) {
        (self.threshold, self.percent) = (threshold, percent)
        (self.minimumCalls, self.countsRunningCalls) = (minimumCalls, countsRunningCalls)
    }
}

/// How long a circuit stays open before it is tried.
public struct OpenWait: Sendable, Hashable {
    /// The wait after the circuit has opened from closed.
    public var base: Duration
    /// What each opening in a row multiplies it with, `1...10`; closing begins anew.
    public var multiplier: Double
    /// The longest wait.
    public var longest: Duration
    /// The share of the wait that is drawn, `0...1`, so that a fleet does not try in the same moment: with 0.2, between
    /// 80 and 100 percent of it.
    public var jitter: Double

    /// A wait.
    public init(base: Duration, multiplier: Double = 1, longest: Duration = .seconds(3_600), jitter: Double = 0) {
        (self.base, self.multiplier) = (base, multiplier)
        (self.longest, self.jitter) = (max(longest, base), jitter)
    }

    /// Always the same.
    public static func constant(_ wait: Duration) -> Self { Self(base: wait, longest: wait) }
    /// Doubles with each opening in a row, up to `longest`, a fifth of it drawn.
    public static func doubling(from base: Duration, upTo longest: Duration, jitter: Double = 0.2) -> Self {
        Self(base: base, multiplier: 2, longest: longest, jitter: jitter)
    }

    /// The wait after that many openings in a row (1 is the first).
    /// - Parameter draw: 64 random bits.
    public func duration(opening count: Int, draw: UInt64) -> Duration {
        var whole = Double(base.inNanoseconds)
        let limit = Double(longest.inNanoseconds)
        if multiplier > 1 {
            for _ in 1..<max(count, 1) {
                whole *= multiplier
                if whole >= limit { break }
            }
        }
        whole = min(whole, limit)
        let share = Double(draw >> 11) * 0x1p-53
        return .nanoseconds(Int64(min(whole * (1 - jitter * share), 0x1p62)))
    }
}

/// How a circuit is tried once its wait is over.
public struct HalfOpenRule: Sendable, Hashable {
    /// How many calls are let through, `1...1_000`. Their failures decide by ``percent``, and the verdict is given as
    /// soon as those that are still out cannot change it. 3 by default.
    public var permits = 3
    /// The share of failures that opens the circuit again, `1...100`; slow probes count by the slow rate's own
    /// percentage. 50 by default.
    public var percent = 50
    /// A probe that has not ended by then counts as failed, and its place is not waited for. 30 s by default.
    public var deadline: Duration = .seconds(30)
    /// The defaults.
    public init() {}
    /// That many calls.
    public init(permits: Int, percent: Int = 50, deadline: Duration = .seconds(30)) {
        (self.permits, self.percent, self.deadline) = (permits, percent, deadline)
    }
}
