import StrictJSON
import Testing
import Tracing

@testable import OpenTelemetryTracing

/// Where the present task works.
@Suite("Current span")
struct CurrentSpanTests {
    private enum Baggage: ServiceContextKey {
        typealias Value = String
    }
    private let bench = Workbench()

    @Test("inside a span that runs, the innermost one is where the task works; behind it, the one around it")
    func nesting() async throws {
        #expect(SpanContext.current == nil)
        let outer = bench.tracer.startSpan(below: nil) { $0.name = "outer" }
        await outer.run {
            #expect(SpanContext.current === outer.place)
            let inner = bench.tracer.startSpan(below: SpanContext.current) { $0.name = "inner" }
            inner.run { #expect(SpanContext.current === inner.place) }
            inner.end()
            #expect(SpanContext.current === outer.place)
            async let child = SpanContext.current
            #expect(await child === outer.place, "tasks that it starts work there, too")
        }
        outer.end()
        #expect(SpanContext.current == nil)
        try await bench.whileExporting {}
        let spans = try bench.receiver.spans()
        #expect(spans.map { $0["name"]?.string } == ["inner", "outer"])
        try #require(spans.count == 2)
        #expect(spans[0]["parentSpanId"] == spans[1]["spanId"] && spans[0]["traceId"] == spans[1]["traceId"])
    }

    @Test("what fails inside of it fails outside of it, and the task is where it was")
    func failures() async {
        struct Trouble: Error {}
        let span = bench.tracer.startSpan(below: nil) { $0.name = "a" }
        await #expect(throws: Trouble.self) { try await span.run { () async throws in throw Trouble() } }
        #expect(throws: Trouble.self) { try span.run { throw Trouble() } }
        #expect(SpanContext.current == nil)
    }

    @Test("where no span runs, the service context says it")
    func fallback() {
        let span = bench.tracer.startSpan(below: nil) { $0.name = "a" }
        ServiceContext.withValue(span.context) { #expect(SpanContext.current === span.place) }
        ServiceContext.withValue(.topLevel) { #expect(SpanContext.current == nil) }
    }

    @Test("a library that looks for the service context is told, and keeps what else is in it")
    func libraries() async throws {
        let outer = bench.tracer.startSpan(below: nil) { $0.name = "outer" }
        var around = outer.context
        around[Baggage.self] = "luggage"
        try await ServiceContext.withValue(around) {
            let inner = bench.tracer.startSpan(below: SpanContext.current) { $0.name = "inner" }
            try await inner.run {
                #expect(ServiceContext.current?.openTelemetrySpan === outer.place)
                try await ServiceContext.withCurrentSpan { () async throws in
                    let context = try #require(ServiceContext.current)
                    #expect(context.openTelemetrySpan === inner.place && context[Baggage.self] == "luggage")
                    #expect(bench.headers(of: context)["traceparent"] == inner.traceParent.description)
                }
                #expect(ServiceContext.current?.openTelemetrySpan === outer.place)
            }
            #expect(inner.context[Baggage.self] == "luggage" && inner.context.openTelemetrySpan === inner.place)
        }
        await ServiceContext.withCurrentSpan { #expect(ServiceContext.current == nil, "nothing runs") }
    }

    @Test("a span below one that is not recorded is in its place")
    func unrecorded() {
        let parent = bench.tracer.startServerSpan(
            "a", traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", tracestate: nil)
        parent.run {
            let child = bench.tracer.startSpan(below: SpanContext.current) { _ in Issue.record("nobody will see it") }
            #expect(child.place === parent.place && child.context.openTelemetrySpan === parent.place)
        }
    }
}
