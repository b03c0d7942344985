import Determinism

/// How long the calls of the last while took, as counts in fixed buckets: recording is O(1), a percentile is a walk
/// over 240 counts, however many calls there were.
///
/// The buckets are log-linear, eight to each doubling, from 1 µs to 73 minutes; a percentile is within 6.25 percent of
/// the true one (or 1 µs). The design is that of HdrHistogram (Tene), with fewer digits. Time passes in six slices.
struct LatencyWindow: Sendable {
    private static let bucketCount = 240
    private static let sliceCount = 6
    private var time: SliceCounter
    /// The counts of each slice, and behind them their sum.
    private var counts: [UInt32]
    private var head = 0
    /// How many calls are in the window.
    private(set) var callCount = 0

    init(duration: Duration) {
        time = SliceCounter(length: duration.inNanoseconds / Int64(Self.sliceCount))
        counts = Array(repeating: 0, count: Self.bucketCount * (Self.sliceCount + 1))
    }

    mutating func record(nanoseconds latency: Int64, now: Instant) {
        advance(to: now)
        let bucket = Self.bucket(of: latency)
        counts[head * Self.bucketCount + bucket] &+= 1
        counts[Self.sliceCount * Self.bucketCount + bucket] &+= 1
        callCount += 1
    }

    /// Drops what has left the window by now.
    mutating func advance(to now: Instant) {
        for _ in 0..<min(time.steps(to: now), UInt64(Self.sliceCount)) {
            head = head + 1 == Self.sliceCount ? 0 : head + 1
            dropSlice()
        }
    }

    /// The latency that so many percent of the calls did not exceed, `0...100`; nil without calls.
    func percentile(_ percent: Double) -> Duration? {
        guard callCount > 0 else { return nil }
        let rank = max(Int((Double(callCount) * percent / 100).rounded(.up)), 1)
        var seen = 0
        for bucket in 0..<Self.bucketCount {
            seen += Int(counts[Self.sliceCount * Self.bucketCount + bucket])
            if seen >= rank { return Self.middle(of: bucket) }
        }
        return Self.middle(of: Self.bucketCount - 1)
    }

    private mutating func dropSlice() {
        for bucket in 0..<Self.bucketCount {
            let count = counts[head * Self.bucketCount + bucket]
            guard count > 0 else { continue }
            counts[head * Self.bucketCount + bucket] = 0
            counts[Self.sliceCount * Self.bucketCount + bucket] &-= count
            callCount -= Int(count)
        }
    }

    private static func bucket(of nanoseconds: Int64) -> Int {
        let value = UInt64(max(nanoseconds, 0)) / 1_024
        guard value >= 8 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        return min((exponent - 2) * 8 + Int(value >> UInt64(exponent - 3)) & 7, bucketCount - 1)
    }

    private static func middle(of bucket: Int) -> Duration {
        guard bucket >= 8 else { return .nanoseconds(bucket * 1_024 + 512) }
        let width = Int64(1) << Int64(bucket / 8 - 1)
        return .nanoseconds((Int64(8 + bucket % 8) * width) * 1_024 + width * 512)
    }
}
