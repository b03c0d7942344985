/// 128 bits in the layout of RFC 9562's UUID version 7: 48 bits of Unix milliseconds, 12 bits `rand_a`, 62 bits
/// `rand_b`.
///
/// Deviation: `rand_a` carries the slot (0…4095) of the organization that the thing belongs to, which RFC 9562 permits
/// (section 5.7 leaves its content to the implementation). An id thereby narrows the search for its home shard.
public struct UUIDv7: Sendable, Hashable, Comparable {
    /// Bits 127…64: time, version, slot.
    public let high: UInt64
    /// Bits 63…0: variant and randomness.
    public let low: UInt64

    /// The id with exactly these bits, as read back from storage.
    public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    /// A new id of moment `time` for the organization slot `slot` (0…4095) with 62 random bits.
    public init(time: Timestamp, slot: UInt16, random: UInt64) {
        precondition(slot < 4096, "a slot has 12 bits")
        let milliseconds = UInt64(clamping: time.microseconds / 1_000) & 0xFFFF_FFFF_FFFF
        self.init(high: milliseconds << 16 | 0x7000 | UInt64(slot), low: random & 0x3FFF_FFFF_FFFF_FFFF | 1 << 63)
    }

    /// The organization's slot, 0…4095.
    public var slot: UInt16 { UInt16(truncatingIfNeeded: high & 0xFFF) }

    /// When the id was made, to the millisecond.
    public var time: Timestamp { Timestamp(microseconds: Int64(high >> 16) * 1_000) }

    /// Older ids come first.
    public static func < (a: Self, b: Self) -> Bool { a.high != b.high ? a.high < b.high : a.low < b.low }
}

extension UUIDv7 {
    private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, digit) in digits.enumerated() { table[Int(digit)] = UInt8(value) }
        return table
    }()

    /// 26 digits of Crockford's base 32 in lower case; sorts like the id itself.
    public var base32: String {
        String(unsafeUninitializedCapacity: 26) { buffer in
            writeBase32(to: buffer)
            return 26
        }
    }

    /// Writes the 26 digits of ``base32`` at the buffer's beginning.
    func writeBase32(to buffer: UnsafeMutableBufferPointer<UInt8>) {
        var (high, low) = (high, low)
        Self.digits.withUnsafeBufferPointer { digits in
            for index in stride(from: 25, through: 0, by: -1) {
                buffer.initializeElement(at: index, to: digits[Int(low & 31)])
                low = low >> 5 | high << 59
                high >>= 5
            }
        }
    }

    /// Reads what ``base32`` wrote; nil for anything else (other lengths, upper case, digits beyond 128 bits).
    public init?(base32 text: some StringProtocol) {
        let id =
            text.utf8.withContiguousStorageIfAvailable { UUIDv7(base32: $0) }
            ?? Array(text.utf8).withUnsafeBufferPointer { UUIDv7(base32: $0) }
        guard let id else { return nil }
        self = id
    }

    /// Reads the digits of ``base32`` as ASCII. Of one type, so that no element of a text is boxed on its way.
    init?(base32 digits: UnsafeBufferPointer<UInt8>) {
        var (high, low, count): (UInt64, UInt64, Int) = (0, 0, 0)
        for byte in digits {
            let value = Self.values[Int(byte)]
            guard value != 0xFF, count < 26, count > 0 || value < 8 else { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | UInt64(value)
            count += 1
        }
        guard count == 26 else { return nil }
        self.init(high: high, low: low)
    }
}
