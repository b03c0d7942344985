import Tracing

/// Spans that have ended, in two blocks of memory: the spans one after the other, and the attributes of them all.
///
/// Batches are all that goes from the threads that make spans to the one that sends them. An object for each span would
/// be freed by a thread that did not make it, which is what allocators are worst at, or have to go back.
struct SpanBatch: Sendable {
    /// One of them. Its attributes are the next so many.
    struct Span: Sendable {
        let traceParent: TraceParent
        let traceState: TraceState?
        let origin: RecordedSpan.Origin
        let end: UInt64
        let name: String
        let attributeCount: Int
        let rarities: SpanRarities.Box?
    }
    private(set) var spans: [Span] = []
    private(set) var attributes = AttributeBytes()

    var count: Int { spans.count }
    var isEmpty: Bool { spans.isEmpty }

    mutating func append(_ place: SpanContext, _ origin: RecordedSpan.Origin, end: UInt64, _ details: SpanDetails) {
        spans.append(
            Span(
                traceParent: place.traceParent, traceState: place.traceState, origin: origin, end: end,
                name: details.name, attributeCount: details.attributes.count, rarities: details.rarities))
        attributes.append(contentsOf: details.attributes)
    }

    /// The bytes that are kept room for, for the attributes of each span.
    private static let room = 512

    /// Forgets all, and keeps the room that they took, for the next batch.
    /// - Returns: whether that is no more than usual.
    mutating func clear() -> Bool {
        let isUsual = attributes.bytes.capacity <= Self.room * max(1, spans.capacity)
        spans.removeAll(keepingCapacity: true)
        attributes.removeAll()
        return isUsual
    }
}
