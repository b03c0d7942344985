// Making errors. Kept out of the scanner's functions: none of this runs for a valid document.

extension Scanner {
    @inline(never)
    func failure(_ code: JSONError.Code, _ message: String) -> JSONError {
        JSONError(code, at: at, in: bytes, message)
    }

    /// A byte that cannot stand at `at`.
    @inline(never)
    func unexpected(_ expected: String) -> JSONError {
        failure(.unexpectedByte, "\(expected), not \(Byte.shown(bytes[at]))\(hint)")
    }

    /// No value begins at `at`.
    @inline(never)
    func noValue(_ place: Place) -> JSONError {
        switch bytes[at] {
        case Byte.plus, Byte.point:
            failure(.invalidNumber, "a number begins with a digit or '-', not \(Byte.shown(bytes[at]))")
        default:
            unexpected(place.expected)
        }
    }

    /// What the writer of the document probably meant.
    private var hint: String {
        switch bytes[at] {
        case Byte.slash: return "; JSON has no comments"
        case UInt8(ascii: "'"): return "; JSON quotes with '\"'"
        case 0xEF where at == 0: return "; JSON begins without a byte order mark"
        case 0x00, 0xFE, 0xFF: return at <= 1 ? "; JSON is UTF-8" : ""
        case Byte.closeBracket, Byte.closeBrace:
            var before = at - 1
            while before >= 0, bytes[before] <= Byte.space { before -= 1 }
            return before >= 0 && bytes[before] == Byte.comma ? "; JSON has no trailing commas" : ""
        default: return ""
        }
    }

    /// A name from the input as a message may quote it: at most 64 characters, escaped.
    func shownName(_ name: String) -> String {
        var start = String.UnicodeScalarView()
        start.append(contentsOf: name.unicodeScalars.prefix(64))
        let text = String(start)
        return JSONValue.string(text.utf8.count < name.utf8.count ? text + "…" : text).serialized()
    }
}
