/// The `traceparent` header of W3C Trace Context (level 1, section 3.2): which trace, which span of it, and flags.
public struct TraceParent: Sendable, Hashable, CustomStringConvertible {
    /// The trace.
    public var traceID: TraceID
    /// The span that called.
    public var spanID: SpanID
    /// Bit 0 is `sampled`; the others are kept for those who know them.
    public var flags: UInt8

    /// A header of version 00.
    public init(traceID: TraceID, spanID: SpanID, flags: UInt8) {
        (self.traceID, self.spanID, self.flags) = (traceID, spanID, flags)
    }

    /// Reads a header; nil for anything that the specification calls invalid.
    ///
    /// Version 00 has exactly 55 characters. A later version is read as if it were 00, if it begins like one and goes
    /// on after another dash or not at all; version ff does not exist.
    public init?(_ text: String) {
        var text = text
        let parsed: TraceParent? = text.withUTF8 { bytes in
            let dash = UInt8(ascii: "-")
            guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
                let version = Hex.read(bytes[0..<2]), version != 0xFF,
                bytes.count == 55 || version > 0 && bytes[55] == dash,
                let high = Hex.read(bytes[3..<19]), let low = Hex.read(bytes[19..<35]),
                let trace = TraceID(high: high, low: low),
                let span = Hex.read(bytes[36..<52]).flatMap(SpanID.init), let flags = Hex.read(bytes[53..<55])
            else { return nil }
            return TraceParent(traceID: trace, spanID: span, flags: UInt8(flags))
        }
        guard let parsed else { return nil }
        self = parsed
    }

    /// Whether the caller may have recorded its span.
    public var isSampled: Bool { flags & 1 != 0 }

    /// The header, in version 00.
    public var description: String {
        String(unsafeUninitializedCapacity: 55) { bytes in
            let zero = UInt8(ascii: "0"), dash = UInt8(ascii: "-")
            (bytes[0], bytes[1], bytes[2], bytes[35], bytes[52]) = (zero, zero, dash, dash, dash)
            Hex.write(traceID.high, into: bytes, at: 3)
            Hex.write(traceID.low, into: bytes, at: 19)
            Hex.write(spanID.bits, into: bytes, at: 36)
            (bytes[53], bytes[54]) = (Hex.digit(flags >> 4), Hex.digit(flags & 0xF))
            return 55
        }
    }
}
