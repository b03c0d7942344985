import Tracing

/// What is told of a recorded span while it runs.
public struct SpanDetails: Sendable {
    /// Such as `POST /v1/orders`.
    public var name = ""
    /// At most ``limit``; if a key is there twice, the later one counts.
    private(set) var attributes = AttributeBytes()
    /// nil where there are none.
    private(set) var rarities: SpanRarities.Box?

    /// The most attributes, the most events, and the most links: OpenTelemetry's defaults.
    static let limit = 128
    /// Adds a text under a name. Of two with the same name the later one counts.
    public mutating func add(_ key: String, _ text: String) { if hasRoom() { attributes.add(key, text) } }
    /// Adds a number.
    public mutating func add(_ key: String, _ number: Int) { if hasRoom() { attributes.add(key, Int64(number)) } }
    /// Adds a truth value.
    public mutating func add(_ key: String, _ flag: Bool) { if hasRoom() { attributes.add(key, flag) } }
    /// Adds anything else. What can only be described is described now.
    public mutating func add(_ key: String, attribute: SpanAttribute) {
        if hasRoom() { attributes.add(key, attribute: attribute) }
    }

    private mutating func hasRoom() -> Bool {
        if attributes.count < Self.limit { return true }
        change { $0.droppedAttributes += 1 }
        return false
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

    /// - Parameter dropped: how many are over the limit.
    mutating func set(_ all: AttributeBytes, dropped: Int) {
        attributes = all
        if dropped > 0 || rarities != nil { change { $0.droppedAttributes = dropped } }
    }

    private mutating func change(_ body: (inout SpanRarities) -> Void) {
        var content = rarities?.content ?? SpanRarities()
        rarities = nil  // leaves one owner of each list
        body(&content)
        rarities = SpanRarities.Box(content)
    }
}
