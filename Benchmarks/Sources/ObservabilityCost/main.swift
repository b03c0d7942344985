// What metrics and traces cost an order's request: nanoseconds for the calls of instruments that Pantry makes for one
// `POST /v1/orders`, by one thread without company. No server, no lane: the calls alone.
//
//   swift run -c release ObservabilityCost [ROUNDS]

import CoreMetrics
import Determinism
import OpenTelemetryTracing
import PrometheusMetrics
import Tracing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The instruments that one order's request touches, made once.
struct OrderInstruments {
    let inFlight: Meter
    let requests: Counter
    let requestDuration: CoreMetrics.Timer
    let batchSize: Recorder
    let queueWait: CoreMetrics.Timer
    let batchDuration: CoreMetrics.Timer
    let commit: CoreMetrics.Timer
    let rows: Counter
    let sagas: Meter
    let sagaEndings: Counter
    let orders: Counter
    let calls: Counter
    let callDuration: CoreMetrics.Timer

    init(_ factory: any MetricsFactory) {
        let route = [("method", "POST"), ("route", "/v1/orders")]
        let database = [("database", "shard-0")]
        inFlight = Meter(label: "http_requests_in_flight", factory: factory)
        requests = Counter(label: "http_requests", dimensions: route + [("status", "201")], factory: factory)
        requestDuration = Timer(label: "http_request_duration", dimensions: route, factory: factory)
        batchSize = Recorder(label: "lane_batch_commands", dimensions: database, factory: factory)
        queueWait = Timer(label: "lane_queue_wait", dimensions: database, factory: factory)
        batchDuration = Timer(label: "lane_batch_duration", dimensions: database, factory: factory)
        commit = Timer(label: "commit_duration", dimensions: database, factory: factory)
        rows = Counter(label: "lane_rows", dimensions: database, factory: factory)
        sagas = Meter(label: "sagas_running", factory: factory)
        sagaEndings = Counter(label: "sagas", dimensions: [("outcome", "ended")], factory: factory)
        orders = Counter(label: "orders", dimensions: [("outcome", "confirmed")], factory: factory)
        calls = Counter(label: "provider_calls", dimensions: [("outcome", "done")], factory: factory)
        callDuration = Timer(label: "provider_call_duration", factory: factory)
    }

    /// What one order does: a request, two commands in batches of their own, a saga, a call of the provider.
    @inline(never)
    func order(_ number: Int64) {
        inFlight.increment()
        sagas.increment()
        for step in 0..<2 as Range<Int64> {
            batchSize.record(1)
            queueWait.recordNanoseconds(20_000 + number & 0xFFFF)
            commit.recordNanoseconds(200_000 + number & 0xF_FFFF)
            rows.increment(by: 12 - 3 * step)
            batchDuration.recordNanoseconds(300_000 + number & 0xF_FFFF)
        }
        callDuration.recordNanoseconds(1_000_000)
        calls.increment()
        sagas.decrement()
        sagaEndings.increment()
        orders.increment()
        requestDuration.recordNanoseconds(2_000_000 + number & 0x1F_FFFF)
        requests.increment()
        inFlight.decrement()
    }
}

/// As a saga is named.
struct SagaName: CustomStringConvertible, Sendable {
    let id: UUIDv7
    var description: String { "saga_" + id.base32 }
}

/// The spans of one order: a request, two commands that are alone in their batches, a saga, a call of the provider.
struct OrderSpans {
    let tracer: OpenTelemetryTracer
    let traceparent: String
    let exporter: SpanExporter
    private let definition = "checkout"
    private let operation = "authorize"
    private let database = "shard-0"
    private let commandName = "lane AdvanceSaga"
    private let method = "POST"
    private let route = "/v1/orders"
    private let organization = "org_01jdxjmxw1fanr955dvrgj4d1j"
    private let id = SagaName(id: UUIDv7(high: 0x0193_7F2A_77C1_7ABC, low: 0x8ABC_DEF0_1234_5678))

    init(_ tracer: OpenTelemetryTracer, _ exporter: SpanExporter, traceparent: String) {
        (self.tracer, self.exporter, self.traceparent) = (tracer, exporter, traceparent)
    }

    @inline(never)
    func order() {
        let request = tracer.startServerSpan("POST", traceparent: traceparent, tracestate: nil)
        blackHole(request.traceParent.description)
        request.run {
            command()
            let saga = tracer.startSpan(below: SpanContext.current) { $0.name = "saga " + definition }
            saga.run {
                let call = tracer.startSpan(below: SpanContext.current, ofKind: .client) {
                    $0.name = "payment authorize"
                }
                call.run { blackHole(definition) }
                call.end { details in
                    details.add("pantry.payment.operation", operation)
                    details.add("pantry.payment.outcome", "done")
                }
                command()
            }
            endSaga(saga)
        }
        endRequest(request)
    }

    private func endSaga(_ saga: OpenTelemetrySpan) {
        saga.end { details in
            details.add("pantry.saga.id", id.description)
            details.add("pantry.saga.definition", definition)
            details.add("pantry.saga.outcome", "ended")
            details.add("pantry.saga.taken_up", false)
        }
    }

    private func endRequest(_ request: OpenTelemetrySpan) {
        request.end { details in
            details.add("http.request.method", method)
            details.add("url.scheme", "http")
            details.add("network.protocol.version", "1.1")
            details.add("http.response.status_code", 201)
            details.name = method + " " + route
            details.add("http.route", route)
            details.add("pantry.organization.id", organization)
        }
    }

    private func command() {
        let command = tracer.startSpan(below: SpanContext.current, ofKind: .client) { details in
            details.name = commandName
            details.add("db.namespace", database)
        }
        guard command.isRecording else { return }
        command.update { details in
            details.add("db.system.name", "sqlite")
            details.add("db.operation.name", "BATCH")
            details.add("db.operation.batch.size", 22)
            details.add("pantry.batch.commands", 1)
            details.add("pantry.batch.loads", 9)
            details.add("pantry.batch.trips", 1)
            details.add("pantry.batch.rows", 13)
            details.add("pantry.queue.wait_us", 20)
        }
        command.end { _ in }
    }
}

/// Keeps a value from being optimized away.
@inline(never)
func blackHole(_ value: String) {}

let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200_000
let clock = ContinuousClock()

/// The best of five, in nanoseconds for one round.
func measure(_ name: String, _ body: (Int) -> Void) {
    for round in 0..<1_000 { body(round) }
    var best = Duration.seconds(1_000)
    for _ in 0..<5 {
        let time = clock.measure { for round in 0..<rounds { body(round) } }
        best = min(best, time)
    }
    let nanoseconds = best / .nanoseconds(1) / Double(rounds)
    print(name.padded(to: 44), Int(nanoseconds.rounded()), "ns for one order")
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

let factory = PrometheusMetricsFactory()
let instruments = OrderInstruments(factory)
measure("metrics: 18 calls") { instruments.order(Int64($0)) }
let timer = Timer(label: "one_timer", factory: factory)
measure("  of which one timer") { timer.recordNanoseconds(Int64($0) & 0xFF_FFFF) }
let counter = Counter(label: "one_counter", factory: factory)
measure("  of which one counter") { _ in counter.increment() }

func spans(_ sampler: SpanSampler, _ flags: String) -> OrderSpans {
    let exporter = SpanExporter(
        resource: TraceResource(attributes: [:], scope: "benchmark", scopeVersion: "1"),
        time: SystemTime(), report: { _ in }, send: { _ in .accepted })
    let tracer = OpenTelemetryTracer(sampler: sampler, exporter: exporter, random: SeededRandom(seed: 1))
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\(flags)"
    return OrderSpans(tracer, exporter, traceparent: traceparent)
}

/// A thousand orders, whose spans find room in the queue, while another thread takes and encodes them; then a pause
/// until none waits. Only the orders' own thread counts.
func measureBursts(_ name: String, _ spans: OrderSpans) {
    let running = Task.detached { await spans.exporter.run() }
    var best = Duration.seconds(1_000)
    let burst = 1_000
    for _ in 0..<5 {
        var sum = Duration.zero
        for _ in 0..<max(1, rounds / burst) {
            sum += clock.measure { for _ in 0..<burst { spans.order() } }
            while spans.exporter.counts.waiting > 0 { sched_yield() }
        }
        best = min(best, sum / max(1, rounds / burst))
    }
    running.cancel()
    let counts = spans.exporter.counts
    precondition(counts.dropped == 0, "\(counts.dropped) spans found no room: that is another way than the usual one")
    print(name.padded(to: 44), Int((best / .nanoseconds(1) / Double(burst)).rounded()), "ns for one order")
}

let off: OrderSpans? = nil
measure("tracing: off") { _ in off?.order() }
let unsampled = spans(.parentBasedAll, "00")
measure("tracing: unsampled by the caller") { _ in unsampled.order() }
let never = spans(SpanSampler(.none, asksParent: false), "01")
measure("tracing: unsampled here, caller ignored") { _ in never.order() }
measureBursts("tracing: sampled, 5 spans, being exported", spans(.parentBasedAll, "01"))
