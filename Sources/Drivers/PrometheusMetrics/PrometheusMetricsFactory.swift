import CoreMetrics
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A swift-metrics backend that keeps everything in memory and writes it down when Prometheus asks.
///
/// Making an instrument looks it up under a lock: make it once and keep it. Using it does not: a counter is one atomic
/// addition, a timer or recorder takes the lock of its thread's own copy.
///
/// What it keeps is bounded: a metric with too many label sets puts those that come later into one series whose labels
/// are all `other`, and `metrics_series_over_limit_total` says how many did.
public final class PrometheusMetricsFactory: MetricsFactory {
    private let registry: Mutex<MetricRegistry>
    private let includesProcess: Bool

    /// A factory without metrics yet.
    /// - Precondition: `configuration.validate()` finds nothing.
    public init(_ configuration: PrometheusConfiguration = PrometheusConfiguration()) {
        let faults = configuration.validate()
        precondition(faults.isEmpty, faults.joined(separator: "; "))
        let shards = configuration.shards ?? min(max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1), 8)
        registry = Mutex(MetricRegistry(configuration, shards: shards))
        includesProcess = configuration.includesProcess
    }

    /// Everything there is, as Prometheus reads it; metrics by name, series by labels.
    public func exposition(_ format: ExpositionFormat = .text) -> String {
        let (families, overflows) = registry.withLock { ($0.families, $0.overflows) }
        var page = ExpositionPage(format)
        var samples = families.values.map(ExpositionPage.Item.family)
        samples.append(.overflows(overflows))
        if includesProcess { samples += ProcessReading.now().samples.map(ExpositionPage.Item.sample) }
        for item in samples.sorted(by: { $0.name < $1.name }) { page.append(item) }
        return page.finished()
    }

    /// A gauge whose value is asked for at each scrape, for what is known somewhere already. `read` must be quick. The
    /// first one with these label and dimensions stays.
    public func addGauge(
        label: String, dimensions: [(String, String)] = [], read: @escaping @Sendable () -> Double
    ) {
        _ = registry.withLock { $0.cell(label, dimensions, .gauge) { _, _ in .gauge(GaugeCell(read: read)) } }
    }

    /// A counter whose value is asked for at each scrape, for what is counted somewhere already. `read` must be quick
    /// and never say less than before. The first one with these label and dimensions stays.
    public func addCounter(
        label: String, dimensions: [(String, String)] = [], read: @escaping @Sendable () -> UInt64
    ) {
        _ = registry.withLock { $0.cell(label, dimensions, .counter) { _, _ in .counter(CounterCell(read: read)) } }
    }

    // MARK: swift-metrics

    /// A counter; the same label and dimensions give the same one.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    /// A counter that takes fractions; it may be the same one.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions)
    }

    /// A meter, which is a Prometheus gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// A recorder: a histogram, or a gauge when it does not aggregate.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        let cell = registry.withLock {
            $0.cell(label, dimensions, .recorder) { .recorder(RecorderCell(HistogramCell($0!, shards: $1))) }
        }
        guard case .recorder(let recorder) = cell else { preconditionFailure("a family holds one kind of cell") }
        return recorder
    }

    /// A timer: a histogram in seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let cell = registry.withLock {
            $0.cell(label, dimensions, .timer) { .timer(TimerCell(HistogramCell($0!, shards: $1))) }
        }
        guard case .timer(let timer) = cell else { preconditionFailure("a family holds one kind of cell") }
        return timer
    }

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterCell {
        let cell = registry.withLock { $0.cell(label, dimensions, .counter) { _, _ in .counter(CounterCell()) } }
        guard case .counter(let counter) = cell else { preconditionFailure("a family holds one kind of cell") }
        return counter
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeCell {
        let cell = registry.withLock { $0.cell(label, dimensions, .gauge) { _, _ in .gauge(GaugeCell()) } }
        guard case .gauge(let gauge) = cell else { preconditionFailure("a family holds one kind of cell") }
        return gauge
    }

    /// Forgets the series, once all who made it have given it back.
    public func destroyCounter(_ handler: any CounterHandler) { giveBack(handler) }
    /// Forgets the series, once all who made it have given it back.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { giveBack(handler) }
    /// Forgets the series, once all who made it have given it back.
    public func destroyMeter(_ handler: any MeterHandler) { giveBack(handler) }
    /// Forgets the series, once all who made it have given it back.
    public func destroyRecorder(_ handler: any RecorderHandler) { giveBack(handler) }
    /// Forgets the series, once all who made it have given it back.
    public func destroyTimer(_ handler: any TimerHandler) { giveBack(handler) }

    private func giveBack(_ object: AnyObject) { registry.withLock { $0.give(back: object) } }
}
