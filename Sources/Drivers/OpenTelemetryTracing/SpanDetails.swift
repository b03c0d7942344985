import Tracing

/// What is told of a recorded span while it runs.
public struct SpanDetails: Sendable {
    /// Such as `POST /v1/orders`.
    public var name = ""
    /// Nanoseconds since 1970; never before the start.
    var end: UInt64 = 0
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

    /// Adds a text under a name. Of two with the same name the later one counts.
    public mutating func add(_ key: String, _ text: String) { add(KeyValue(key: key, value: .text(text))) }
    /// Adds a number.
    public mutating func add(_ key: String, _ number: Int) { add(KeyValue(key: key, value: .number(Int64(number)))) }
    /// Adds a truth value.
    public mutating func add(_ key: String, _ flag: Bool) { add(KeyValue(key: key, value: .flag(flag))) }
    /// Adds anything else.
    public mutating func add(_ key: String, attribute: SpanAttribute) {
        add(KeyValue(key: key, value: KeyValue.Value(attribute)))
    }

    private mutating func add(_ attribute: KeyValue) {
        if attributes.count < Self.limit { attributes.append(attribute) } else { droppedAttributes += 1 }
    }

    /// Adds something that happened at one moment.
    public mutating func add(_ event: SpanEvent) {
        if events.count < Self.limit { events.append(event) } else { droppedEvents += 1 }
    }

    /// Adds another span that this one has to do with.
    public mutating func add(_ link: SpanLink) {
        if links.count < Self.limit { links.append(link) } else { droppedLinks += 1 }
    }

    /// Whether it went well. A later one wins, but for an error after `ok`, as OpenTelemetry has it.
    public mutating func set(_ status: SpanStatus) {
        if self.status?.code != .ok { self.status = status }
    }

    mutating func set(_ all: [KeyValue]) {
        attributes = Array(all.prefix(Self.limit))
        droppedAttributes = all.count - attributes.count
    }

    /// The most of each that is kept room for, from one span to the next.
    private static let room = 32

    /// Forgets everything, and keeps the room that it took.
    /// - Returns: whether that is no more than usual.
    mutating func clear() -> Bool {
        guard attributes.capacity <= Self.room, events.capacity <= Self.room, links.capacity <= Self.room else {
            return false
        }
        attributes.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        links.removeAll(keepingCapacity: true)
        (name, status) = ("", nil)
        (droppedAttributes, droppedEvents, droppedLinks) = (0, 0, 0)
        return true
    }
}
