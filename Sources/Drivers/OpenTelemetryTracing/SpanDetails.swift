import Tracing

/// What is told of a recorded span while it runs.
public struct SpanDetails: Sendable {
    /// Such as `POST /v1/orders`.
    public var name = ""
    /// At most ``limit``; if a key is there twice, the later one counts.
    private(set) var attributes: [KeyValue] = []
    /// nil where there are none.
    private(set) var rarities: SpanRarities.Box?

    /// The most attributes, the most events, and the most links: OpenTelemetry's defaults.
    static let limit = 128
    /// As many attributes as most spans have: room for them is made at once.
    private static let usualCount = 8

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
        if attributes.isEmpty { attributes.reserveCapacity(Self.usualCount) }
        if attributes.count < Self.limit {
            attributes.append(attribute)
        } else {
            change { $0.droppedAttributes += 1 }
        }
    }

    /// Adds something that happened at one moment.
    public mutating func add(_ event: SpanEvent) {
        change { if $0.events.count < Self.limit { $0.events.append(event) } else { $0.droppedEvents += 1 } }
    }

    /// Adds another span that this one has to do with.
    public mutating func add(_ link: SpanLink) {
        change { if $0.links.count < Self.limit { $0.links.append(link) } else { $0.droppedLinks += 1 } }
    }

    /// Whether it went well. A later one wins, but for an error after `ok`, as OpenTelemetry has it.
    public mutating func set(_ status: SpanStatus) {
        change { if $0.status?.code != .ok { $0.status = status } }
    }

    mutating func set(_ all: [KeyValue]) {
        attributes = Array(all.prefix(Self.limit))
        let dropped = all.count - attributes.count
        if dropped > 0 || rarities != nil { change { $0.droppedAttributes = dropped } }
    }

    private mutating func change(_ body: (inout SpanRarities) -> Void) {
        var content = rarities?.content ?? SpanRarities()
        rarities = nil  // leaves one owner of each list
        body(&content)
        rarities = SpanRarities.Box(content)
    }
}
