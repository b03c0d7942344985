import Determinism
import Testing

@testable import Storage

/// The lock order of keys, which is decided by two integers wherever these differ, against the order in words.
@Suite("Lock order") struct LockOrderTests {
    private static let tables = [
        Table("first", rank: 3, key: [.organization, .text("name")], mutable: ["x"]),
        Table("second", rank: 4, key: [.organization, .id("id")], mutable: ["x"]),
        Table("third", rank: 5, key: [.organization, .text("name"), .id("id"), .number("n")], mutable: ["x"]),
        Table("fourth", rank: 254, key: [.number("n")], mutable: ["x"]),
        Table("fifth", rank: 255, key: [.text("name")], mutable: ["x"]),
    ]
    private static let texts = [
        "", "\0", "\0\0\0\0\0\0\0\0\0\0\0\0\0", "a", "a\0", "ab", "order-000000000001", "order-000000000002",
        "order-0000000", "é", "e\u{301}", "zz", "\u{10FFFF}", "POST /v1/orders a", "POST /v1/orders b",
    ]
    private static let organizations: [Int64] = [.min, -1, 0, 1, 2, 0xFF_FFFE, 0xFF_FFFF, 0x100_0000, .max]

    private func key(_ random: SeededRandom) -> RecordKey {
        func pick<Element>(_ all: [Element]) -> Element { all[Int(random.next(below: UInt64(all.count)))] }
        let table = pick(Self.tables)
        var (organization, text, id, number) = (Int64(0), "", UUIDv7(high: 0, low: 0), Int64(0))
        for part in table.key {
            switch part {
            case .organization: organization = pick(Self.organizations)
            case .text: text = pick(Self.texts)
            case .id: id = UUIDv7(high: pick([0, 1, 1 << 63, .max]), low: random.next(below: 3))
            case .number: number = Int64(bitPattern: random.next(below: 3)) - 1
            }
        }
        return RecordKey(table, organization: organization, text: text, id: id, number: number)
    }

    /// The order in words: rank, organization, the text's bytes, id, number.
    private func precedes(_ a: RecordKey, _ b: RecordKey) -> Bool {
        if a.table.rank != b.table.rank { return a.table.rank < b.table.rank }
        if a.organization != b.organization { return a.organization < b.organization }
        if !a.text.utf8.elementsEqual(b.text.utf8) { return a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }
        if a.id != b.id { return (a.id.high, a.id.low) < (b.id.high, b.id.low) }
        return a.number < b.number
    }

    @Test func twoIntegersDecideAsTheWholeKeysDo() {
        let random = SeededRandom(seed: 11)
        for _ in 0..<20_000 {
            let (a, b) = (key(random), key(random))
            if (a < b) == precedes(a, b) { continue }
            Issue.record("\(a.table.name) \(a.parameters) \(b.table.name) \(b.parameters)")
            return
        }
    }

    @Test func aBatchSortsAsTheWholeKeysDo() {
        let random = SeededRandom(seed: 12)
        for count in [0, 1, 2, 3, 50, 400] {
            let keys = (0..<count).map { _ in key(random) }
            let sorted = keys.inLockOrder({ $0 }, table: \.table)
            #expect(sorted == keys.sorted(by: precedes))
        }
    }

    @Test func searchesComeBehindTheRowsOfTheirTableInTheOrderTheyWereAskedFor() {
        let (first, second) = (Self.tables[0], Self.tables[1])
        let last = RecordKey(first, organization: .max, text: "\u{10FFFF}\u{10FFFF}\u{10FFFF}\u{10FFFF}")
        let early = RecordKey(second, organization: 0)
        let elements: [(key: RecordKey?, table: Storage.Table, name: String)] = [
            (nil, second, "search 2"), (nil, first, "search 1a"), (early, second, "early"), (nil, first, "search 1b"),
            (last, first, "last"),
        ]
        let names = elements.inLockOrder(\.key, table: \.table).map(\.name)
        #expect(names == ["last", "search 1a", "search 1b", "early", "search 2"])
    }
}
