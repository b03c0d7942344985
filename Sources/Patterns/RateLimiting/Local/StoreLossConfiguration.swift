/// What a ``ResilientRateLimiter`` does without its store.
public struct StoreLossConfiguration: Sendable {
    /// For requests that name no policy of their own; ``StoreLossPolicy/share`` by default.
    public var policy = StoreLossPolicy.share
    /// When a refusal without the store says to come back: 1 ms to 1 h, 1 s by default.
    public var retryAfter: Duration = .seconds(1)
    /// The most keys whose shares are enforced, and whose debts are remembered: `64...10_000_000`, 65,536 by default.
    /// What is admitted beyond them is not charged later.
    public var keyLimit = 65_536
    /// How often ``ResilientRateLimiter/run()`` charges debts and gives back leases: 1 ms to 1 h, 1 s by default.
    public var reconcileInterval: Duration = .seconds(1)
    /// How many debts it charges each time; `1...100_000`, 1,000 by default.
    public var reconcileCount = 1_000
    /// The defaults.
    public init() {}

    /// - Throws: the first setting that cannot be.
    public func validate() throws(RateLimitConfigurationError) {
        let durations: ClosedRange<Duration> = .milliseconds(1)...(.seconds(3_600))
        try RateLimitConfigurationError.check(retryAfter, "retryAfter", in: durations)
        try RateLimitConfigurationError.check(Int64(keyLimit), "keyLimit", in: 64...10_000_000)
        try RateLimitConfigurationError.check(reconcileInterval, "reconcileInterval", in: durations)
        try RateLimitConfigurationError.check(Int64(reconcileCount), "reconcileCount", in: 1...100_000)
    }
}
