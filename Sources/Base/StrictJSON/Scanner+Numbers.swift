// Numbers: RFC 8259, section 6. The grammar is checked byte by byte; the value is computed on the way as long as it
// fits.

extension Scanner {
    mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        let isNegative = bytes[at] == Byte.minus
        if isNegative { at += 1 }
        let first = at
        try digits("after '-'")
        let last = at
        if bytes[first] == Byte.zero, last - first > 1 {
            at = first + 1
            throw failure(.invalidNumber, "a number has no leading zeros; after 0 come '.', 'e' or the number's end")
        }
        var isInteger = true
        if at < end, bytes[at] == Byte.point {
            isInteger = false
            at += 1
            try digits("after the decimal point")
        }
        if at < end, bytes[at] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            at += 1
            if at < end, bytes[at] == Byte.plus || bytes[at] == Byte.minus { at += 1 }
            try digits("in the exponent")
        }
        if isInteger, let value = integer(first, last, isNegative: isNegative) { return .integer(value) }
        return .number(String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<at]), as: UTF8.self))
    }

    /// One digit or more.
    @inline(__always)
    private mutating func digits(_ place: StaticString) throws(JSONError) {
        guard at < end, Byte.isDigit(bytes[at]) else { throw noDigit(place) }
        repeat { at += 1 } while at < end && Byte.isDigit(bytes[at])
    }

    @inline(never)
    private func noDigit(_ place: StaticString) -> JSONError {
        let found = at < end ? Byte.shown(bytes[at]) : "the end of the input"
        return failure(.invalidNumber, "a digit is expected \(place), not \(found)")
    }

    /// The digits as an integer, or nil if it does not fit.
    @inline(__always)
    private func integer(_ first: Int, _ last: Int, isNegative: Bool) -> Int64? {
        // Nineteen digits are at most 9,999,999,999,999,999,999, which fits UInt64; without leading zeros twenty are
        // beyond Int64 anyway.
        guard last - first <= 19 else { return nil }
        var magnitude: UInt64 = 0
        for index in first..<last {
            magnitude = magnitude &* 10 &+ UInt64(bytes[index] &- Byte.zero)
        }
        if isNegative { return magnitude <= 1 << 63 ? Int64(bitPattern: 0 &- magnitude) : nil }
        return Int64(exactly: magnitude)
    }

    /// Whether a text is one JSON number, and nothing else.
    static func isNumber(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBufferPointer { buffer in
            guard let first = buffer.first, first == Byte.minus || Byte.isDigit(first) else { return false }
            var scanner = Scanner(buffer, JSONLimits())
            return (try? scanner.number()) != nil && scanner.at == scanner.end
        }
    }
}
