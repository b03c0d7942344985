import Determinism
import DeterminismTestKit
import OpenTelemetryTracing
import StripeDriver
import StripeTestKit
import Testing
import Tracing

/// Which trace Stripe is told that a request belongs to.
@Suite("Trace context", .timeLimit(.minutes(1)))
struct TraceContextTests {
    private let tracer = OpenTelemetryTracer(
        exporter: SpanExporter(
            resource: TraceResource(attributes: [:], scope: "test", scopeVersion: "1"), time: ManualTime(),
            report: { _ in }, send: { _ in .accepted }),
        random: SeededRandom(seed: 1))

    private func span(flags: String = "01", tracestate: String? = "x=1,y=2") -> OpenTelemetrySpan {
        let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\(flags)"
        return tracer.startServerSpan("order", traceparent: caller, tracestate: tracestate)
    }

    /// The requests of a charge that is made in `context`.
    private func requests(
        in context: ServiceContext?, _ instrument: (any Instrument)?
    ) async throws -> [LedgerRequest] {
        let heard = Notes<LedgerRequest>()
        let server = try await StripeTestServer(
            ledger: StripeLedger(metadataPrefix: "pantry"), secretKey: Bench.secret, onRequest: { heard.note($0) })
        let payments = try StripePayments(configuration: Bench.configuration(server.baseURL), instrument: instrument)
        let charge = StripeCharge(
            key: "k1", reference: "order 1", amount: StripeAmount(1_250, "eur"), paymentMethod: "pm_card_visa",
            capturesAtOnce: true, begunAt: SystemTime().now())
        let outcome = await ServiceContext.withValue(context) { await payments.authorize(charge) }
        await payments.shutdown()
        await server.stop()
        #expect(outcome.effect == .captured)
        #expect(heard.all.map(\.endpoint) == [.create, .confirm])
        return heard.all
    }

    @Test("Each request of a call carries the span that the call is made in, sampled or not", arguments: ["01", "00"])
    func carried(flags: String) async throws {
        let span = span(flags: flags)
        let own = span.traceParent.description
        #expect(own.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") && own.hasSuffix("-\(flags)"))
        for request in try await requests(in: span.context, tracer) {
            #expect(request.traceparent == own && request.tracestate == "x=1,y=2")
        }
    }

    @Test("Without a tracestate none is sent")
    func noState() async throws {
        let span = span(tracestate: nil)
        for request in try await requests(in: span.context, tracer) {
            #expect(request.traceparent == span.traceParent.description && request.tracestate == nil)
        }
    }

    @Test("Outside of any trace nothing is sent")
    func noTrace() async throws {
        for context in [nil, ServiceContext.topLevel] {
            for request in try await requests(in: context, tracer) {
                #expect(request.traceparent == nil && request.tracestate == nil)
            }
        }
    }

    @Test("Without an instrument nothing is sent")
    func noInstrument() async throws {
        for request in try await requests(in: span().context, nil) {
            #expect(request.traceparent == nil && request.tracestate == nil)
        }
    }
}
