/// A point on the monotonic clock: nanoseconds since an arbitrary start. Never steps backwards, means nothing to
/// another process. Use it for deadlines, timeouts and durations; use ``Timestamp`` for what is stored or shown.
public struct Instant: Sendable, Hashable, Comparable {
    /// Nanoseconds since the clock's own start.
    public var nanoseconds: Int64

    /// An instant that many nanoseconds after the clock's start.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Earlier instants come first.
    public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

    /// The instant `duration` later; saturates instead of overflowing, so that "10 years from now" is a valid deadline.
    public static func + (instant: Self, duration: Duration) -> Self {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.inNanoseconds)
        return Instant(nanoseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The time from `b` to `a`, saturating; negative when `a` is earlier.
    public static func - (a: Self, b: Self) -> Duration { .nanoseconds(a.nanoseconds(since: b)) }

    /// The nanoseconds from `earlier` to this, saturating; negative when this is earlier. A `Duration` is 128 bits of
    /// attoseconds, which is dear where all that follows is a comparison.
    public func nanoseconds(since earlier: Self) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return overflow ? (self < earlier ? .min : .max) : difference
    }
}

extension Duration {
    /// This duration in whole nanoseconds, saturating at the range of `Int64` (292 years).
    public var inNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }

    /// This duration in whole microseconds, rounded towards zero and saturating.
    public var inMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
}
