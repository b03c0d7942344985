import CoreMetrics
import Testing

@testable import PrometheusMetrics

@Suite("Instruments")
struct InstrumentTests {
    private func factory(_ change: (inout PrometheusConfiguration) -> Void = { _ in }) -> PrometheusMetricsFactory {
        var configuration = PrometheusConfiguration()
        configuration.includesProcess = false
        change(&configuration)
        return PrometheusMetricsFactory(configuration)
    }

    /// The value of the line that begins with this.
    private func value(_ line: String, in factory: PrometheusMetricsFactory) -> Double? {
        factory.exposition().split(separator: "\n").first { $0.hasPrefix("\(line) ") }.flatMap {
            Double($0.dropFirst(line.count + 1))
        }
    }

    @Test("many threads at once lose nothing")
    func concurrency() async {
        let factory = factory { $0.shards = 4 }
        let counter = Counter(label: "n", factory: factory)
        let fractions = FloatingPointCounter(label: "f", factory: factory)
        let meter = Meter(label: "m", factory: factory)
        let timer = Timer(label: "t", factory: factory)
        await withDiscardingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for index in 0..<5_000 {
                        counter.increment()
                        fractions.increment(by: 0.5)
                        meter.increment()
                        if index % 2 == 0 { meter.decrement() }
                        timer.recordNanoseconds(Int64(index % 4) * 1_000_000)
                    }
                }
            }
        }
        #expect(value("n_total", in: factory) == 40_000)
        #expect(value("f_total", in: factory) == 20_000)
        #expect(value("m", in: factory) == 20_000)
        #expect(value("t_seconds_count", in: factory) == 40_000)
        // 0 and 1 ms of 0, 1, 2 and 3.
        #expect(value("t_seconds_bucket{le=\"0.001\"}", in: factory) == 20_000)
        #expect(abs((value("t_seconds_sum", in: factory) ?? 0) - 60) < 1e-6)
    }

    @Test("every default bound of a timer is exact: it takes in itself and nothing above")
    func timerBounds() {
        let scale = HistogramScale.timer(PrometheusConfiguration().timerBounds)
        for (bound, last) in zip(scale.bounds, scale.lastTicks) {
            let nanoseconds = Int64((bound * 1e9).rounded())
            #expect(scale.tick(nanoseconds: nanoseconds) == last, "\(bound)")
            #expect(scale.tick(nanoseconds: nanoseconds + 1) == last + 1, "\(bound)")
        }
    }

    @Test("every default bound of a recorder is exact")
    func recorderBounds() {
        let scale = HistogramScale.recorder(PrometheusConfiguration().recorderBounds)
        for (bound, last) in zip(scale.bounds, scale.lastTicks) {
            #expect(scale.tick(bound) == last, "\(bound)")
            #expect(scale.tick(bound + 1.0 / 1_024) == last + 1, "\(bound)")
        }
    }

    @Test("a bound between two slots takes in at most 0.8 % more")
    func oddBounds() {
        let scale = HistogramScale.timer([0.0123, 0.77777])
        for (bound, last) in zip(scale.bounds, scale.lastTicks) {
            #expect(scale.tick(nanoseconds: Int64(bound * 1e9)) <= last)
            #expect(scale.tick(nanoseconds: Int64(bound * 1.008 * 1e9)) > last)
        }
    }

    @Test("the smallest and the largest values fit", arguments: [Int64.min, -1, 0, 1, .max])
    func extremes(nanoseconds: Int64) {
        let factory = factory()
        Timer(label: "t", factory: factory).recordNanoseconds(nanoseconds)
        #expect(value("t_seconds_count", in: factory) == 1)
        #expect(value("t_seconds_bucket{le=\"8.0\"}", in: factory) == (nanoseconds > 1 ? 0 : 1))
        #expect(value("t_seconds_bucket{le=\"+Inf\"}", in: factory) == 1)
        let recorder = Recorder(label: "r", factory: factory)
        recorder.record(nanoseconds)
        recorder.record(Double.nan)
        #expect(value("r_count", in: factory) == 1)
    }

    @Test("counters do not fall")
    func counters() {
        let factory = factory()
        let counter = Counter(label: "n", factory: factory)
        counter.increment(by: 5)
        counter.increment(by: -3)
        FloatingPointCounter(label: "n", factory: factory).increment(by: -0.5)
        FloatingPointCounter(label: "n", factory: factory).increment(by: Double.nan)
        #expect(value("n_total", in: factory) == 5)
        counter.reset()
        #expect(value("n_total", in: factory) == 0)
    }

    @Test("the same label and dimensions are one series, in whatever order")
    func sameSeries() {
        let factory = factory()
        Counter(label: "n", dimensions: [("a", "1"), ("b", "2")], factory: factory).increment()
        Counter(label: "n", dimensions: [("b", "2"), ("a", "1")], factory: factory).increment()
        #expect(value(#"n_total{a="1",b="2"}"#, in: factory) == 2)
    }

    @Test("two kinds of one name stay apart")
    func kinds() {
        let factory = factory()
        Counter(label: "x", factory: factory).increment()
        Meter(label: "x_total", factory: factory).set(9)
        #expect(value("x_total", in: factory) == 1)
        #expect(value("x_total_gauge", in: factory) == 9)
    }

    /// The name that a metric fell back to was not looked at: with a recorder of that name, a gauge ended the process.
    @Test("a name to fall back to may be taken as well")
    func fallbackName() {
        let factory = factory()
        Recorder(label: "x_gauge", factory: factory).record(1)
        Recorder(label: "x", factory: factory).record(1)
        Meter(label: "x", factory: factory).set(9)
        #expect(value("x_gauge_gauge", in: factory) == 9)
    }

    /// In OpenMetrics a counter's family has no `_total`, and a page with two families of one name is refused.
    @Test("a counter shares its name without `_total` with nobody")
    func openMetricsNames() {
        let factory = factory()
        Counter(label: "x", factory: factory).increment()
        Meter(label: "x", factory: factory).set(9)
        Meter(label: "y", factory: factory).set(8)
        Counter(label: "y", factory: factory).increment()
        #expect(value("x_gauge", in: factory) == 9 && value("x_total", in: factory) == 1)
        #expect(value("y", in: factory) == 8 && value("y_counter_total", in: factory) == 1)
    }

    @Test("what is destroyed is gone once everybody has given it back")
    func destroying() {
        let factory = factory()
        let first = Counter(label: "n", factory: factory)
        let second = Counter(label: "n", factory: factory)
        first.increment()
        first.destroy()
        #expect(value("n_total", in: factory) == 1)
        second.destroy()
        #expect(value("n_total", in: factory) == nil)
    }

    // MARK: Limits

    @Test("a metric that is full counts the rest as other, and says how many")
    func seriesPerMetric() {
        let factory = factory { $0.seriesPerMetric = 3 }
        for number in 0..<10 {
            Counter(label: "n", dimensions: [("id", "\(number)")], factory: factory).increment()
        }
        #expect(value(#"n_total{id="2"}"#, in: factory) == 1)
        #expect(value(#"n_total{id="3"}"#, in: factory) == nil)
        #expect(value(#"n_total{id="other"}"#, in: factory) == 7)
        #expect(value(#"metrics_series_over_limit_total{metric="n_total"}"#, in: factory) == 7)
        // Somebody who means it gets the same one.
        Counter(label: "n", dimensions: [("id", "other")], factory: factory).increment()
        #expect(value(#"n_total{id="other"}"#, in: factory) == 8)
    }

    @Test("the limit of all metrics together holds as well")
    func seriesInAll() {
        let factory = factory { $0.seriesInAll = 4 }
        for metric in 0..<3 {
            for number in 0..<3 {
                let dimensions = [("id", "\(number)")]
                Timer(label: "t\(metric)", dimensions: dimensions, factory: factory).recordSeconds(1)
            }
        }
        #expect(value(#"t1_seconds_count{id="0"}"#, in: factory) == 1)
        #expect(value(#"t1_seconds_count{id="other"}"#, in: factory) == 2)
        #expect(value(#"t2_seconds_count{id="other"}"#, in: factory) == 3)
    }

    @Test("too many metrics end in one for each kind")
    func metrics() {
        let factory = factory { $0.metrics = 2 }
        for number in 0..<5 { Counter(label: "c\(number)", factory: factory).increment() }
        #expect(value("c1_total", in: factory) == 1)
        #expect(value("other_counter_total", in: factory) == 3)
        // Each name would be a series of its own, without end.
        #expect(value(#"metrics_series_over_limit_total{metric="other_counter_total"}"#, in: factory) == 3)
        #expect(value(#"metrics_series_over_limit_total{metric="c2_total"}"#, in: factory) == nil)
    }

    @Test("settings that cannot be are named")
    func validation() {
        var configuration = PrometheusConfiguration()
        #expect(configuration.validate() == [])
        configuration.seriesPerMetric = 0
        configuration.timerBounds = [1, 1]
        configuration.bounds["a"] = []
        #expect(configuration.validate().count == 3)
    }

    @Test("/proc is read as proc(5) says")
    func process() {
        let stat =
            "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 3 0 1000 123456789 2000 18446744073709551615 1"
        let reading = ProcessReading(
            stat: stat, machine: "cpu 1 2 3\nbtime 1700000000\n",
            limits: "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024      4096      files\n",
            ticksPerSecond: 100, pageSize: 4_096)
        #expect(reading.cpuSeconds == 2)
        #expect(reading.virtualBytes == 123_456_789)
        #expect(reading.residentBytes == 8_192_000)
        #expect(reading.startSeconds == 1_700_000_010)
        #expect(reading.maxFiles == 1_024)
        #expect(ProcessReading(stat: "", machine: "", limits: "", ticksPerSecond: 100, pageSize: 1).samples.isEmpty)
        #if os(Linux)
            let own = ProcessReading.now()
            #expect((own.residentBytes ?? 0) > 1_000_000 && (own.openFiles ?? 0) > 2 && own.cpuSeconds != nil)
        #endif
    }
}
