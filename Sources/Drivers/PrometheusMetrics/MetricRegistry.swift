import CoreMetrics

/// Every metric and series there is. A value: whoever shares one puts a lock around it.
struct MetricRegistry: Sendable {
    private let configuration: PrometheusConfiguration
    private let shards: Int
    private(set) var families: [String: Family] = [:]
    /// How many label sets asked for a series when there was no room, by metric.
    private(set) var overflows: [String: UInt64] = [:]
    private(set) var seriesCount = 0
    /// Which series an object belongs to.
    private var owners: [ObjectIdentifier: (family: String, labels: LabelSet)] = [:]

    init(_ configuration: PrometheusConfiguration, shards: Int) {
        (self.configuration, self.shards) = (configuration, shards)
    }

    /// The cell of this label and these dimensions, as `make` makes it if it is not there.
    mutating func cell(
        _ label: String, _ dimensions: [(String, String)], _ kind: MetricKind,
        _ make: (HistogramScale?, _ shards: Int) -> Series.Cell
    ) -> Series.Cell {
        let name = family(label, kind)
        let labels = LabelSet(dimensions, isHistogram: families[name]!.scale != nil)
        if let series = families[name]!.series[labels] {
            families[name]!.series[labels]!.holders += 1
            return series.cell
        }
        if let other = families[name]!.other, other.labels == labels { return other.cell }
        guard families[name]!.series.count < configuration.seriesPerMetric, seriesCount < configuration.seriesInAll
        else { return other(name, labels, make) }
        let cell = make(families[name]!.scale, shards)
        families[name]!.series[labels] = Series(labels: labels, cell: cell)
        seriesCount += 1
        owners[cell.identity] = (name, labels)
        return cell
    }

    /// The last holder takes the series with it.
    mutating func give(back object: AnyObject) {
        guard let (name, labels) = owners[ObjectIdentifier(object)], var series = families[name]?.series[labels]
        else { return }
        series.holders -= 1
        if series.holders > 0 {
            families[name]!.series[labels] = series
            return
        }
        families[name]!.series[labels] = nil
        owners[ObjectIdentifier(object)] = nil
        seriesCount -= 1
        if families[name]!.series.isEmpty, families[name]!.other == nil { families[name] = nil }
    }

    /// Makes sure that there is a family, and says under which name.
    private mutating func family(_ label: String, _ kind: MetricKind) -> String {
        var name = MetricName.exposed(label, as: kind)
        var help = configuration.descriptions[label] ?? label
        // Two kinds cannot share a name, and neither may be lost.
        var base = MetricName.metric(label)
        func makeUnique() {
            while isTaken(name, by: kind) {
                base += "_\(kind.rawValue)"
                name = MetricName.exposed(base, as: kind)
            }
        }
        makeUnique()
        if families[name] == nil, families.count >= configuration.metrics {
            base = "other_\(kind.rawValue)"
            name = MetricName.exposed(base, as: kind)
            makeUnique()
            // Counted under this name: those of the metrics that found no room are without number.
            overflows[name, default: 0] += 1
            help = "What is over the limit of \(configuration.metrics) metrics."
        }
        if families[name] == nil {
            let bounds = configuration.bounds[label]
            let scale: HistogramScale? =
                switch kind {
                case .timer: .timer(bounds ?? configuration.timerBounds)
                case .recorder: .recorder(bounds ?? configuration.recorderBounds)
                case .counter, .gauge: nil
                }
            families[name] = Family(name: name, kind: kind, help: help, scale: scale)
        }
        return name
    }

    /// Whether a family of another kind has the name, or has the same name in OpenMetrics, where a counter's goes
    /// without its `_total`.
    private func isTaken(_ name: String, by kind: MetricKind) -> Bool {
        if let family = families[name] { return family.kind != kind }
        if kind != .counter { return families["\(name)_total"]?.kind == .counter }
        return families[String(name.dropLast("_total".count))] != nil
    }

    private mutating func other(
        _ name: String, _ labels: LabelSet, _ make: (HistogramScale?, _ shards: Int) -> Series.Cell
    ) -> Series.Cell {
        overflows[name, default: 0] += 1
        if let other = families[name]!.other { return other.cell }
        // Somebody may have made a series with these labels on purpose; two of them would make the page invalid.
        if let series = families[name]!.series[labels.other] { return series.cell }
        let cell = make(families[name]!.scale, shards)
        families[name]!.other = Series(labels: labels.other, cell: cell)
        return cell
    }
}
