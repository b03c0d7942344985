import Tracing

/// What is known about a span under one name, as OTLP's message of that name has it. A list of these is written down as
/// it is, where swift-distributed-tracing's `SpanAttributes` is a dictionary that is made, and hashed, for each span.
public struct KeyValue: Sendable {
    /// Such as `http.route`.
    public let key: String
    /// What is known.
    public let value: SpanAttribute

    /// An attribute.
    public init(_ key: String, _ value: SpanAttribute) { (self.key, self.value) = (key, value) }
}

extension SpanAttributes {
    /// Them all, in no order.
    var list: [KeyValue] {
        var list: [KeyValue] = []
        list.reserveCapacity(count)
        forEach { list.append(KeyValue($0, $1)) }
        return list
    }
}
