import Histogram
import Synchronization

/// Durations as clients saw them, to three digits.
package final class LatencyRecorder: Sendable {
    /// Microseconds; up to an hour.
    private let histogram = Mutex(
        Histogram<UInt64>(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three))

    package init() {}

    package func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let microseconds = UInt64(max(0, seconds)) * 1_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000_000
        histogram.withLock { _ = $0.record(min(max(1, microseconds), 3_600_000_000)) }
    }

    package var summary: LatencySummary {
        histogram.withLock { histogram in
            guard histogram.totalCount > 0 else { return LatencySummary() }
            return LatencySummary(
                count: Int(histogram.totalCount), p50: Int64(histogram.valueAtPercentile(50)),
                p90: Int64(histogram.valueAtPercentile(90)), p99: Int64(histogram.valueAtPercentile(99)),
                max: Int64(histogram.max))
        }
    }
}

/// Percentiles in microseconds.
package struct LatencySummary: Sendable, Hashable {
    package var count = 0
    package var p50: Int64 = 0
    package var p90: Int64 = 0
    package var p99: Int64 = 0
    package var max: Int64 = 0

    package init(count: Int = 0, p50: Int64 = 0, p90: Int64 = 0, p99: Int64 = 0, max: Int64 = 0) {
        (self.count, self.p50, self.p90, self.p99, self.max) = (count, p50, p90, p99, max)
    }
}
