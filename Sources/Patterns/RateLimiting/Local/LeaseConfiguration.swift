/// How much a ``LeasedRateLimiter`` takes, and for how long.
public struct LeaseConfiguration: Sendable {
    /// The most that all processes together may hold of a limit, as a share of its quota: `0...0.5`, 0.025 by default.
    /// A process' slice is `quota × share ÷ processes` tokens; where that is less than one, nothing is leased. 0 leases
    /// nothing and only remembers refusals.
    public var largestShare = 0.025
    /// How long leased tokens may be used, and by how much an operator's block or reset is seen late: 1 ms to 1 h, 1 s
    /// by default.
    public var lifetime: Duration = .seconds(1)
    /// How long a refusal is remembered at most, however long the key is still refused: 0 to 1 h, 1 s by default. By as
    /// much another process' reward or reset is seen late.
    public var refusalMemory: Duration = .seconds(1)
    /// The most keys of which something is known here: `64...10_000_000`, 65,536 by default. A key beyond them is asked
    /// for in the store each time.
    public var keyLimit = 65_536
    /// Parts with a lock each: `1...1_024`, 32 by default.
    public var shardCount = 32
    /// The defaults.
    public init() {}

    /// - Throws: the first setting that cannot be.
    public func validate() throws(RateLimitConfigurationError) {
        if !(0...0.5).contains(largestShare) {
            throw RateLimitConfigurationError(
                setting: "largestShare", problem: "is \(largestShare); it must be in 0...0.5")
        }
        try RateLimitConfigurationError.check(lifetime, "lifetime", in: .milliseconds(1)...(.seconds(3_600)))
        try RateLimitConfigurationError.check(refusalMemory, "refusalMemory", in: .zero...(.seconds(3_600)))
        try RateLimitConfigurationError.check(Int64(keyLimit), "keyLimit", in: 64...10_000_000)
        try RateLimitConfigurationError.check(Int64(shardCount), "shardCount", in: 1...1_024)
    }
}
