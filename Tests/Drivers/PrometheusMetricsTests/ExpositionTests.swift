import CoreMetrics
import Foundation
import Testing

@testable import PrometheusMetrics

@Suite("Exposition")
struct ExpositionTests {
    private static func factory(
        _ change: (inout PrometheusConfiguration) -> Void = { _ in }
    )
        -> PrometheusMetricsFactory
    {
        var configuration = PrometheusConfiguration()
        configuration.includesProcess = false
        change(&configuration)
        return PrometheusMetricsFactory(configuration)
    }

    private func filled() -> PrometheusMetricsFactory {
        let factory = Self.factory { configuration in
            configuration.timerBounds = [0.001, 0.5, 1]
            configuration.bounds["batch.size"] = [1, 2, 4]
            configuration.descriptions = ["requests": "Requests by method.\nAnd \"route\" \\ path."]
        }
        let get = Counter(
            label: "requests", dimensions: [("route", "/v1/\"a\"\\b\n"), ("method", "GET")], factory: factory)
        get.increment(by: 3)
        Counter(label: "requests", dimensions: [("method", "PUT"), ("route", "/")], factory: factory).increment()
        FloatingPointCounter(label: "cpu.seconds", factory: factory).increment(by: 0.25)
        Meter(label: "in-flight", factory: factory).set(7)
        Gauge(label: "temperature", factory: factory).record(-1.5)
        let timer = Timer(label: "http.request.duration", dimensions: [("le", "x")], factory: factory)
        for nanoseconds: Int64 in [1_000_000, 1_000_001, 500_000_000, 2_000_000_000] {
            timer.recordNanoseconds(nanoseconds)
        }
        let sizes = Recorder(label: "batch.size", factory: factory)
        for size in [1, 2, 2, 9] { sizes.record(size) }
        factory.addGauge(label: "queue.length") { 12 }
        return factory
    }

    @Test("the text format, line by line")
    func text() {
        #expect(
            filled().exposition(.text) == #"""
                # HELP batch_size batch.size
                # TYPE batch_size histogram
                batch_size_bucket{le="1.0"} 1
                batch_size_bucket{le="2.0"} 3
                batch_size_bucket{le="4.0"} 3
                batch_size_bucket{le="+Inf"} 4
                batch_size_sum 14
                batch_size_count 4
                # HELP cpu_seconds_total cpu.seconds
                # TYPE cpu_seconds_total counter
                cpu_seconds_total 0.25
                # HELP http_request_duration_seconds http.request.duration
                # TYPE http_request_duration_seconds histogram
                http_request_duration_seconds_bucket{exported_le="x",le="0.001"} 1
                http_request_duration_seconds_bucket{exported_le="x",le="0.5"} 3
                http_request_duration_seconds_bucket{exported_le="x",le="1.0"} 3
                http_request_duration_seconds_bucket{exported_le="x",le="+Inf"} 4
                http_request_duration_seconds_sum{exported_le="x"} 2.502000001
                http_request_duration_seconds_count{exported_le="x"} 4
                # HELP in_flight in-flight
                # TYPE in_flight gauge
                in_flight 7
                # HELP metrics_series_over_limit_total Label sets that found a metric full; they count as other.
                # TYPE metrics_series_over_limit_total counter
                metrics_series_over_limit_total 0
                # HELP queue_length queue.length
                # TYPE queue_length gauge
                queue_length 12
                # HELP requests_total Requests by method.\nAnd "route" \\ path.
                # TYPE requests_total counter
                requests_total{method="GET",route="/v1/\"a\"\\b\n"} 3
                requests_total{method="PUT",route="/"} 1
                # HELP temperature temperature
                # TYPE temperature gauge
                temperature -1.5

                """#)
    }

    @Test("OpenMetrics: counters by their metric's name, quotes in help, an end")
    func openMetrics() {
        let page = filled().exposition(.openMetrics)
        #expect(page.hasSuffix("\n# EOF\n"))
        #expect(page.contains("# TYPE requests counter\nrequests_total{"))
        #expect(page.contains(#"# HELP requests Requests by method.\nAnd \"route\" \\ path."#))
        #expect(!page.contains("# TYPE requests_total"))
    }

    @Test(
        "names become valid ones",
        arguments: [
            ("http.server.requests", "http_server_requests"), ("2xx", "_2xx"), ("a:b", "a_b"), ("größe", "gr__e"),
            ("", "unnamed"), ("ok_Name9", "ok_Name9"),
        ])
    func names(label: String, name: String) {
        #expect(MetricName.metric(label) == name)
    }

    @Test("suffixes are not added twice")
    func suffixes() {
        #expect(MetricName.exposed("a.total", as: .counter) == "a_total")
        #expect(MetricName.exposed("a_seconds", as: .timer) == "a_seconds")
        #expect(MetricName.exposed("a", as: .timer) == "a_seconds")
    }

    @Test("labels: sorted, unique, without what Prometheus keeps for itself")
    func labels() {
        let set = LabelSet([("b", "2"), ("a.b", "1"), ("a_b", "3"), ("__name", "x")], isHistogram: false)
        #expect(set.text == #"_name="x",a_b="1",a_b_2="3",b="2""#)
    }

    @Test("numbers as they are written")
    func numbers() {
        #expect(ExpositionPage.number(.nan) == "NaN")
        #expect(ExpositionPage.number(.infinity) == "+Inf")
        #expect(ExpositionPage.number(-.infinity) == "-Inf")
        #expect(ExpositionPage.number(3) == "3")
        #expect(ExpositionPage.number(0.1) == "0.1")
        #expect(ExpositionPage.number(1e300) == "1e+300")
    }

    @Test(
        "the format follows Accept",
        arguments: [
            (nil, ExpositionFormat.text), ("*/*", .text), ("text/plain;version=0.0.4", .text),
            ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", .openMetrics),
            ("application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.9", .text),
            ("application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5", .text),
            ("application/openmetrics-text;version=1.0.0;q=0", .text), ("application/json", .text),
        ])
    func accept(header: String?, format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: header) == format)
    }

    @Test("promtool finds nothing to say")
    func promtool() async throws {
        let factory = Self.factory { $0.includesProcess = true }
        Counter(label: "shop.orders", dimensions: [("outcome", "a \"b\" \\ c\nd")], factory: factory).increment()
        Timer(label: "shop.wait", dimensions: [("route", "/v1/{id}")], factory: factory).recordMilliseconds(3)
        Recorder(label: "shop.batch.commands", factory: factory).record(17)
        Meter(label: "shop.queue", factory: factory).set(2)
        let (status, output) = try await Promtool.check(factory.exposition())
        #expect(status == 0, "\(output)")
        #expect(output == "")
        // Were it to find nothing in anything, the above would say nothing.
        let broken = try await Promtool.check("# TYPE a counter\na{b=\"1\" 1\n")
        #expect(broken.status != 0)
    }
}

/// `promtool check metrics`, which Debian's package `prometheus` brings.
enum Promtool {
    static func check(_ page: String) async throws -> (status: Int32, output: String) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("promtool-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let input = folder.appendingPathComponent("metrics.txt")
        let output = folder.appendingPathComponent("output.txt")
        try Data(page.utf8).write(to: input)
        try Data().write(to: output)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["promtool", "check", "metrics"]
        process.standardInput = try FileHandle(forReadingFrom: input)
        let sink = try FileHandle(forWritingTo: output)
        process.standardOutput = sink
        process.standardError = sink
        let status = try await withCheckedThrowingContinuation { (done: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { done.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                done.resume(throwing: error)
            }
        }
        return (status, try String(contentsOf: output, encoding: .utf8))
    }
}
