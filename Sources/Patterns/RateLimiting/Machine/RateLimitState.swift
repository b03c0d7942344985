/// What is known of one key under one limit, in ticks of one resolution. It carries the numbers that it was counted by,
/// so that a change of the limit is seen and carried over.
public struct RateLimitState: Sendable, Hashable {
    /// nil: nothing is known of the key, as if it had never come.
    var kind: LimitParameters.Kind?
    /// Token bucket: when `used` was last drained. Windows: when the current one began.
    var stamp: Int64 = 0
    /// Token bucket: units in use. Windows: tokens used in the current one.
    var used: Int64 = 0
    /// Token bucket: units of a token. Sliding window: tokens used in the window before. Otherwise 0.
    var second: Int64 = 0
    /// Token bucket: units drained in a tick. Windows: ticks of a window.
    var rate: Int64 = 0
    /// Tokens of a full bucket, or the window's quota.
    var capacity: Int64 = 0
    /// Blocked before this tick; the earliest possible for not blocked.
    var blockedUntil: Int64 = .min

    /// A key that has never come.
    public init() {}

    /// A key that has never come, under this limit.
    init(_ limit: LimitParameters, now: Int64) {
        (kind, stamp, rate, capacity) = (limit.kind, now, limit.rate, limit.capacity)
        second = limit.kind == .tokenBucket ? limit.unit : 0
    }

    /// Nothing used and not blocked: forgetting it changes nothing.
    public var saysNothing: Bool { kind == nil || used == 0 && blockedUntil == .min && previous == 0 }

    /// Sliding window: tokens used in the window before.
    var previous: Int64 { kind == .slidingWindow ? second : 0 }

    /// Whether it was counted by these numbers.
    func isCounted(by limit: LimitParameters) -> Bool {
        guard kind == limit.kind, capacity == limit.capacity, rate == limit.rate else { return false }
        return limit.kind == .tokenBucket ? second == limit.unit : true
    }
}
