/// How a limit counts.
public enum RateLimitAlgorithm: Sendable, Hashable {
    /// A bucket of `capacity` tokens that is refilled evenly, `refill` tokens each `period`. It admits at most
    /// `capacity + refill × t ÷ period` in any stretch of time `t`. GCRA in its form as a continuous-state leaky bucket
    /// (ITU-T I.371, annex A), in whole numbers.
    case tokenBucket(capacity: Int64, refill: Int64, period: Duration)
    /// `quota` in each `window`, estimated from two counters: what the current window has, and of the one before it the
    /// share that is still inside the sliding window (Cloudflare, "How we built rate limiting capable of scaling to
    /// millions of domains", 2017). Never more than `quota` in a window of its own count, and less than `2 × quota` in
    /// any stretch of one window.
    case slidingWindow(quota: Int64, window: Duration)
    /// `quota` in each `window` that begins with the key's first request. Up to `2 × quota` in a stretch of one window
    /// that lies across two of them.
    case fixedWindow(quota: Int64, window: Duration)
}

/// What becomes of what a key has already used when its limit's numbers change.
public enum UsageOnChange: UInt8, Sendable, Hashable, CaseIterable {
    /// Used tokens stay used: 80 of 100 used becomes 80 of 50 (nothing left, 30 to be waited for) or 80 of 200.
    case keep
    /// The used share stays: 80 of 100 becomes 40 of 50 or 160 of 200.
    case scale
    /// Every key begins anew, blocked ones included.
    case reset
}
