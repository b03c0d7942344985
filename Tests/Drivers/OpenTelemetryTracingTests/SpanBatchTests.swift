import Determinism
import StrictJSON
import Testing
import Tracing

@testable import OpenTelemetryTracing

/// Spans that wait to be sent.
@Suite("SpanBatch")
struct SpanBatchTests {
    private let place: TraceParent
    init() throws { place = try #require(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")) }

    private func end(_ queue: SpanQueue, _ describe: (inout SpanDetails) -> Void = { _ in }) {
        RecordedSpan(place, nil, RecordedSpan.Origin(), queue, describe).end(at: 5) { _ in }
    }

    @Test("each span has its own attributes and nothing of the one before, also in a batch's second life")
    func attributes() async throws {
        let bench = Workbench { $0.batchLimit = 3 }
        try await bench.whileExporting {
            for number in 0..<12 {
                bench.tracer.startSpan("\(number)", context: .topLevel).end { details in
                    for attribute in 0..<(number % 4) { details.add("key-\(attribute)", "\(number)") }
                    guard number % 3 == 0 else { return }
                    details.add(SpanEvent(name: "event"))
                    details.add(SpanLink(context: .topLevel, attributes: [:]))
                    details.set(SpanStatus(code: .error))
                }
            }
        }
        let spans = try bench.receiver.spans()
        #expect(spans.map { $0["name"]?.string } == (0..<12).map { "\($0)" })
        for (number, span) in spans.enumerated() {
            let attributes = span["attributes"]?.array ?? []
            #expect(attributes.count == number % 4)
            for attribute in attributes {
                #expect(attribute.object?["value"]?.object?["stringValue"]?.string == "\(number)")
            }
            #expect(span.names.contains("events") == (number % 3 == 0))
            #expect(span.names.contains("status") == (number % 3 == 0))
        }
        #expect(Set(spans.compactMap { $0["spanId"]?.string }).count == 12)
    }

    @Test("a span that waits to be sent is not kept in memory by that")
    func waiting() async throws {
        let bench = Workbench()
        weak var waiting: SpanContext?
        do {
            let span = bench.tracer.startSpan("parent", context: .topLevel)
            waiting = span.context.openTelemetrySpan
            bench.tracer.startSpan("child", context: span.context).end()
            #expect(waiting != nil)
            span.end()
        }
        #expect(waiting == nil && bench.exporter.counts.waiting == 2)
        try await bench.whileExporting {}
        let spans = try bench.receiver.spans()
        #expect(spans.first?["parentSpanId"] == spans.last?["spanId"])
    }

    @Test("a place below a span that has ended is its place still")
    func held() async throws {
        let bench = Workbench { $0.batchLimit = 1 }
        try await bench.whileExporting {
            let span = bench.tracer.startSpan("parent", context: .topLevel)
            let context = span.context
            span.end()
            for _ in 0..<10 { bench.tracer.startSpan("other", context: .topLevel).end() }
            #expect(context.openTelemetrySpan?.traceParent == span.traceParent && !span.isRecording)
            bench.tracer.startSpan("child", context: context).end()
        }
        let spans = try bench.receiver.spans()
        #expect(spans.last?["name"]?.string == "child")
        #expect(spans.last?["parentSpanId"] == spans.first?["spanId"])
        #expect(spans.last?["traceId"] == spans.first?["traceId"])
    }

    @Test("the next batch has the room of one that was sent, if that is of a usual size")
    func room() {
        let queue = SpanQueue(limit: 1_000, batchLimit: 4)
        for _ in 0..<4 { end(queue) { $0.add("key", 1) } }
        var sent = queue.take()
        #expect(sent.count == 4 && sent.attributes.count == 4)
        let room = sent.spans.withUnsafeBufferPointer { $0.baseAddress }
        queue.give(back: &sent)
        #expect(sent.isEmpty)
        for _ in 0..<8 { end(queue) }
        let next = (queue.take(), queue.take())
        #expect(next.1.spans.withUnsafeBufferPointer { $0.baseAddress } == room)
        #expect(next.1.attributes.bytes.isEmpty && next.1.count == 4)

        for _ in 0..<4 { end(queue) { details in for number in 0..<100 { details.add("\(number)", number) } } }
        var large = queue.take()
        let largeRoom = large.spans.withUnsafeBufferPointer { $0.baseAddress }
        queue.give(back: &large)
        // It was not taken.
        #expect(large.isEmpty && large.spans.withUnsafeBufferPointer { $0.baseAddress } == largeRoom)
    }
}
