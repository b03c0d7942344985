import Tracing

/// A span that has ended, as it is exported.
public struct FinishedSpan: Sendable {
    /// Which span, of which trace.
    public let context: SpanContext
    /// The span that it is a part of; nil at the root of a trace.
    public let parent: SpanContext?
    /// Such as `POST /v1/orders`.
    public internal(set) var name: String
    /// On which side of a call it stands.
    public let kind: SpanKind
    /// Nanoseconds since 1970.
    public let start: UInt64
    /// Nanoseconds since 1970; never before ``start``.
    public internal(set) var end: UInt64
    /// At most ``limit``; if a key is there twice, the later one counts.
    public internal(set) var attributes: [(key: String, value: SpanAttribute)] = []
    /// At most ``limit``.
    public internal(set) var events: [SpanEvent] = []
    /// At most ``limit``.
    public internal(set) var links: [SpanLink] = []
    /// nil where nobody set it.
    public internal(set) var status: SpanStatus?
    /// How many attributes were over the limit.
    public internal(set) var droppedAttributes = 0
    /// How many events were over the limit.
    public internal(set) var droppedEvents = 0
    /// How many links were over the limit.
    public internal(set) var droppedLinks = 0

    /// The most attributes, the most events, and the most links: OpenTelemetry's defaults.
    public static let limit = 128
}
