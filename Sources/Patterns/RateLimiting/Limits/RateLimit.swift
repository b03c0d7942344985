import Determinism

/// One limit: how much, how fast, and what a refusal brings. A value that is passed with each decision: change it, and
/// the next decision goes by the new one (see ``onChange``).
///
/// Durations are 1 ms to 10 years; quotas and capacities are 1 to 2^40, which fit Redis' doubles.
public struct RateLimit: Sendable, Hashable {
    /// The longest window, period or block: 10 years of 365 days.
    public static let longestDuration: Duration = .seconds(10 * 365 * 86_400)
    /// The shortest window or period.
    public static let shortestDuration: Duration = .milliseconds(1)
    /// The greatest quota, capacity or refill.
    public static let greatestQuota: Int64 = 1 << 40
    /// The longest time that an empty bucket may take to fill: 50 years.
    public static let longestRefill: Duration = .seconds(50 * 365 * 86_400)

    /// What it is called: in reports, in headers, and in the store, where it names the key's state. 1 to 64 bytes.
    public let name: String
    /// How it counts.
    public let algorithm: RateLimitAlgorithm
    /// How long a key is blocked after a refusal, nil for not at all. A request above the capacity does not block.
    /// While a key is blocked further refusals do not prolong it; a fixed window begins anew afterwards.
    public private(set) var blocksFor: Duration?
    /// Attempts count, not only what was admitted: refused requests are charged as well, up to twice the capacity.
    /// Against guessing of passwords. Nothing is charged while a key is blocked, nor for a cost above the capacity.
    public private(set) var countsAttempts = false
    /// Decides and reports, but refuses nothing. It is charged as if it stood alone, whatever other limits of the same
    /// decision say, so that its report is what it would do.
    public private(set) var isShadow = false
    /// What becomes of what is used when the numbers change; ``UsageOnChange/keep`` by default.
    public private(set) var onChange = UsageOnChange.keep

    /// The numbers in process, made once.
    let nanoseconds: LimitParameters
    /// The numbers in Redis, made once.
    let microseconds: LimitParameters
    /// How long an empty bucket takes to fill; a window's length.
    let fillNanoseconds: Int64
    /// Of the name, so that a decision need not hash it.
    let nameHash: UInt64

    /// A limit.
    /// - Throws: the first number that cannot be.
    public init(
        _ name: String, _ algorithm: RateLimitAlgorithm, blocksFor: Duration? = nil, countsAttempts: Bool = false,
        isShadow: Bool = false, onChange: UsageOnChange = .keep
    ) throws(RateLimitConfigurationError) {
        try Self.validate(name, algorithm, blocksFor)
        (self.name, self.algorithm, self.blocksFor) = (name, algorithm, blocksFor)
        (self.countsAttempts, self.isShadow, self.onChange) = (countsAttempts, isShadow, onChange)
        nanoseconds = LimitParameters(
            algorithm, block: blocksFor, countsAttempts: countsAttempts, onChange: onChange, .nanoseconds)
        microseconds = LimitParameters(
            algorithm, block: blocksFor, countsAttempts: countsAttempts, onChange: onChange, .microseconds)
        fillNanoseconds = nanoseconds.kind == .tokenBucket ? nanoseconds.recovery : nanoseconds.rate
        nameHash = SipHash.hash(name, seed: (0, 0))
    }

    /// A bucket of `capacity` tokens, refilled by `refill` of them each `period`. The model: 100, refilled by 10 each
    /// second.
    public static func tokenBucket(
        _ name: String, capacity: Int64, refill: Int64, per period: Duration = .seconds(1)
    ) throws(RateLimitConfigurationError) -> RateLimit {
        try RateLimit(name, .tokenBucket(capacity: capacity, refill: refill, period: period))
    }

    /// `quota` in each sliding `window`.
    public static func slidingWindow(
        _ name: String, quota: Int64, per window: Duration
    ) throws(RateLimitConfigurationError) -> RateLimit {
        try RateLimit(name, .slidingWindow(quota: quota, window: window))
    }

    /// `quota` in each `window` that begins with a key's first request; a key that wants more is blocked for
    /// `blocksFor`. The classic points, duration and block duration.
    public static func fixedWindow(
        _ name: String, quota: Int64, per window: Duration, blocksFor: Duration? = nil
    ) throws(RateLimitConfigurationError) -> RateLimit {
        try RateLimit(name, .fixedWindow(quota: quota, window: window), blocksFor: blocksFor)
    }

    /// The same limit as a shadow: it reports only.
    public func asShadow(_ isShadow: Bool = true) -> RateLimit {
        var copy = self
        copy.isShadow = isShadow
        return copy
    }

    /// The capacity of the bucket, or the quota of the window.
    public var quota: Int64 {
        switch algorithm {
        case .tokenBucket(let capacity, _, _): capacity
        case .slidingWindow(let quota, _), .fixedWindow(let quota, _): quota
        }
    }

    /// The window that ``quota`` is for: for a bucket, the time that it takes to fill.
    public var window: Duration { .nanoseconds(fillNanoseconds) }

    /// The part of this limit that one of `count` processes enforces alone: an equal share of the quota, at least 1,
    /// and of the refill. All together they admit no more than the limit as long as the quota is at least `count`.
    ///
    /// Where the count changes, what was used is scaled, whatever ``onChange`` says of new numbers.
    public func share(of count: Int) -> RateLimit {
        let count = Int64(min(max(count, 1), 1 << 20))
        let share: RateLimitAlgorithm
        switch algorithm {
        case .tokenBucket(let capacity, let refill, let period):
            let quota = max(1, capacity / count)
            // The refill is divided by a longer period, not by fewer tokens: 1 each second of 4 is 1 each 4 seconds.
            let slower = Duration.nanoseconds(period.inNanoseconds.multiplied(by: count))
            let isShort = slower <= Self.longestDuration
            share = .tokenBucket(
                capacity: quota, refill: isShort ? refill : max(1, refill / count), period: isShort ? slower : period)
        case .slidingWindow(let quota, let window):
            share = .slidingWindow(quota: max(1, quota / count), window: window)
        case .fixedWindow(let quota, let window):
            share = .fixedWindow(quota: max(1, quota / count), window: window)
        }
        let scaled = try? RateLimit(
            name, share, blocksFor: blocksFor, countsAttempts: countsAttempts, isShadow: isShadow, onChange: .scale)
        // A share has smaller numbers than a limit that is in its ranges; only a bucket's refill can leave them.
        return scaled ?? self
    }

    /// Same numbers, same block, same rules.
    public static func == (a: Self, b: Self) -> Bool {
        a.name == b.name && a.algorithm == b.algorithm && a.blocksFor == b.blocksFor
            && a.countsAttempts == b.countsAttempts && a.isShadow == b.isShadow && a.onChange == b.onChange
    }

    /// Whether it decides as another one of the same name does.
    func hasNumbers(of other: RateLimit) -> Bool { nanoseconds == other.nanoseconds && isShadow == other.isShadow }

    /// By name and numbers.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(algorithm)
    }
}

extension RateLimit {
    private static func validate(
        _ name: String, _ algorithm: RateLimitAlgorithm, _ block: Duration?
    ) throws(RateLimitConfigurationError) {
        typealias Problem = RateLimitConfigurationError
        try Problem.check(Int64(name.utf8.count), "name.utf8.count", in: 1...64)
        let quotas = 1...greatestQuota
        let durations = shortestDuration...longestDuration
        if let block { try Problem.check(block, "blocksFor", in: durations) }
        switch algorithm {
        case .tokenBucket(let capacity, let refill, let period):
            try Problem.check(capacity, "capacity", in: quotas)
            try Problem.check(refill, "refill", in: quotas)
            try Problem.check(period, "period", in: durations)
            let seconds = Double(capacity) / Double(refill) * (Double(period.inNanoseconds) / 1e9)
            if seconds > Double(longestRefill.components.seconds) {
                throw Problem(
                    setting: "refill", problem: "fills the bucket in more than 50 years; refill it faster")
            }
        case .slidingWindow(let quota, let window), .fixedWindow(let quota, let window):
            try Problem.check(quota, "quota", in: quotas)
            try Problem.check(window, "window", in: durations)
        }
    }
}
