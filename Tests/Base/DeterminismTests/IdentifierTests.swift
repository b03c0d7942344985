import Determinism
import Testing

private enum OrderKind: IdentifierKind { static let prefix = "ord" }
private enum KeyKind: IdentifierKind { static let prefix = "api_key" }

/// UUIDs of version 7, their base-32 form, typed ids, and the mint that makes them.
@Suite("Identifiers")
struct IdentifierTests {
    @Test(arguments: [0, 1, 255, 4_095] as [UInt16])
    func layoutIsThatOfRFC9562(slot: UInt16) {
        let time = Timestamp(microseconds: 1_795_424_701_042_999)
        for random in [UInt64(0), .max, 0x0123_4567_89AB_CDEF] {
            let id = UUIDv7(time: time, slot: slot, random: random)
            #expect(id.high >> 16 == 1_795_424_701_042)
            #expect(id.high >> 12 & 0xF == 7, "the version")
            #expect(id.high & 0xFFF == UInt64(slot))
            #expect(id.low >> 62 == 0b10, "the variant")
            #expect(id.low & 0x3FFF_FFFF_FFFF_FFFF == random & 0x3FFF_FFFF_FFFF_FFFF)
            #expect(id.slot == slot)
            #expect(id.time == Timestamp(microseconds: 1_795_424_701_042_000))
        }
    }

    @Test func momentsBefore1970AreTaken() {
        let id = UUIDv7(time: Timestamp(microseconds: -5_000), slot: 7, random: 1)
        #expect(id.time == Timestamp(microseconds: 0))
        #expect(id.slot == 7)
        let late = UUIDv7(time: Timestamp(microseconds: 253_402_300_799_999_000), slot: 7, random: 1)
        #expect(late.time == Timestamp(microseconds: 253_402_300_799_999_000))
    }

    @Test func base32IsCrockfords() {
        #expect(UUIDv7(high: 0, low: 0).base32 == "00000000000000000000000000")
        #expect(UUIDv7(high: .max, low: .max).base32 == "7zzzzzzzzzzzzzzzzzzzzzzzzz")
        #expect(UUIDv7(high: 0, low: 31).base32 == "0000000000000000000000000z")
        #expect(UUIDv7(high: 0, low: 32).base32 == "00000000000000000000000010")
        // The example of the ULID specification, in lower case.
        #expect(UUIDv7(base32: "01arz3ndektsv4rrffq69g5fav")?.time == Timestamp(microseconds: 1_469_922_850_259_000))
    }

    @Test(arguments: [3, 0xBEEF] as [UInt64])
    func base32RoundTripsAndSortsLikeTheId(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        // Half of them share their upper half, so that the order of the lower half counts too.
        let ids = (0..<400).map { UUIDv7(high: $0 % 2 == 0 ? 42 : random.next(), low: random.next()) }
        for id in ids { #expect(UUIDv7(base32: id.base32) == id, "seed \(seed)") }
        for id in ids { #expect(id.base32.utf8.count == 26, "seed \(seed)") }
        #expect(ids.sorted().map(\.base32) == ids.map(\.base32).sorted(), "seed \(seed)")
    }

    @Test(arguments: [
        "", "0", "0000000000000000000000000", "000000000000000000000000000", "80000000000000000000000000",
        "z0000000000000000000000000", "0000000000000000000000000A", "0000000000000000000000000i",
        "0000000000000000000000000l", "0000000000000000000000000o", "0000000000000000000000000u",
        "0000000000000000000000000 ", "-0000000000000000000000000", "000000000000000000000000é",
        "0000000000000000000000000\0",
    ])
    func base32Refuses(text: String) {
        #expect(UUIDv7(base32: text) == nil)
    }

    @Test func identifiersKnowTheirKind() {
        let uuid = UUIDv7(time: Timestamp(microseconds: 1_000_000), slot: 3, random: 99)
        let order = Identifier<OrderKind>(uuid)
        #expect(order.description == "ord_\(uuid.base32)")
        #expect(Identifier<OrderKind>(order.description) == order)
        #expect(Identifier<KeyKind>(order.description) == nil)
        #expect(Identifier<KeyKind>("api_key_\(uuid.base32)")?.uuid == uuid)
        let bad = [
            uuid.base32, "_\(uuid.base32)", "ord\(uuid.base32)", "Ord_\(uuid.base32)", "ord__\(uuid.base32)",
            "ord_\(uuid.base32)x", "ord_\(uuid.base32.uppercased())", "ord_", "xord_\(uuid.base32)",
            "ord_\(uuid.base32)_", " ord_\(uuid.base32)",
        ]
        for text in bad { #expect(Identifier<OrderKind>(text) == nil, "\(text)") }
        let later = Identifier<OrderKind>(UUIDv7(time: Timestamp(microseconds: 2_000_000), slot: 0, random: 0))
        #expect(order < later)
        #expect(!(later < order))
    }

    @Test func mintIsAFunctionOfSeedAndTime() {
        let times = [5_000, 5_000, 9_000].map { Timestamp(microseconds: $0 * 1_000) }
        func ids(seed: UInt64, slot: UInt16) -> [Identifier<OrderKind>] {
            var mint = IdentifierMint(seed: seed, slot: slot)
            return times.map { mint.next(at: $0) }
        }
        #expect(ids(seed: 1, slot: 2) == ids(seed: 1, slot: 2))
        #expect(Set(ids(seed: 1, slot: 2)).isDisjoint(with: ids(seed: 2, slot: 2)))
        #expect(ids(seed: 1, slot: 4_095).allSatisfy { $0.uuid.slot == 4_095 })
        #expect(ids(seed: 1, slot: 2).map(\.uuid.time) == times)
    }

    @Test func mintNeverRepeatsItself() {
        let random = SeededRandom(seed: 11)
        var seen = Set<Identifier<OrderKind>>()
        for _ in 0..<200 {
            var mint = IdentifierMint(seed: random.next(), slot: 1)
            for _ in 0..<50 { seen.insert(mint.next(at: Timestamp(microseconds: 1))) }
        }
        #expect(seen.count == 10_000, "seed 11")
    }
}
