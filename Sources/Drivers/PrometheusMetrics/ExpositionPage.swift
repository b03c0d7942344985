/// The text of one scrape, line by line.
struct ExpositionPage {
    /// A metric that does not come out of the registry.
    struct Sample {
        var name: String
        var kind: MetricKind
        var help: String
        var value: Double
    }
    enum Item {
        case family(Family)
        case sample(Sample)
        case overflows([String: UInt64])

        static let overflowName = "metrics_series_over_limit_total"
        var name: String {
            switch self {
            case .family(let family): family.name
            case .sample(let sample): sample.name
            case .overflows: Self.overflowName
            }
        }
    }

    private let format: ExpositionFormat
    private var text = ""

    init(_ format: ExpositionFormat) {
        self.format = format
        text.reserveCapacity(64 * 1_024)
    }

    consuming func finished() -> String {
        if format == .openMetrics { text += "# EOF\n" }
        return text
    }

    mutating func append(_ item: Item) {
        switch item {
        case .family(let family):
            head(family.name, family.kind, family.help)
            for series in family.series.values.sorted(by: { $0.labels.text < $1.labels.text }) {
                append(series, of: family)
            }
            if let other = family.other { append(other, of: family) }
        case .sample(let sample):
            head(sample.name, sample.kind, sample.help)
            line(sample.name, "", Self.number(sample.value))
        case .overflows(let overflows):
            head(Item.overflowName, .counter, "Label sets that found a metric full; they count as other.")
            for (name, count) in overflows.sorted(by: { $0.key < $1.key }) {
                line(Item.overflowName, "metric=\"\(name)\"", String(count))
            }
            if overflows.isEmpty { line(Item.overflowName, "", "0") }
        }
    }

    private mutating func append(_ series: Series, of family: Family) {
        let labels = series.labels.text
        switch series.cell {
        case .counter(let cell): line(family.name, labels, cell.text)
        case .gauge(let cell): line(family.name, labels, Self.number(cell.value))
        case .timer(let cell): histogram(cell.histogram, family.name, labels)
        case .recorder(let cell): histogram(cell.histogram, family.name, labels)
        }
    }

    private mutating func histogram(_ cell: HistogramCell, _ name: String, _ labels: String) {
        let reading = cell.read()
        let comma = labels.isEmpty ? "" : ","
        for (bound, count) in zip(cell.scale.bounds, reading.cumulative) {
            line("\(name)_bucket", "\(labels)\(comma)le=\"\(bound)\"", String(count))
        }
        line("\(name)_bucket", "\(labels)\(comma)le=\"+Inf\"", String(reading.count))
        line("\(name)_sum", labels, Self.number(reading.sum))
        line("\(name)_count", labels, String(reading.count))
    }

    private mutating func head(_ name: String, _ kind: MetricKind, _ help: String) {
        // In OpenMetrics `_total` belongs to the sample, not to the metric.
        let metric = format == .openMetrics && kind == .counter ? String(name.dropLast("_total".count)) : name
        text += "# HELP \(metric) \(Escaping.help(help, format))\n# TYPE \(metric) \(kind.type)\n"
    }

    private mutating func line(_ name: String, _ labels: String, _ value: String) {
        text += name
        if !labels.isEmpty { text += "{\(labels)}" }
        text += " \(value)\n"
    }

    /// Whole numbers without a fraction, others with as many digits as they need.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: value), value.magnitude < 9e15 { return String(whole) }
        return value.description
    }
}
