import Testing

@testable import RateLimiting

/// The hash by which keys find their places.
@Suite("The hash of names")
struct SipHashTests {
    private static let seed: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)

    /// Word by word and byte by byte, as the type's comment says.
    private func plain(_ bytes: [UInt8]) -> UInt64 {
        var hash = SipHash(seed: Self.seed)
        hash.add(word: UInt64(bytes.count))
        for start in stride(from: 0, to: bytes.count, by: 8) {
            let word = bytes[start..<min(start + 8, bytes.count)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            hash.add(word: word)
        }
        return hash.value()
    }

    @Test(arguments: 0...40)
    func aTextIsItsBytesInWords(count: Int) {
        let bytes = (0..<count).map { UInt8(33 + ($0 * 7) % 90) }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(SipHash.hash(text, seed: Self.seed) == plain(bytes))
        for place in 0..<count {
            var other = bytes
            other[place] ^= 1
            let changed = SipHash.hash(String(decoding: other, as: UTF8.self), seed: Self.seed)
            #expect(changed != SipHash.hash(text, seed: Self.seed), "byte \(place) of \(count)")
        }
    }

    /// Texts are filled up with zeros, and may end in some of their own.
    @Test func zerosAtTheEndCount() {
        let hashes = (0...40).map { SipHash.hash(String(repeating: "\0", count: $0), seed: Self.seed) }
        #expect(Set(hashes).count == hashes.count)
    }

    @Test func whereTheTenantEndsCounts() throws {
        let (store, limit) = (try InMemoryRateLimitStore(), try RateLimit.tokenBucket("l", capacity: 1, refill: 1))
        for key in [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("abc\0", ""), ("abc", "\0")] {
            #expect(store.consume(of: limit, for: RateLimitKey(key.0, key.1)).isAllowed, "\(key)")
        }
        #expect(store.snapshot.keyCount == 6)
    }
}
