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
        for index in 0..<16 {
            bytes[offset + index] = digit(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 0xF)
        }
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
