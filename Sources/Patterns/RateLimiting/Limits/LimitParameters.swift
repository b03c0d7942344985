import Determinism

/// What a machine counts time in. The same arithmetic runs in process and in Redis.
public enum TickResolution: Sendable, Hashable {
    /// In process: `Int64`.
    case nanoseconds
    /// In Redis, whose numbers are doubles: every value stays below 2^53.
    case microseconds

    /// Ticks in a second.
    public var ticksPerSecond: Int64 { self == .nanoseconds ? 1_000_000_000 : 1_000_000 }

    /// The most units a full bucket may have: three times as many must still be exact, for a forced charge on top of
    /// twice the capacity.
    var unitBound: Int64 { self == .nanoseconds ? 1 << 61 : 1 << 51 }

    /// A duration in ticks, rounded up: no limit becomes looser than it was meant.
    public func ticks(_ duration: Duration) -> Int64 {
        let nanoseconds = duration.inNanoseconds
        return self == .nanoseconds ? nanoseconds : nanoseconds.dividedUp(by: 1_000)
    }
}

/// The numbers of a limit in ticks of one resolution.
///
/// **Rounding of token buckets.** A token is `unit` units, and a tick drains `rate` units: `rate ÷ unit` is
/// `refill ÷ period` in lowest terms if a full bucket then has at most 2^61 units (2^51 in Redis); else `rate` is the
/// greatest number that keeps it below, and `unit` is rounded up. A limit is then slower than asked for by at most one
/// part in `unit`, which is at least 2^51 ÷ (2 × capacity): below 0.001 % for capacities up to a billion. It is never
/// faster.
public struct LimitParameters: Sendable, Hashable {
    /// How it counts.
    public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
        /// See ``RateLimitAlgorithm/tokenBucket(capacity:refill:period:)``.
        case tokenBucket = 1
        /// See ``RateLimitAlgorithm/slidingWindow(quota:window:)``.
        case slidingWindow = 2
        /// See ``RateLimitAlgorithm/fixedWindow(quota:window:)``.
        case fixedWindow = 3
    }
    /// How it counts.
    public let kind: Kind
    /// What becomes of used tokens when the numbers change.
    public let onChange: UsageOnChange
    /// Refused requests are charged, too.
    public let countsAttempts: Bool
    /// Tokens, or the window's quota.
    public let capacity: Int64
    /// Token bucket: units of a token. Otherwise 1.
    public let unit: Int64
    /// Token bucket: units drained in a tick. Otherwise: ticks of a window.
    public let rate: Int64
    /// Ticks that a refused key is blocked for; 0 for none.
    public let block: Int64
    /// A clock that steps back by no more than this stands still meanwhile; by more, and time goes on from there.
    public let clockTolerance: Int64

    /// The limit's numbers at a resolution.
    public init(_ limit: RateLimit, _ resolution: TickResolution) {
        self.init(
            limit.algorithm, block: limit.blocksFor, countsAttempts: limit.countsAttempts, onChange: limit.onChange,
            resolution)
    }

    init(
        _ algorithm: RateLimitAlgorithm, block: Duration?, countsAttempts: Bool, onChange: UsageOnChange,
        _ resolution: TickResolution
    ) {
        self.onChange = onChange
        self.countsAttempts = countsAttempts
        self.block = block.map(resolution.ticks) ?? 0
        clockTolerance = resolution.ticksPerSecond
        switch algorithm {
        case .tokenBucket(let capacity, let refill, let period):
            kind = .tokenBucket
            self.capacity = capacity
            (unit, rate) = Self.ratio(
                capacity: capacity, refill: refill, period: resolution.ticks(period), bound: resolution.unitBound)
        case .slidingWindow(let quota, let window):
            kind = .slidingWindow
            (capacity, unit, rate) = (quota, 1, resolution.ticks(window))
        case .fixedWindow(let quota, let window):
            kind = .fixedWindow
            (capacity, unit, rate) = (quota, 1, resolution.ticks(window))
        }
    }

    private static func ratio(
        capacity: Int64, refill: Int64, period: Int64, bound: Int64
    ) -> (unit: Int64, rate: Int64) {
        let divisor = greatestCommonDivisor(refill, period)
        let (unit, rate) = (period / divisor, refill / divisor)
        let most = bound / capacity
        if unit <= most { return (unit, rate) }
        // The greatest rate whose rounded unit still fits: unit' = ceil(period * rate' / refill) <= most.
        let fitting = product(most, refill, dividedBy: period).down
        let rounded = max(1, fitting)
        return (product(period, rounded, dividedBy: refill).up, rounded)
    }

    /// `a * b / divisor` by way of 128 bits; the quotients fit, because `most < period` and `rounded <= refill`.
    private static func product(_ a: Int64, _ b: Int64, dividedBy divisor: Int64) -> (down: Int64, up: Int64) {
        let (quotient, rest) = divisor.dividingFullWidth(a.multipliedFullWidth(by: b))
        return (quotient, rest == 0 ? quotient : quotient + 1)
    }

    private static func greatestCommonDivisor(_ a: Int64, _ b: Int64) -> Int64 {
        var (a, b) = (a, b)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }

    /// Ticks until a full bucket is empty, or until a window is forgotten.
    var recovery: Int64 {
        switch kind {
        case .tokenBucket: capacity.multiplied(by: unit).dividedUp(by: rate)
        case .slidingWindow: rate.multiplied(by: 2)
        case .fixedWindow: rate
        }
    }
}
