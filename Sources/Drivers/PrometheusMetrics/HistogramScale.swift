import Histogram

/// How values become ticks, and where the published bounds lie among them. All histograms of a metric share one.
///
/// HdrHistogram counts in slots whose width is a power of two, while people want bounds like 5 ms. So a tick is 1/1024
/// of a millisecond (of a unit, for recorders): then 5 ms are 5120 ticks, which is where a slot ends. A value takes the
/// tick that it reaches or ends in, less one, so that exactly 5 ms belong to the bucket up to 5 ms, as `le` says.
struct HistogramScale: Sendable {
    /// As they are published.
    let bounds: [Double]
    /// The last tick that belongs to each bound.
    let lastTicks: [UInt64]
    /// The last tick of all; what is above is counted there.
    let highestTick: UInt64
    /// What a sum is divided by: times are summed up as nanoseconds, which are exact for the first hundred days.
    let sumUnit: Double
    private let ticksPerUnit: Double

    private init(_ bounds: [Double], ticksPerUnit: Double, highestTick: UInt64, sumUnit: Double) {
        (self.bounds, self.ticksPerUnit, self.sumUnit) = (bounds, ticksPerUnit, sumUnit)
        let ends = bounds.map { UInt64(min(($0 * ticksPerUnit).rounded(.up), 1e15)) }
        self.highestTick = max(highestTick, (ends.last ?? 0) * 2)
        let slots = Self.slots(upTo: self.highestTick)
        lastTicks = ends.map { slots.highestEquivalentForValue(max($0, 1) - 1) }
    }

    /// Of bounds in seconds; up to 16 s are told apart.
    static func timer(_ bounds: [Double]) -> HistogramScale {
        HistogramScale(bounds, ticksPerUnit: 1_024_000, highestTick: 1 << 24 - 1, sumUnit: 1e9)
    }

    /// Of bounds in any unit; up to a million are told apart.
    static func recorder(_ bounds: [Double]) -> HistogramScale {
        HistogramScale(bounds, ticksPerUnit: 1_024, highestTick: 1 << 30 - 1, sumUnit: 1)
    }

    /// An empty histogram: 18 KiB for a timer, 24 KiB for a recorder.
    func makeHistogram() -> Histogram<UInt64> { Self.slots(upTo: highestTick) }

    private static func slots(upTo highest: UInt64) -> Histogram<UInt64> {
        Histogram(highestTrackableValue: highest, numberOfSignificantValueDigits: .two)
    }

    /// The tick of a time span of that many nanoseconds.
    func tick(nanoseconds: Int64) -> UInt64 {
        // 2^52 ns are 52 days, and far above the highest tick.
        let nanoseconds = UInt64(clamping: min(nanoseconds, 1 << 52))
        let ticks = (nanoseconds * 1_024 + 999_999) / 1_000_000
        return min(ticks, highestTick + 1) - (ticks == 0 ? 0 : 1)
    }

    /// The tick of a recorder's value; below zero is zero.
    func tick(_ value: Double) -> UInt64 {
        let ticks = (value * ticksPerUnit).rounded(.up)
        guard ticks >= 1 else { return 0 }
        return ticks > Double(highestTick) ? highestTick : UInt64(ticks) - 1
    }
}
