/// 128 bits that name a trace; never all zero.
public struct TraceID: Sendable, Hashable, CustomStringConvertible {
    let high: UInt64
    let low: UInt64

    /// nil when all bits are zero.
    public init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        (self.high, self.low) = (high, low)
    }

    /// 32 lower-case hex digits.
    public var description: String {
        String(unsafeUninitializedCapacity: 32) { bytes in
            Hex.write(high, into: bytes, at: 0)
            Hex.write(low, into: bytes, at: 16)
            return 32
        }
    }
}

/// 64 bits that name a span; never all zero.
public struct SpanID: Sendable, Hashable, CustomStringConvertible {
    let bits: UInt64

    /// nil when all bits are zero.
    public init?(_ bits: UInt64) {
        guard bits != 0 else { return nil }
        self.bits = bits
    }

    /// 16 lower-case hex digits.
    public var description: String {
        String(unsafeUninitializedCapacity: 16) { bytes in
            Hex.write(bits, into: bytes, at: 0)
            return 16
        }
    }
}

/// Lower-case hex digits, the only ones that W3C Trace Context knows.
enum Hex {
    static func write(_ value: UInt64, into bytes: UnsafeMutableBufferPointer<UInt8>, at offset: Int) {
        let room = UnsafeMutableRawBufferPointer(bytes)
        room.storeBytes(of: digits(UInt32(truncatingIfNeeded: value >> 32)), toByteOffset: offset, as: UInt64.self)
        room.storeBytes(of: digits(UInt32(truncatingIfNeeded: value)), toByteOffset: offset + 8, as: UInt64.self)
    }

    /// All eight at once: a digit in each byte, the first one in memory first.
    private static func digits(_ value: UInt32) -> UInt64 {
        var digits = UInt64(value)
        digits = (digits | digits << 16) & 0x0000_FFFF_0000_FFFF
        digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF
        digits = (digits | digits << 4) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = (digits &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        let step = UInt64(UInt8(ascii: "a") - 10 - UInt8(ascii: "0"))
        return (digits &+ 0x3030_3030_3030_3030 &+ letters &* step).bigEndian
    }

    static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// The number that at most 16 digits write; nil when one of them is none.
    static func read(_ bytes: some Sequence<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}
