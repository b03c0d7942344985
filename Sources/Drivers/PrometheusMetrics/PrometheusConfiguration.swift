/// What a ``PrometheusMetricsFactory`` exposes, and how much of it it keeps.
public struct PrometheusConfiguration: Sendable {
    /// The most label sets that one metric may have; what is over is counted in one series whose labels are all
    /// `other`.
    public var seriesPerMetric = 512
    /// The most label sets of all metrics together, those `other` series not counted.
    public var seriesInAll = 8_192
    /// The most metrics; what is over is counted in a metric called `other`, one for each kind.
    public var metrics = 1_024

    /// The upper bounds, in seconds and ascending, that timers are published with. They are the same on every server,
    /// so that histograms can be added up.
    ///
    /// A timer keeps ticks of 1/1024 ms in a histogram of two significant digits. A bound that falls between two of
    /// its slots (a multiple of 1/128 of the power of two below it, in ticks) takes in the slot that it cuts, at most
    /// 0.8 % above itself. None of the default bounds does.
    public var timerBounds: [Double] = [
        0.000125, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8,
    ]
    /// The upper bounds, ascending, that recorders are published with, in whatever unit they record. The same holds
    /// of these, with ticks of 1/1024; powers of two are exact.
    public var recorderBounds: [Double] = [
        1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384,
    ]
    /// Other bounds for single metrics, by the label that they are made with.
    public var bounds: [String: [Double]] = [:]

    /// What `# HELP` says, by the label that a metric is made with. A metric that is not listed gets its label.
    public var descriptions: [String: String] = [:]

    /// How many copies of a histogram threads share; they are made when they are first needed. nil takes the number of
    /// processors, at most 8.
    public var shards: Int?

    /// Whether `process_…` metrics are read from `/proc` at each scrape.
    public var includesProcess = true

    /// The defaults.
    public init() {}

    /// The settings that cannot be, in words; empty when all is well.
    public func validate() -> [String] {
        var faults: [String] = []
        for (name, value) in [
            ("seriesPerMetric", seriesPerMetric), ("seriesInAll", seriesInAll), ("metrics", metrics),
            ("shards", shards ?? 1),
        ] where value < 1 {
            faults.append("\(name) is \(value); it must be at least 1")
        }
        for (name, list) in [("timerBounds", timerBounds), ("recorderBounds", recorderBounds)]
            + bounds.sorted(by: { $0.key < $1.key }).map({ ("bounds of \($0.key)", $0.value) })
        {
            if list.isEmpty { faults.append("\(name) is empty; one bound is the least") }
            if !list.allSatisfy({ $0 > 0 && $0.isFinite }) { faults.append("\(name) must be above 0 and finite") }
            if zip(list, list.dropFirst()).contains(where: { $0 >= $1 }) { faults.append("\(name) must ascend") }
        }
        return faults
    }
}
