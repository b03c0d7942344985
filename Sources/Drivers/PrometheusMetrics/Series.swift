/// One line, or one histogram's lines, of a metric.
struct Series: Sendable {
    /// Where its value is kept.
    enum Cell: Sendable {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case timer(TimerCell)
        case recorder(RecorderCell)

        /// The object that swift-metrics was given, by which it gives it back.
        var identity: ObjectIdentifier {
            switch self {
            case .counter(let cell): ObjectIdentifier(cell)
            case .gauge(let cell): ObjectIdentifier(cell)
            case .timer(let cell): ObjectIdentifier(cell)
            case .recorder(let cell): ObjectIdentifier(cell)
            }
        }
    }
    let labels: LabelSet
    let cell: Cell
    /// How many hold it; the same label and dimensions share one cell.
    var holders = 1
}

/// Everything under one name.
struct Family: Sendable {
    let name: String
    let kind: MetricKind
    let help: String
    /// nil for what is no histogram.
    let scale: HistogramScale?
    var series: [LabelSet: Series] = [:]
    /// Takes what is over the limit. Its own labels are those of the first that was.
    var other: Series?
}
