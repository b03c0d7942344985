import Determinism
import StrictJSON
import Synchronization
import Tracing

@testable import OpenTelemetryTracing

/// What was sent, and what the receiver answers.
final class Receiver: Sendable {
    private struct State {
        var requests: [[UInt8]] = []
        var answers: [SpanDelivery] = []
    }
    private let state = Mutex(State())

    /// - Parameter answers: one for each request; then everything is accepted.
    init(answers: [SpanDelivery] = []) { state.withLock { $0.answers = answers } }

    var requests: [[UInt8]] { state.withLock { $0.requests } }

    func send(_ request: [UInt8]) async -> SpanDelivery {
        state.withLock { state in
            state.requests.append(request)
            return state.answers.isEmpty ? .accepted : state.answers.removeFirst()
        }
    }

    /// All spans, in the order of their arrival.
    func spans() throws -> [JSONObject] {
        var all: [JSONObject] = []
        for request in requests {
            let root = try JSONReader.parse(String(decoding: request, as: UTF8.self)).object
            for resource in root?["resourceSpans"]?.array ?? [] {
                for scope in resource.object?["scopeSpans"]?.array ?? [] {
                    all += (scope.object?["spans"]?.array ?? []).compactMap(\.object)
                }
            }
        }
        return all
    }
}

/// A tracer, its exporter, and who receives.
struct Workbench {
    let receiver: Receiver
    let exporter: SpanExporter
    let tracer: OpenTelemetryTracer
    let reports = Reports()

    final class Reports: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    init(
        _ sampler: SpanSampler = .parentBasedAll, receiver: Receiver = Receiver(),
        _ change: (inout SpanExporterConfiguration) -> Void = { _ in }
    ) {
        self.receiver = receiver
        var configuration = SpanExporterConfiguration()
        configuration.interval = .milliseconds(5)
        change(&configuration)
        let resource = TraceResource(
            attributes: ["service.name": "shop", "host.name": "a"], scope: "shop", scopeVersion: "1.2")
        exporter = SpanExporter(
            resource: resource, configuration: configuration, time: SystemTime(),
            report: { [reports] in reports.add($0) }
        ) { await receiver.send($0) }
        tracer = OpenTelemetryTracer(sampler: sampler, exporter: exporter, random: SeededRandom(seed: 7))
    }

    /// Runs the exporter while `body` runs, then until everything is sent.
    func whileExporting(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await exporter.run() }
            try await body()
            exporter.stop(within: .seconds(10))
            try await group.waitForAll()
        }
    }

    func context(_ traceParent: String?, _ traceState: String? = nil) -> ServiceContext {
        var context = ServiceContext.topLevel
        var headers: [String: String] = [:]
        headers["traceparent"] = traceParent
        headers["tracestate"] = traceState
        tracer.extract(headers, into: &context, using: Headers())
        return context
    }

    func headers(of context: ServiceContext) -> [String: String] {
        var headers: [String: String] = [:]
        tracer.inject(context, into: &headers, using: Headers())
        return headers
    }
}

struct Headers: Extractor, Injector {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}

struct Moment: TracerInstant {
    let nanosecondsSinceEpoch: UInt64
    static func < (a: Self, b: Self) -> Bool { a.nanosecondsSinceEpoch < b.nanosecondsSinceEpoch }
}
