import Tracing

/// What is told of few spans. The others do not carry room for it along: see ``Box``.
struct SpanRarities: Sendable {
    /// At most ``SpanDetails/limit``.
    var events: [SpanEvent] = []
    /// At most ``SpanDetails/limit``.
    var links: [SpanLink] = []
    /// nil where nobody set it.
    var status: SpanStatus?
    /// How many attributes were over the limit.
    var droppedAttributes = 0
    /// How many events were over the limit.
    var droppedEvents = 0
    /// How many links were over the limit.
    var droppedLinks = 0

    /// One pointer's place for all of them.
    final class Box: Sendable {
        let content: SpanRarities
        init(_ content: SpanRarities) { self.content = content }
    }
}
