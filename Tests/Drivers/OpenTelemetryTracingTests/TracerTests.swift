import Determinism
import StrictJSON
import Testing
import Tracing

@testable import OpenTelemetryTracing

@Suite("Tracer")
struct TracerTests {
    private static let incoming = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

    @Test("a span goes on in its caller's trace, and passes it on")
    func goesOn() throws {
        let bench = Workbench()
        let span = bench.tracer.startSpan("a", context: bench.context(Self.incoming, "x=1, y=2"))
        let headers = bench.headers(of: span.context)
        let own = try #require(headers["traceparent"].flatMap { TraceParent($0) })
        #expect(own.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(own.spanID.description != "00f067aa0ba902b7")
        #expect(own.flags == 1)
        #expect(headers["tracestate"] == "x=1,y=2")
        #expect(span.isRecording)
    }

    @Test(
        "an invalid header begins a new trace", arguments: [nil, "00-zz", "00-\(String(repeating: "0", count: 32))-1"])
    func beginsAnew(header: String?) throws {
        let bench = Workbench()
        let context = bench.context(header, "x=1")
        #expect(context.openTelemetrySpan == nil)
        let span = bench.tracer.startSpan("a", context: context)
        #expect(span.isRecording)
        // A tracestate without its traceparent means nothing.
        #expect(bench.headers(of: span.context)["tracestate"] == nil)
    }

    @Test("an invalid tracestate leaves the traceparent alone")
    func badState() {
        let bench = Workbench()
        let context = bench.context(Self.incoming, "UPPER=1")
        #expect(context.openTelemetrySpan?.traceParent.description == Self.incoming)
        #expect(bench.headers(of: context)["tracestate"] == nil)
    }

    @Test("defined flags are kept, others are sent as zero", arguments: [("ff", "03"), ("03", "03"), ("02", "02")])
    func flags(came: String, goes: String) {
        let bench = Workbench()
        let context = bench.context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\(came)")
        let span = bench.tracer.startSpan("a", context: context)
        #expect(bench.headers(of: span.context)["traceparent"]?.suffix(2) == Substring(goes))
    }

    @Test("what is not sampled is passed on, not recorded, and below it costs nothing")
    func unsampled() async throws {
        let bench = Workbench()
        try await bench.whileExporting {
            let span = bench.tracer.startSpan("a", context: bench.context(Self.unsampled))
            #expect(!span.isRecording)
            let header = try #require(bench.headers(of: span.context)["traceparent"])
            #expect(header.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") && header.hasSuffix("-00"))
            #expect(header != Self.unsampled)
            let child = bench.tracer.startSpan("b", context: span.context)
            #expect(child.context.openTelemetrySpan === span.context.openTelemetrySpan)
            child.attributes["x"] = 1
            child.end()
            span.end()
        }
        #expect(bench.receiver.requests.isEmpty)
        #expect(bench.exporter.counts == SpanExporter.Counts())
    }

    @Test(
        "samplers",
        arguments: [
            (SpanSampler(.all), true, true, false), (SpanSampler(.none), false, true, false),
            (SpanSampler(.all, asksParent: false), true, true, true),
            (SpanSampler(.none, asksParent: false), false, false, false),
            (SpanSampler(.ratio(0)), false, true, false), (SpanSampler(.ratio(1)), true, true, false),
            (SpanSampler(.ratio(1), asksParent: false), true, true, true),
        ])
    func samplers(sampler: SpanSampler, atRoot: Bool, belowSampled: Bool, belowUnsampled: Bool) {
        let bench = Workbench(sampler)
        #expect(bench.tracer.startSpan("a", context: .topLevel).isRecording == atRoot)
        #expect(bench.tracer.startSpan("a", context: bench.context(Self.incoming)).isRecording == belowSampled)
        #expect(bench.tracer.startSpan("a", context: bench.context(Self.unsampled)).isRecording == belowUnsampled)
    }

    @Test("a ratio takes its share, and every server the same traces")
    func ratio() throws {
        let random = SeededRandom(seed: 1)
        let (tenth, half) = (SpanSampler(.ratio(0.1)), SpanSampler(.ratio(0.5)))
        var taken = 0
        for _ in 0..<10_000 {
            let id = try #require(TraceID(high: random.next(), low: random.next()))
            guard tenth.records(id, parentIsSampled: nil) else { continue }
            taken += 1
            #expect(half.records(id, parentIsSampled: nil))
        }
        #expect((850...1_150).contains(taken))
    }

    @Test("a whole span as OTLP/JSON has it")
    func golden() async throws {
        let bench = Workbench()
        try await bench.whileExporting {
            let context = bench.context(Self.incoming, "x=1")
            let span = bench.tracer.startSpan(
                "POST /v1/orders", context: context, ofKind: .server, at: Moment(nanosecondsSinceEpoch: 1_000))
            span.attributes = [
                "http.route": "/v1/orders", "n": 7, "ok": true, "share": 0.5, "list": .stringArray(["a", "b"]),
            ]
            span.addEvent(SpanEvent(name: "e", at: Moment(nanosecondsSinceEpoch: 1_500), attributes: ["k": "v"]))
            span.addLink(SpanLink(context: context, attributes: [:]))
            span.setStatus(SpanStatus(code: .error, message: "\"no\""))
            span.end(at: Moment(nanosecondsSinceEpoch: 2_000))
            span.end(at: Moment(nanosecondsSinceEpoch: 3_000))
            span.operationName = "too late"
        }
        let request = try #require(bench.receiver.requests.first)
        let id = try #require(try bench.receiver.spans().first?["spanId"]?.string)
        let expected = """
            {"resourceSpans":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"a"}},\
            {"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"shop",\
            "version":"1.2"},"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"\(id)",\
            "traceState":"x=1","parentSpanId":"00f067aa0ba902b7","flags":769,"name":"POST /v1/orders","kind":2,\
            "startTimeUnixNano":"1000","endTimeUnixNano":"2000","attributes":[\
            {"key":"http.route","value":{"stringValue":"/v1/orders"}},\
            {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}},\
            {"key":"n","value":{"intValue":"7"}},{"key":"ok","value":{"boolValue":true}},\
            {"key":"share","value":{"doubleValue":0.5}}],\
            "events":[{"timeUnixNano":"1500","name":"e","attributes":[{"key":"k","value":{"stringValue":"v"}}]}],\
            "links":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","traceState":"x=1"}],\
            "status":{"code":2,"message":"\\"no\\""}}]}]}]}
            """
        #expect(String(decoding: request, as: UTF8.self) == expected)
        #expect(bench.receiver.requests.count == 1)
    }

    @Test("children through task locals, and an error that is thrown")
    func nesting() async throws {
        struct Trouble: Error {}
        let bench = Workbench()
        try await bench.whileExporting {
            try? bench.tracer.withSpan("outer", ofKind: .server) { _ in
                try bench.tracer.withSpan("inner") { _ in throw Trouble() }
            }
        }
        let spans = try bench.receiver.spans()
        #expect(spans.map { $0["name"]?.string } == ["inner", "outer"])
        #expect(spans[0]["parentSpanId"] == spans[1]["spanId"])
        #expect(spans[0]["traceId"] == spans[1]["traceId"])
        #expect(spans[1]["parentSpanId"] == nil)
        #expect(spans[0]["status"]?.object?["code"]?.integer == 2)
        let event = spans[0]["events"]?.array?.first?.object
        #expect(event?["name"]?.string == "exception")
    }

    @Test("a span's own lists are bounded, and say what was left out")
    func limits() async throws {
        let bench = Workbench()
        try await bench.whileExporting {
            let span = bench.tracer.startSpan("a", context: .topLevel)
            span.attributes = SpanAttributes(
                Dictionary(uniqueKeysWithValues: (0..<200).map { ("k\($0)", SpanAttribute.int64(1)) }))
            for number in 0..<150 {
                span.addEvent(SpanEvent(name: "e\(number)"))
                span.addLink(SpanLink(context: bench.context(Self.incoming), attributes: [:]))
            }
            span.end()
        }
        let span = try #require(try bench.receiver.spans().first)
        for (list, dropped, count) in [
            ("attributes", "droppedAttributesCount", 72), ("events", "droppedEventsCount", 22),
            ("links", "droppedLinksCount", 22),
        ] as [(String, String, Int64)] {
            #expect(span[list]?.array?.count == SpanDetails.limit)
            #expect(span[dropped]?.integer == count)
        }
    }
}
