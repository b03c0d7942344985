import CircuitBreaking
import Determinism
import DeterminismTestKit
import Logging
import OpenTelemetryTracing
import PantryDomain
import Storage
import StrictJSON
import StripeTestKit
import Testing

@testable import PantryAssembly
@testable import Sagas

/// Which trace others are told that a request to them belongs to.
@Suite("Outgoing trace context", .timeLimit(.minutes(1)))
struct OutgoingTraceTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private let exported = ExportedSpans()

    /// The span of a request that has come from a caller in a trace.
    private func begin(_ observation: Observation, flags: String = "01") throws -> ServerSpan {
        ServerSpan(
            try #require(observation.tracer), method: "POST",
            traceparent: "00-\(Self.trace)-00f067aa0ba902b7-\(flags)", tracestate: "x=1")
    }

    /// The only span of that name that was exported.
    private func span(_ name: String) throws -> JSONObject {
        let spans = try exported.all()
        let named = spans.filter { $0["name"]?.string == name }
        try #require(named.count == 1, "\(spans)")
        return named[0]
    }

    // MARK: payments

    /// What Stripe hears of a charge that is made in `span`.
    private func requests(in span: ServerSpan, _ observation: Observation) async throws -> [LedgerRequest] {
        let heard = Notes<LedgerRequest>()
        let server = try await StripeTestServer(
            ledger: StripeLedger(metadataPrefix: StripeProvider.metadataPrefix), onRequest: { heard.note($0) })
        let settings = PantryConfiguration.Payments(
            provider: .stripe, timeout: .seconds(60), errorThreshold: 50, resetTimeout: .seconds(30),
            url: server.baseURL, key: "sk_test_key", webhookSecrets: [])
        let (time, random) = (SystemTime(), SeededRandom(seed: 2))
        let installed = try InstalledPayments.open(settings, sandbox: nil, time: time, instrument: observation.tracer)
        let circuit = try CircuitBreaker.payments(settings, time: time, random: random)
        let provider = MonitoredProvider(
            GuardedProvider(installed.provider, circuit: circuit, bulkhead: installed.bulkhead, random: random),
            observation)
        let charge = ProviderCharge(
            key: "k", reference: "o", amount: Money(500, "USD"), method: "pm_card_visa", begunAt: time.now())
        try await observation.whileExporting(grace: .seconds(10)) {
            let answer = await span.run { await provider.authorize(charge, capture: true) }
            guard case .done = answer else {
                Issue.record("\(answer)")
                return
            }
        }
        await installed.close()
        await server.stop()
        #expect(heard.all.map(\.endpoint) == [.create, .confirm])
        return heard.all
    }

    @Test func stripeIsToldThePaymentsSpanInTheRequestsTrace() async throws {
        let observation = try exported.observation()
        let request = try begin(observation)
        let heard = try await requests(in: request, observation)
        let payment = try span("payment authorize")
        let id = try #require(payment["spanId"]?.string)
        #expect(payment["traceId"]?.string == Self.trace)
        #expect(request.traceparent == "00-\(Self.trace)-\(payment["parentSpanId"]?.string ?? "")-01")
        for request in heard {
            #expect(request.traceparent == "00-\(Self.trace)-\(id)-01" && request.tracestate == "x=1")
        }
    }

    @Test func traceThatIsNotSampledIsPassedOnAsSuch() async throws {
        let observation = try exported.observation()
        let request = try begin(observation, flags: "00")
        #expect(request.traceparent.hasPrefix("00-\(Self.trace)-") && request.traceparent.hasSuffix("-00"))
        for heard in try await requests(in: request, observation) {
            #expect(heard.traceparent == request.traceparent, "below it there are no other spans")
        }
        #expect(try exported.all().isEmpty)
    }

    @Test func stripeIsToldNothingWhereNothingIsTraced() async throws {
        // A trace that somebody else has left behind.
        let request = try begin(try exported.observation())
        for heard in try await requests(in: request, try exported.observation(isTraced: false)) {
            #expect(heard.traceparent == nil && heard.tracestate == nil)
        }
    }

    // MARK: alerts

    private struct NoState: SagaState, Codable {}

    /// The report on a saga that waits for an operator, and its ticket.
    private func stuck() -> (SagaTicket, SagaReport) {
        let subject = UUIDv7(time: Timestamp(microseconds: 1_764_000_000_000_000), slot: 0, random: 1)
        let id = SagaID(subject)
        let outline = SagaOutline(name: "refund", version: 1)
        var record = SagaRecord(
            organization: 1, id: id, definition: "refund", version: 1, subject: subject, input: "{}", step: "refund",
            now: Timestamp(microseconds: 0), lease: .seconds(1))
        record.state = .stuck
        let situation = SagaSituation(
            record: record, machine: SagaProgressMachine(outline, SagaProgress(outline)), state: NoState())
        let ticket = SagaTicket(
            tenant: Tenant(organization: 1, epoch: 1), id: id, definition: "refund", subject: subject, epoch: 1,
            mayHaveBeenCalled: true)
        return (ticket, SagaReport(situation, position: nil))
    }

    @Test func alertOfAStuckSagaNamesTheSagasSpan() async throws {
        let observation = try exported.observation()
        let request = try begin(observation)
        let posted = Notes<[String: String]>()
        let alerts = try AlertDispatcher(
            url: "https://hooks.example", time: SystemTime(), random: SeededRandom(seed: 2),
            logger: Logger(label: "t"), instrument: observation.tracer
        ) { _, headers, _ in
            posted.note(Dictionary(headers.map { ($0.name, $0.value) }, uniquingKeysWith: { "\($0),\($1)" }))
            return .accepted
        }
        let (ticket, report) = stuck()
        try await observation.whileExporting(grace: .seconds(10)) {
            let monitor = SagaMonitor(observation, alerts: alerts)
            let mark = await request.run { monitor.sagaStarted(ticket) }
            _ = await monitor.working(on: ticket, mark) { () async -> SagaReport? in report }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await alerts.run() }
            await eventually("it is posted") { posted.all.count == 1 }
            group.cancelAll()
        }
        let saga = try span("saga refund")
        let id = try #require(saga["spanId"]?.string)
        #expect(request.traceparent == "00-\(Self.trace)-\(saga["parentSpanId"]?.string ?? "")-01")
        #expect(posted.all.map { $0["traceparent"] } == ["00-\(Self.trace)-\(id)-01"])
        #expect(posted.all.map { $0["tracestate"] } == ["x=1"])
    }
}
