/// A log sequence number: a position in PostgreSQL's write-ahead log, in bytes since the cluster was made.
///
/// Positions are comparable along one history only; see ``TimelineHistory``.
public struct LSN: Sendable, Hashable, Comparable {
    /// Bytes since the log's beginning.
    public let bytes: UInt64

    /// The beginning of the log, before everything.
    public static let zero = LSN(bytes: 0)

    /// The position that many bytes into the log.
    public init(bytes: UInt64) { self.bytes = bytes }

    /// Earlier positions come first.
    public static func < (a: Self, b: Self) -> Bool { a.bytes < b.bytes }

    /// How many bytes of log lie between `earlier` and here; 0 when it is not earlier.
    public func bytesSince(_ earlier: LSN) -> UInt64 { bytes > earlier.bytes ? bytes - earlier.bytes : 0 }

    /// The end of the last record before an *insert* position.
    ///
    /// `pg_current_wal_insert_lsn()` says where the next record will begin. At the beginning of a page that is behind
    /// the page's header, 24 bytes (40 in the first page of a segment) after the end of the last record; a replica that
    /// has replayed everything never reports that position as long as the primary is idle. No record ends there, so
    /// the header can be taken off without doubt.
    /// - Parameter segmentBytes: `wal_segment_size`, 16 MiB unless the cluster was made otherwise.
    public func withoutPageHeader(segmentBytes: UInt64 = 16 << 20) -> LSN {
        if segmentBytes > 0, bytes % segmentBytes == 40 { return LSN(bytes: bytes - 40) }
        return bytes % 8_192 == 24 ? LSN(bytes: bytes - 24) : self
    }
}

extension LSN: CustomStringConvertible {
    /// PostgreSQL's text, as in `16/B374D848`.
    public var description: String {
        "\(String(bytes >> 32, radix: 16, uppercase: true))/\(String(bytes & 0xFFFF_FFFF, radix: 16, uppercase: true))"
    }

    /// Reads PostgreSQL's text: two hexadecimal numbers of one to eight digits, parted by a slash; nil for anything
    /// else, as `pg_lsn` itself.
    public init?(_ text: some StringProtocol) {
        var (parts, digits): ((UInt64, UInt64), Int) = ((0, 0), 0)
        var isSecond = false
        for byte in text.utf8 {
            if byte == UInt8(ascii: "/"), !isSecond, digits > 0 {
                (isSecond, digits) = (true, 0)
                continue
            }
            guard let digit = hexadecimalDigit(byte), digits < 8 else { return nil }
            digits += 1
            if isSecond { parts.1 = parts.1 << 4 | digit } else { parts.0 = parts.0 << 4 | digit }
        }
        guard isSecond, digits > 0 else { return nil }
        self.init(bytes: parts.0 << 32 | parts.1)
    }
}

func hexadecimalDigit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}
