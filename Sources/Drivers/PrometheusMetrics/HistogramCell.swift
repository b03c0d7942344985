import CoreMetrics
import Histogram
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A series of values or times, told by how many lie below each published bound.
///
/// Recording takes the lock of the thread's own shard, which nobody else wants at that moment, and adds to two
/// integers: there is no search for the bucket, and no allocation after the first value.
final class HistogramCell: Sendable {
    /// What a scrape sees.
    struct Reading: Equatable {
        /// How many values lie at or below each bound.
        var cumulative: [UInt64]
        var count: UInt64
        /// In seconds, or in what the recorder records.
        var sum: Double
    }

    private struct Values {
        var histogram: Histogram<UInt64>?
        var sum = 0.0
    }
    private final class Shard: Sendable {
        let values = Mutex(Values())
    }

    let scale: HistogramScale
    private let shards: [Shard]
    private let mask: UInt

    /// - Parameter shards: how many threads may record at once without meeting; rounded up to a power of two.
    init(_ scale: HistogramScale, shards: Int) {
        self.scale = scale
        var count = 1
        while count < shards { count *= 2 }
        self.shards = (0..<count).map { _ in Shard() }
        mask = UInt(count - 1)
    }

    @inline(__always)
    fileprivate func record(tick: UInt64, value: Double) {
        shards[Int(Self.threadNumber & mask)].values.withLock { values in
            if values.histogram == nil { values.histogram = scale.makeHistogram() }
            values.histogram!.record(tick)
            values.sum += value
        }
    }

    /// Threads are told apart by where their control blocks lie: 2 MiB or more apart, with some noise below.
    @inline(__always)
    private static var threadNumber: UInt {
        #if canImport(Darwin)
            let address = UInt(bitPattern: pthread_self())
        #else
            let address = UInt(pthread_self())
        #endif
        return (address >> 12) ^ (address >> 21)
    }

    func read() -> Reading {
        var total: Histogram<UInt64>?
        var sum = 0.0
        for shard in shards {
            shard.values.withLock { values in
                guard let histogram = values.histogram else { return }
                if total == nil { total = histogram } else { total!.add(histogram) }
                sum += values.sum
            }
        }
        guard let total else {
            return Reading(cumulative: Array(repeating: 0, count: scale.bounds.count), count: 0, sum: 0)
        }
        var below: UInt64 = 0
        var first: UInt64 = 0
        let cumulative = scale.lastTicks.map { last in
            // Two bounds may share a slot.
            if last >= first {
                below += total.count(within: first...last)
                first = last + 1
            }
            return below
        }
        return Reading(cumulative: cumulative, count: total.totalCount, sum: sum / scale.sumUnit)
    }
}

/// A timer of swift-metrics over a histogram in seconds.
final class TimerCell: TimerHandler {
    let histogram: HistogramCell
    init(_ histogram: HistogramCell) { self.histogram = histogram }

    func recordNanoseconds(_ duration: Int64) {
        histogram.record(tick: histogram.scale.tick(nanoseconds: duration), value: Double(duration))
    }
}

/// An aggregating recorder of swift-metrics over a histogram.
final class RecorderCell: RecorderHandler {
    let histogram: HistogramCell
    init(_ histogram: HistogramCell) { self.histogram = histogram }

    func record(_ value: Int64) { record(Double(value)) }

    /// What is not a number cannot be counted in any bucket.
    func record(_ value: Double) {
        if value.isFinite { histogram.record(tick: histogram.scale.tick(value), value: value) }
    }
}
