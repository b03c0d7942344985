// Strings compared and hashed by their UTF-8 bytes.
//
// Swift compares strings by canonical equivalence. For that it normalises them, and a run of combining marks (U+0301
// U+0327 U+0301 …) takes quadratic time: measured with Swift 6.3, one comparison or hash of a 160 KB string of them
// takes 1.6 seconds. Names and strings here come from strangers, so nothing in this module uses `==`, `<` or
// `hash(into:)` of String.

extension String {
    /// Whether both have the same UTF-8 bytes. Linear.
    @inline(__always)
    func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && hasSameContent(as: other)
    }

    private func hasSameContent(as other: String) -> Bool {
        // Strings the reader makes, and literals, are contiguous; only strings bridged on macOS may not be.
        let answer = utf8.withContiguousStorageIfAvailable { left in
            other.utf8.withContiguousStorageIfAvailable { right in
                for index in 0..<left.count where left[index] != right[index] { return false }
                return true
            }
        }
        return (answer ?? nil) ?? utf8.elementsEqual(other.utf8)
    }

    /// Feeds the UTF-8 bytes to a hash. Linear.
    func hashBytes(into hasher: inout Hasher) {
        var text = self
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // Never occurs in UTF-8: keeps "ab" + "c" apart from "a" + "bc".
        hasher.combine(0xFF as UInt8)
    }
}

/// A name as the key of a table.
struct NameKey: Hashable {
    let name: String

    static func == (left: NameKey, right: NameKey) -> Bool {
        left.name.hasSameBytes(as: right.name)
    }

    func hash(into hasher: inout Hasher) {
        name.hashBytes(into: &hasher)
    }
}

extension JSONValue {
    /// Whether both are of one kind with the same content; strings by their bytes, objects in any order of members.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left.hasSameBytes(as: right)
        case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// Feeds the kind and the content to a hash.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value):
            hasher.combine(1)
            hasher.combine(value)
        case .integer(let value):
            hasher.combine(2)
            hasher.combine(value)
        case .number(let literal):
            hasher.combine(3)
            literal.hashBytes(into: &hasher)
        case .string(let text):
            hasher.combine(4)
            text.hashBytes(into: &hasher)
        case .array(let elements):
            hasher.combine(5)
            hasher.combine(elements)
        case .object(let object):
            hasher.combine(6)
            hasher.combine(object)
        }
    }
}
