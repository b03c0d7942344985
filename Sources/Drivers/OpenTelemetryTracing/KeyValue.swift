import Tracing

/// What is known about a span under one name, as OTLP's message of that name has it: 32 bytes for what nearly all of
/// them are, where swift-distributed-tracing's `SpanAttribute` alone takes 48. They all cross over to the thread that
/// sends them.
struct KeyValue: Sendable {
    enum Value: Sendable {
        case text(String)
        case number(Int64)
        case flag(Bool)
        indirect case other(SpanAttribute)

        init(_ attribute: SpanAttribute) {
            switch attribute {
            case .string(let text): self = .text(text)
            case .int32(let number): self = .number(Int64(number))
            case .int64(let number): self = .number(number)
            case .bool(let flag): self = .flag(flag)
            default: self = .other(attribute)
            }
        }

        var attribute: SpanAttribute {
            switch self {
            case .text(let text): .string(text)
            case .number(let number): .int64(number)
            case .flag(let flag): .bool(flag)
            case .other(let attribute): attribute
            }
        }
    }
    /// Such as `http.route`.
    let key: String
    /// What is known.
    let value: Value
}

extension SpanAttributes {
    /// Them all, in no order.
    var list: [KeyValue] {
        var list: [KeyValue] = []
        list.reserveCapacity(count)
        forEach { list.append(KeyValue(key: $0, value: KeyValue.Value($1))) }
        return list
    }
}
