// Strings: RFC 8259, section 7.
//
// Of several faults in one string the first is reported. The scan stops at a wrong escape, a control character or the
// input's end, and an ill-formed UTF-8 sequence may lie before that; so every failure first looks at the bytes it
// passed.

extension Scanner {
    /// The string whose opening quote is at `at`.
    mutating func string() throws(JSONError) -> String {
        let start = at + 1
        var index = start
        var union: UInt8 = 0
        while index < end {
            let byte = bytes[index]
            if byte == Byte.quote {
                let source = UnsafeBufferPointer(rebasing: bytes[start..<index])
                if union < 0x80 {
                    at = index + 1
                    return String(decoding: source, as: UTF8.self)
                }
                guard let text = String(validating: source, as: UTF8.self) else {
                    at = index
                    throw stringFailure(.invalidUTF8, from: start, "the string is not UTF-8")
                }
                at = index + 1
                return text
            }
            if byte == Byte.backslash { return try escapedString(from: start, firstEscape: index) }
            guard byte >= Byte.space else { break }
            union |= byte
            index += 1
        }
        at = index
        throw unfinished(from: start)
    }

    /// The slow path: the string begins at `start` and has its first escape at `firstEscape`.
    private mutating func escapedString(from start: Int, firstEscape: Int) throws(JSONError) -> String {
        var content: [UInt8] = []
        content.reserveCapacity(firstEscape - start + 32)
        var copied = start
        at = firstEscape
        while at < end {
            let byte = bytes[at]
            if byte == Byte.quote {
                content.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied..<at]))
                // An escape's bytes are whole sequences, and none begins with a continuation byte: the content is
                // well-formed exactly if the source is.
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw stringFailure(.invalidUTF8, from: start, "the string is not UTF-8")
                }
                at += 1
                return text
            }
            if byte == Byte.backslash {
                content.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied..<at]))
                try escape(into: &content, stringStart: start)
                copied = at
                continue
            }
            guard byte >= Byte.space else { break }
            at += 1
        }
        throw unfinished(from: start)
    }

    /// Reads the escape whose backslash is at `at`.
    private mutating func escape(into content: inout [UInt8], stringStart: Int) throws(JSONError) {
        let backslash = at
        guard at + 1 < end else {
            at = end
            throw unfinished(from: stringStart)
        }
        let letter = bytes[at + 1]
        at += 2
        switch letter {
        case Byte.quote, Byte.backslash, Byte.slash: content.append(letter)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(Byte.lineFeed)
        case UInt8(ascii: "r"): content.append(Byte.carriageReturn)
        case UInt8(ascii: "t"): content.append(Byte.tab)
        case UInt8(ascii: "u"):
            let scalar = try unicodeEscape(backslash, stringStart)
            content.append(contentsOf: UTF8.encode(scalar)!)
        default:
            at = backslash
            throw stringFailure(
                .invalidEscape, from: stringStart,
                "'\\' before \(Byte.shown(letter)) is no escape; "
                    + "the escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX")
        }
    }

    /// The scalar of a `\u` escape, of two for a surrogate pair. `at` is behind the `u`.
    private mutating func unicodeEscape(_ backslash: Int, _ stringStart: Int) throws(JSONError) -> Unicode.Scalar {
        let unit = try fourDigits(backslash, stringStart)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        if unit < 0xDC00 {
            guard at < end else { throw unfinished(from: stringStart) }
            if bytes[at] == Byte.backslash {
                guard at + 1 < end else {
                    at = end
                    throw unfinished(from: stringStart)
                }
                if bytes[at + 1] == UInt8(ascii: "u") {
                    let second = at
                    at += 2
                    let low = try fourDigits(second, stringStart)
                    if low & 0xFC00 == 0xDC00 {
                        return Unicode.Scalar(0x10000 + ((UInt32(unit) & 0x3FF) << 10) + (UInt32(low) & 0x3FF))!
                    }
                }
            }
        }
        at = backslash
        throw stringFailure(
            .invalidEscape, from: stringStart,
            "the surrogate \\u\(String(unit, radix: 16, uppercase: true)) stands alone; a pair is \\uD800…\\uDBFF and "
                + "then \\uDC00…\\uDFFF")
    }

    private mutating func fourDigits(_ backslash: Int, _ stringStart: Int) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard at < end else { throw unfinished(from: stringStart) }
            let byte = bytes[at]
            let letter = byte | 0x20
            if Byte.isDigit(byte) {
                unit = unit << 4 | UInt16(byte - Byte.zero)
            } else if letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "f") {
                unit = unit << 4 | UInt16(letter - UInt8(ascii: "a") + 10)
            } else {
                let found = Byte.shown(byte)
                at = backslash
                throw stringFailure(
                    .invalidEscape, from: stringStart, "\\u needs four hexadecimal digits, not \(found)")
            }
            at += 1
        }
        return unit
    }

    /// The string that began at `start` stops at `at`, before its closing quote.
    @inline(never)
    private func unfinished(from start: Int) -> JSONError {
        guard at < end else {
            return stringFailure(
                .unexpectedEnd, from: start, "the input ends within the string that begins at byte \(start - 1)")
        }
        return stringFailure(
            .unexpectedByte, from: start,
            "the control character \(Byte.shown(bytes[at])) in a string must be escaped, "
                + "or the closing quote is missing")
    }

    /// A failure at `at`, or at the first ill-formed sequence between `start` and `at` if there is one.
    @inline(never)
    private func stringFailure(_ code: JSONError.Code, from start: Int, _ message: String) -> JSONError {
        guard let fault = UTF8Fault.first(in: bytes, start..<at) else { return failure(code, message) }
        return JSONError(.invalidUTF8, at: fault.offset, in: bytes, "the string is not UTF-8: \(fault.reason)")
    }
}
