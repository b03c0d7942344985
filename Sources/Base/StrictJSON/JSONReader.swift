// Reads one JSON document, strictly: RFC 8259's grammar and nothing beside it.
//
// A scanner over the bytes, by recursive descent. Depth is limited, so recursion is bounded; every byte is looked at
// once (twice in strings), so time is linear for any input. Strings without escapes, nearly all, are found by their
// closing quote and made in one step by the standard library, which validates UTF-8 on the way; only when it refuses
// does a slow scan look for the offset.
//
// Stricter than the RFC, deliberately: a byte order mark is refused (section 8.1 lets a parser ignore it), names that
// occur twice are refused (section 4 says SHOULD be unique), escapes of lone surrogates are refused (section 8.2
// leaves them open), and depth and sizes are limited (section 9).

/// Reads JSON strictly, with errors exact to the byte.
public enum JSONReader {
    /// Reads one document from UTF-8 bytes.
    ///
    /// The whole input must be one value, with white space around it at most. Numbers without fraction and exponent
    /// that fit 64 bits become `.integer`, all others `.number`.
    /// - Throws: the first thing that is wrong, with its position.
    public static func parse(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
        // A closure that may throw only what it says: the standard library rethrows typed errors here.
        try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> JSONValue in
            try parse(buffer, limits: limits)
        }
    }

    /// Reads one document from UTF-8 bytes in place. The buffer is needed for the time of the call only.
    /// - Throws: the first thing that is wrong, with its position.
    public static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        var scanner = Scanner(bytes, limits)
        return try scanner.document()
    }

    /// Reads one document from a text. Offsets count the bytes of its UTF-8.
    /// - Throws: the first thing that is wrong, with its position.
    public static func parse(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), limits: limits)
    }
}
