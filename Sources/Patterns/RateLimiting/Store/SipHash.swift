/// SipHash-1-3 (Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012) over whole words: a hash with a secret
/// seed, so that nobody outside can choose names that fall on the same state.
///
/// A text is its bytes, with zeros up to a whole word; whoever hashes adds the lengths first, so that `ab`, `c` is not
/// `a`, `bc`.
struct SipHash {
    private var v0: UInt64, v1: UInt64, v2: UInt64, v3: UInt64

    init(seed: (UInt64, UInt64)) {
        v0 = seed.0 ^ 0x736f_6d65_7073_6575
        v1 = seed.1 ^ 0x646f_7261_6e64_6f6d
        v2 = seed.0 ^ 0x6c79_6765_6e65_7261
        v3 = seed.1 ^ 0x7465_6462_7974_6573
    }

    static func hash(_ text: String, seed: (UInt64, UInt64)) -> UInt64 {
        var hash = SipHash(seed: seed)
        hash.add(word: UInt64(truncatingIfNeeded: text.utf8.count))
        hash.add(text)
        return hash.value()
    }

    @inline(__always)
    mutating func add(_ text: String) {
        let isAdded: Void? = text.utf8.withContiguousStorageIfAvailable { add($0) }
        // Strings of Foundation on Darwin may have no bytes of their own.
        if isAdded == nil { Array(text.utf8).withUnsafeBufferPointer { add($0) } }
    }

    @inline(__always)
    mutating func add(word: UInt64) {
        v3 ^= word
        round()
        v0 ^= word
    }

    @inline(__always)
    mutating func value() -> UInt64 {
        v2 ^= 0xFF
        for _ in 0..<3 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    @inline(__always)
    private mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
        let raw = UnsafeRawBufferPointer(bytes)
        var index = 0
        while raw.count - index >= 8 {
            add(word: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index += 8
        }
        if index < raw.count { add(word: Self.tail(raw)) }
    }

    /// The bytes beyond the last whole word, as a word with zeros above; there are some. Read at once, over bytes that
    /// were read already, because names are short: most of them are little more than this.
    @inline(__always)
    private static func tail(_ raw: UnsafeRawBufferPointer) -> UInt64 {
        let count = raw.count
        func word(at offset: Int) -> UInt64 {
            UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        func half(at offset: Int) -> UInt64 {
            UInt64(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        func byte(at offset: Int) -> UInt64 { UInt64(raw[offset]) &<< UInt64(truncatingIfNeeded: 8 &* offset) }
        switch count {
        case 8...: return word(at: count &- 8) &>> UInt64(truncatingIfNeeded: 8 &* (8 &- (count & 7)))
        case 4...7: return half(at: 0) | half(at: count &- 4) &<< UInt64(truncatingIfNeeded: 8 &* (count &- 4))
        default: return byte(at: 0) | byte(at: count / 2) | byte(at: count &- 1)
        }
    }

    @inline(__always)
    private mutating func round() {
        v0 = v0 &+ v1
        v1 = (v1 << 13 | v1 >> 51) ^ v0
        v0 = v0 << 32 | v0 >> 32
        v2 = v2 &+ v3
        v3 = (v3 << 16 | v3 >> 48) ^ v2
        v0 = v0 &+ v3
        v3 = (v3 << 21 | v3 >> 43) ^ v0
        v2 = v2 &+ v1
        v1 = (v1 << 17 | v1 >> 47) ^ v2
        v2 = v2 << 32 | v2 >> 32
    }
}
