/// SipHash-1-3 (Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012) over whole words: a hash with a secret
/// seed, so that nobody outside can choose names that fall on the same state.
///
/// A text is its bytes, a byte 0xFF, which UTF-8 does not have, and zeros up to a whole word: `ab`, `c` is not `a`,
/// `bc`.
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
        var (last, shift): (UInt64, UInt64) = (0, 0)
        while index < raw.count {
            last |= UInt64(raw[index]) &<< shift
            (index, shift) = (index + 1, shift + 8)
        }
        add(word: last | 0xFF &<< shift)
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
