import Tracing

/// What is told of a recorded span while it runs.
struct SpanDetails: Sendable {
    /// Such as `POST /v1/orders`.
    var name: String
    /// Nanoseconds since 1970; never before the start.
    var end: UInt64
    /// At most ``limit``; if a key is there twice, the later one counts.
    private(set) var attributes: [KeyValue] = []
    /// At most ``limit``.
    private(set) var events: [SpanEvent] = []
    /// At most ``limit``.
    private(set) var links: [SpanLink] = []
    /// nil where nobody set it.
    private(set) var status: SpanStatus?
    /// How many attributes were over the limit.
    private(set) var droppedAttributes = 0
    /// How many events were over the limit.
    private(set) var droppedEvents = 0
    /// How many links were over the limit.
    private(set) var droppedLinks = 0

    /// The most attributes, the most events, and the most links: OpenTelemetry's defaults.
    static let limit = 128

    init(name: String, start: UInt64) { (self.name, end) = (name, start) }

    mutating func set(_ all: [KeyValue]) {
        (attributes, droppedAttributes) = ([], 0)
        add(all)
    }

    mutating func add(_ more: [KeyValue]) {
        if attributes.isEmpty, more.count <= Self.limit {
            attributes = more
        } else {
            let room = max(Self.limit - attributes.count, 0)
            attributes += more.prefix(room)
            droppedAttributes += max(more.count - room, 0)
        }
    }

    mutating func add(_ event: SpanEvent) {
        if events.count < Self.limit { events.append(event) } else { droppedEvents += 1 }
    }

    mutating func add(_ link: SpanLink) {
        if links.count < Self.limit { links.append(link) } else { droppedLinks += 1 }
    }

    /// A later one wins, but for an error after `ok`, as OpenTelemetry has it.
    mutating func set(_ status: SpanStatus) {
        if self.status?.code != .ok { self.status = status }
    }
}
