// The bytes of a document that is being written: strings with their escapes, integers, whole values. It knows nothing
// of commas and nesting; `JSONWriter` does.
//
// Escaped are the quotation mark, the backslash and the control characters below U+0020, which is all that RFC 8259
// section 7 asks for. Everything else, U+2028 and U+007F included, is written as its UTF-8 bytes.

struct JSONBuffer: Sendable {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        bytes.append(byte)
    }

    mutating func append(text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    mutating func append(_ value: Bool) {
        append(text: value ? "true" : "false")
    }

    mutating func append(_ value: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value.magnitude
            var start = 20
            repeat {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                start -= 1
                digits.initializeElement(at: start, to: Byte.zero &+ UInt8(truncatingIfNeeded: digit))
                rest = quotient
            } while rest != 0
            if value < 0 {
                start -= 1
                digits.initializeElement(at: start, to: Byte.minus)
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start..<20]))
        }
    }

    /// Appends a string in quotes, with escapes.
    mutating func append(quoted text: String) {
        var text = text
        text.withUTF8 { append(quotedUTF8: $0) }
    }

    /// Appends a string, given as its UTF-8 bytes, in quotes, with escapes.
    mutating func append(quotedUTF8 source: UnsafeBufferPointer<UInt8>) {
        bytes.append(Byte.quote)
        var copied = 0
        for index in 0..<source.count {
            let byte = source[index]
            guard byte < Byte.space || byte == Byte.quote || byte == Byte.backslash else { continue }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: source[copied..<index]))
            append(escapeOf: byte)
            copied = index + 1
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: source[copied...]))
        bytes.append(Byte.quote)
    }

    private mutating func append(escapeOf byte: UInt8) {
        bytes.append(Byte.backslash)
        switch byte {
        case Byte.quote, Byte.backslash: bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case Byte.tab: bytes.append(UInt8(ascii: "t"))
        case Byte.lineFeed: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case Byte.carriageReturn: bytes.append(UInt8(ascii: "r"))
        default:
            append(text: byte < 0x10 ? "u000" : "u001")
            let digit = byte & 0x0F
            bytes.append(digit < 10 ? Byte.zero + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// Appends a whole value; with `sorted`, the members of objects in the order of their names' UTF-8 bytes.
    mutating func append(_ value: JSONValue, sorted: Bool) {
        switch value {
        case .null: append(text: "null")
        case .bool(let value): append(value)
        case .integer(let value): append(value)
        case .number(let literal):
            precondition(Scanner.isNumber(literal), "\(literal.debugDescription) is not a JSON number")
            append(text: literal)
        case .string(let text): append(quoted: text)
        case .array(let elements):
            append(Byte.openBracket)
            var isFirst = true
            for element in elements {
                if !isFirst { append(Byte.comma) }
                isFirst = false
                append(element, sorted: sorted)
            }
            append(Byte.closeBracket)
        case .object(let object):
            var members = object.members
            // Not `<`, which orders strings by their normal form.
            if sorted { members.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) } }
            append(Byte.openBrace)
            var isFirst = true
            for (name, value) in members {
                if !isFirst { append(Byte.comma) }
                isFirst = false
                append(quoted: name)
                append(Byte.colon)
                append(value, sorted: sorted)
            }
            append(Byte.closeBrace)
        }
    }
}
