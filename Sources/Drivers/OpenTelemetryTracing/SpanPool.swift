import Synchronization

/// Spans that were sent and that nobody knows any more, for those that begin next.
///
/// A recorded span is made on one thread and would be freed on another, the exporter's, which is the worst that can
/// happen to an allocator: neither finds anything in its own cache, and both want the same arena's lock. That was a
/// third of what a span cost.
final class SpanPool: Sendable {
    /// As many as may wait to be sent.
    static let limit = 8_192
    private let spare = Mutex<[RecordedSpan]>([])

    /// How many are there.
    var count: Int { spare.withLock { $0.count } }

    /// One that may begin there.
    func take(for traceParent: TraceParent) -> RecordedSpan {
        spare.withLock { $0.popLast() } ?? RecordedSpan(traceParent)
    }

    /// Takes those back that nobody else holds: a context below a span that has ended is its place still.
    func give(back spans: inout [RecordedSpan]) {
        for index in spans.indices.reversed() {
            if !isKnownUniquelyReferenced(&spans[index]) || !spans[index].clear() { spans.remove(at: index) }
        }
        let free = spans
        spans = []
        spare.withLock { $0.append(contentsOf: free.prefix(max(0, Self.limit - $0.count))) }
    }
}
