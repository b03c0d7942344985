import Determinism
import StrictJSON
import Testing
import Tracing

@testable import OpenTelemetryTracing

/// Spans that become others once they have been sent.
@Suite("SpanPool")
struct SpanPoolTests {
    /// Sends what has ended.
    private func sent(_ bench: Workbench, _ count: UInt64) async throws {
        bench.tracer.forceFlush()
        let deadline = SystemTime().instant() + .seconds(20)
        while bench.exporter.counts.exported < count, SystemTime().instant() < deadline { await Task.yield() }
        try #require(bench.exporter.counts.exported == count)
    }

    @Test("a span that was sent becomes another one, which knows nothing of it")
    func reuse() async throws {
        let bench = Workbench()
        let pool = bench.exporter.queue.pool
        try await bench.whileExporting {
            let incoming = bench.context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "x=1")
            let first = bench.tracer.startSpan("first", context: incoming, ofKind: .server)
            first.update { details in
                details.add("text", "a")
                details.add("number", 7)
                details.add("flag", true)
                details.add("list", attribute: .stringArray(["b"]))
                details.add(SpanEvent(name: "event"))
                details.add(SpanLink(context: incoming, attributes: [:]))
                details.set(SpanStatus(code: .error))
            }
            first.end()
            try await sent(bench, 1)
            // The handle still holds it.
            #expect(pool.count == 0 && !first.isRecording)
        }
        let second = Workbench()
        try await second.whileExporting {
            for number in 1...3 as ClosedRange<UInt64> {
                second.tracer.startSpan("\(number)", context: .topLevel).end { details in
                    if number == 1 {
                        details.add("only", "the first")
                        details.add(SpanEvent(name: "event"))
                        details.set(SpanStatus(code: .error))
                    }
                }
                try await sent(second, number)
                let deadline = SystemTime().instant() + .seconds(20)
                while second.exporter.queue.pool.count == 0, SystemTime().instant() < deadline { await Task.yield() }
                #expect(second.exporter.queue.pool.count == 1, "one object was all three")
            }
        }
        let spans = try second.receiver.spans()
        #expect(spans.map { $0["name"]?.string } == ["1", "2", "3"])
        #expect(spans[0].names.contains("attributes") && spans[0].names.contains("status"))
        for span in spans.dropFirst() {
            #expect(Set(span.names).isDisjoint(with: ["attributes", "events", "links", "status", "traceState"]))
        }
        #expect(Set(spans.compactMap { $0["spanId"]?.string }).count == 3)
    }

    @Test("a place whose context is still known is not given away")
    func held() async throws {
        let bench = Workbench()
        try await bench.whileExporting {
            let context = bench.tracer.startSpan("parent", context: .topLevel).context
            let place = try #require(context.openTelemetrySpan)
            let traceParent = place.traceParent
            (place as? RecordedSpan)?.end(at: 5) { _ in }
            try await sent(bench, 1)
            for _ in 0..<10 { bench.tracer.startSpan("other", context: .topLevel).end() }
            #expect(place.traceParent == traceParent)
            bench.tracer.startSpan("child", context: context).end()
        }
        let spans = try bench.receiver.spans()
        #expect(spans.last?["name"]?.string == "child")
        #expect(spans.last?["parentSpanId"] == spans.first?["spanId"])
        #expect(spans.last?["traceId"] == spans.first?["traceId"])
    }

    @Test("it keeps spans of the usual size only, and no more of them than may wait")
    func bounds() async throws {
        let pool = SpanPool()
        let place = try #require(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        let queue = SpanQueue(limit: 10, batchLimit: 10)
        var large = [RecordedSpan(place)]
        large[0].begin(place, nil, RecordedSpan.Origin(), queue) { details in
            for number in 0..<100 { details.add("\(number)", number) }
        }
        pool.give(back: &large)
        #expect(pool.count == 0 && large.isEmpty)
        for _ in 0..<3 {
            var many = (0..<SpanPool.limit / 2).map { _ in RecordedSpan(place) }
            pool.give(back: &many)
        }
        #expect(pool.count == SpanPool.limit)
    }
}
