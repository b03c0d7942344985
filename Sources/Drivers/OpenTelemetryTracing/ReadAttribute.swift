import Tracing

/// An attribute as it is read from ``AttributeBytes``: its texts stay where they are.
struct ReadAttribute {
    enum Value {
        /// UTF-8
        case text(ArraySlice<UInt8>)
        case number(Int64)
        case double(Double)
        case flag(Bool)
        case list([Value])
    }
    /// UTF-8, such as `http.route`.
    let key: ArraySlice<UInt8>
    let value: Value
}

extension AttributeBytes {
    /// As they were told, one after the other.
    struct Reader {
        private var rest: ArraySlice<UInt8>
        init(_ attributes: AttributeBytes) { rest = attributes.bytes[...] }

        /// The next so many.
        mutating func read(_ count: Int) -> [ReadAttribute] {
            var list: [ReadAttribute] = []
            list.reserveCapacity(count)
            for _ in 0..<count {
                let kind = kind()
                list.append(ReadAttribute(key: text(), value: value(kind)))
            }
            return list
        }

        private mutating func value(_ kind: Kind) -> ReadAttribute.Value {
            switch kind {
            case .text: return .text(text())
            case .number: return .number(number())
            case .double: return .double(Double(bitPattern: number()))
            case .flag: return .flag(rest.removeFirst() != 0)
            case .list:
                let kind = self.kind()
                let count: UInt32 = number()
                return .list((0..<count).map { _ in value(kind) })
            }
        }

        private mutating func kind() -> Kind {
            guard let kind = Kind(rawValue: rest.removeFirst()) else { preconditionFailure("these are no attributes") }
            return kind
        }

        private mutating func text() -> ArraySlice<UInt8> {
            let count: UInt32 = number()
            let text = rest.prefix(Int(count))
            rest = rest.dropFirst(Int(count))
            return text
        }

        private mutating func number<Number: FixedWidthInteger & BitwiseCopyable>() -> Number {
            let number = rest.withUnsafeBytes { $0.loadUnaligned(as: Number.self) }
            rest = rest.dropFirst(MemoryLayout<Number>.size)
            return number
        }
    }

    /// Them all.
    var list: [ReadAttribute] {
        var reader = Reader(self)
        return reader.read(count)
    }
}

extension SpanAttributes {
    /// Of a key that is there twice the last one counts.
    init(_ attributes: AttributeBytes) {
        let pairs = attributes.list.map { (String(decoding: $0.key, as: UTF8.self), $0.value.attribute) }
        self.init(Dictionary(pairs, uniquingKeysWith: { $1 }))
    }
}

extension ReadAttribute.Value {
    fileprivate var attribute: SpanAttribute {
        switch self {
        case .text(let text): .string(String(decoding: text, as: UTF8.self))
        case .number(let number): .int64(number)
        case .double(let number): .double(number)
        case .flag(let flag): .bool(flag)
        case .list(let list): Self.attribute(of: list)
        }
    }

    /// They are all of one kind; of no elements nobody knows which.
    private static func attribute(of list: [ReadAttribute.Value]) -> SpanAttribute {
        switch list.first {
        case .number: .int64Array(list.compactMap { if case .number(let number) = $0 { number } else { nil } })
        case .double: .doubleArray(list.compactMap { if case .double(let number) = $0 { number } else { nil } })
        case .flag: .boolArray(list.compactMap { if case .flag(let flag) = $0 { flag } else { nil } })
        case .text, .list, nil:
            .stringArray(
                list.compactMap { if case .text(let text) = $0 { String(decoding: text, as: UTF8.self) } else { nil } })
        }
    }
}
