import Determinism
import Foundation
import Synchronization
import Testing
import Tracing

@testable import OpenTelemetryTracing

@Suite("Exporter")
struct ExporterTests {
    private func span(_ bench: Workbench) { bench.tracer.startSpan("a", context: .topLevel).end() }

    @Test("what does not fit into the queue is dropped and counted")
    func queueLimit() async throws {
        let bench = Workbench { $0.queueLimit = 10 }
        for _ in 0..<25 { span(bench) }
        #expect(bench.exporter.counts == SpanExporter.Counts(exported: 0, dropped: 15, waiting: 10))
        try await bench.whileExporting {}
        #expect(bench.exporter.counts == SpanExporter.Counts(exported: 10, dropped: 15, waiting: 0))
        // Nobody comes to send this one any more.
        span(bench)
        #expect(bench.exporter.counts.dropped == 16)
    }

    @Test("batches have their limit")
    func batches() async throws {
        let bench = Workbench { $0.batchLimit = 4 }
        try await bench.whileExporting { for _ in 0..<10 { span(bench) } }
        #expect(try bench.receiver.spans().count == 10)
        #expect(bench.receiver.requests.count >= 3)
    }

    @Test("a batch that cannot be sent is sent again, whole, and the log hears it once")
    func unavailable() async throws {
        let bench = Workbench(receiver: Receiver(answers: [.unavailable("503")]))
        try await bench.whileExporting {
            span(bench)
            span(bench)
            let deadline = SystemTime().instant() + .seconds(20)
            while bench.exporter.counts.exported < 2, SystemTime().instant() < deadline { await Task.yield() }
        }
        #expect(bench.exporter.counts == SpanExporter.Counts(exported: 2, dropped: 0, waiting: 0))
        #expect(bench.receiver.requests.count == 2 || bench.receiver.requests.count == 3)
        #expect(bench.receiver.requests[0] == bench.receiver.requests[1])
        #expect(bench.reports.all == ["spans cannot be sent: 503", "spans are being sent again"])
    }

    /// One answer “not now” at the end cost everything that waited, with nearly all of the time left.
    @Test("what is left at the end is tried again while there is time")
    func lastTries() async throws {
        let bench = Workbench(receiver: Receiver(answers: [.unavailable("503"), .unavailable("503")])) {
            ($0.batchLimit, $0.interval) = (4, .seconds(60))
        }
        for _ in 0..<3 { span(bench) }
        await withTaskGroup(of: Void.self) { group in
            bench.exporter.stop(within: .seconds(30))
            group.addTask { await bench.exporter.run() }
        }
        #expect(bench.exporter.counts == SpanExporter.Counts(exported: 3, dropped: 0, waiting: 0))
    }

    @Test("a batch that is refused is dropped and counted")
    func refused() async throws {
        let bench = Workbench(receiver: Receiver(answers: [.refused("400")]))
        try await bench.whileExporting { span(bench) }
        #expect(bench.exporter.counts == SpanExporter.Counts(exported: 0, dropped: 1, waiting: 0))
        #expect(bench.reports.all == ["spans cannot be sent: 400"])
    }

    @Test("a batch is not tried for ever")
    func attempts() async throws {
        let bench = Workbench(receiver: Receiver(answers: [.unavailable("x"), .unavailable("x")])) { $0.attempts = 1 }
        try await bench.whileExporting { span(bench) }
        #expect(bench.exporter.counts == SpanExporter.Counts(exported: 0, dropped: 1, waiting: 0))
    }

    @Test("a receiver that never answers does not keep the process from ending", .timeLimit(.minutes(1)))
    func stopsInTime() async throws {
        let exporter = SpanExporter(
            resource: TraceResource(attributes: [:], scope: "a", scopeVersion: "1"), time: SystemTime(),
            report: { _ in }
        ) { _ in
            try? await SystemTime().sleep(for: .seconds(3_600))
            return .unavailable("cancelled")
        }
        let tracer = OpenTelemetryTracer(exporter: exporter, random: SeededRandom(seed: 1))
        for _ in 0..<600 { tracer.startSpan("a", context: .topLevel).end() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await exporter.run() }
            exporter.stop(within: .milliseconds(200))
            await group.waitForAll()
        }
        #expect(exporter.counts == SpanExporter.Counts(exported: 0, dropped: 600, waiting: 0))
    }

    @Test("a file gets one request a line")
    func file() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("spans-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try TraceFile(path: path)
        #expect(file.append(Array("{\"a\":1}".utf8)) == .accepted)
        #expect(file.append(Array("{\"b\":2}".utf8)) == .accepted)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "{\"a\":1}\n{\"b\":2}\n")
        #expect(throws: TraceFileError.self) { try TraceFile(path: "/nowhere/at/all") }
    }

    /// The disk was full in the middle of a line, and the next one, which was accepted, was appended to its rest.
    @Test("a line that was cut off takes no other with it")
    func tornLine() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("spans-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let room = Mutex(5)
        let file = try TraceFile(path: path) { descriptor, bytes in
            let count = room.withLock { room in
                defer { room -= min(room, bytes.count) }
                return min(room, bytes.count)
            }
            if count > 0 { return write(descriptor, bytes.baseAddress, count) }
            errno = ENOSPC
            return -1
        }
        for _ in 0..<2 {
            guard case .refused = file.append(Array("{\"a\":1}".utf8)) else {
                Issue.record("the disk is full")
                return
            }
        }
        room.withLock { $0 = 1_000 }
        #expect(file.append(Array("{\"b\":2}".utf8)) == .accepted)
        #expect(file.append(Array("{\"c\":3}".utf8)) == .accepted)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "{\"a\":\n{\"b\":2}\n{\"c\":3}\n")
    }
}

@Suite("Environment")
struct TraceEnvironmentTests {
    private func read(_ variables: [String: String]) throws -> TraceEnvironment {
        try TraceEnvironment(variables, serviceName: "shop")
    }

    @Test("nothing set")
    func nothing() throws {
        let environment = try read(["OTEL_EXPORTER_OTLP_ENDPOINT": ""])
        #expect(environment.endpoint == nil && !environment.isDisabled)
        #expect(environment.sampler == .parentBasedAll)
        #expect(environment.resourceAttributes == ["service.name": "shop"])
    }

    @Test("endpoints: a base gets its path, the one for traces is taken as it is")
    func endpoints() throws {
        #expect(try read(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"]).endpoint == "http://c:4318/v1/traces")
        #expect(try read(["OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/x/"]).endpoint == "https://c/x/v1/traces")
        let both = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://d/t"]
        #expect(try read(both).endpoint == "http://d/t")
    }

    @Test("names, attributes, headers")
    func attributes() throws {
        let environment = try read([
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=a, deployment.environment.name=dev%20%2C1,",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20x=",
        ])
        #expect(
            environment.resourceAttributes == ["service.name": "a", "deployment.environment.name": "dev ,1"])
        #expect(environment.headers.map(\.name) == ["authorization"])
        #expect(environment.headers.map(\.value) == ["Basic x="])
        let named = try read(["OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "b"])
        #expect(named.resourceAttributes["service.name"] == "b")
    }

    @Test("samplers")
    func samplers() throws {
        #expect(
            try read(["OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"]).sampler
                == SpanSampler(.ratio(0.25)))
        #expect(try read(["OTEL_TRACES_SAMPLER": "always_off"]).sampler == SpanSampler(.none, asksParent: false))
        #expect(try read(["OTEL_SDK_DISABLED": "TRUE"]).isDisabled)
        #expect(try read(["OTEL_TRACES_EXPORTER": "none"]).isDisabled)
    }

    @Test(
        "a bad value is named, with what would be right",
        arguments: [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "http://"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "URL"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://x", "URL"), ("OTEL_TRACES_SAMPLER", "sometimes", "always_on"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5", "between 0 and 1"), ("OTEL_TRACES_SAMPLER_ARG", "x", "between 0 and 1"),
            ("OTEL_TRACES_EXPORTER", "jaeger", "otlp"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/json"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a", "key=value"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz", "key=value"),
        ])
    func bad(variable: String, value: String, words: String) {
        let fault = #expect(throws: TraceEnvironment.Fault.self) { try read([variable: value]) }
        #expect(fault?.description.contains(words) == true)
        #expect(fault?.description.contains("\(variable) is “\(value)”") == true)
    }

    @Test(
        "headers and user information may be secrets: their value is not repeated",
        arguments: [("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "me:hunter2@host")])
    func secrets(variable: String, value: String) {
        let fault = #expect(throws: TraceEnvironment.Fault.self) { try read([variable: value]) }
        #expect(fault?.description.contains("hunter2") == false)
    }
}
