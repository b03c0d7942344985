import Determinism
import Storage
import Testing

/// The SQL that a table writes for itself, and the keys of its rows.
@Suite("Table and RecordKey")
struct TableTests {
    @Test func textsOfATableWithMutableColumns() {
        let table = Table(
            "things", rank: 1, key: [.organization, .text("name"), .id("id"), .number("n")], fixed: ["made"],
            mutable: ["a", "b"])
        #expect(table.columns == ["organization", "name", "id", "n", "made", "a", "b", "version"])
        let list = "organization, name, id, n, made, a, b, version"
        let byKey = "organization = $1 AND name = $2 AND id = $3 AND n = $4"
        #expect(table.selectAllText == "SELECT \(list) FROM things")
        #expect(table.selectText == "SELECT \(list) FROM things WHERE \(byKey)")
        #expect(table.insertText == "INSERT INTO things (\(list)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        #expect(table.deleteText == "DELETE FROM things WHERE \(byKey)")
        #expect(
            table.updateText == "UPDATE things SET a = $1, b = $2, version = version + 1 "
                + "WHERE organization = $3 AND name = $4 AND id = $5 AND n = $6 AND version = $7")
        #expect(table.updateParameters == [3, 4, 5, 6, 0, 1, 2, 7])
        #expect(!table.isAppendOnly)
    }

    @Test func textsOfAnAppendOnlyTable() {
        #expect(Booking.table.isAppendOnly)
        #expect(Booking.table.columns == ["organization", "number", "amount"])
        #expect(Booking.table.insertText == "INSERT INTO bookings (organization, number, amount) VALUES ($1, $2, $3)")
        #expect(Booking.table.list("b") == "b.organization, b.number, b.amount")
    }

    /// Each place of the update names the column that its text names there.
    @Test(arguments: [Account.table, FenceRecord.table])
    func updatePlacesAgreeWithTheText(table: Table) {
        for (column, place) in zip(table.columns, table.updateParameters) where place > 0 {
            #expect(table.updateText.contains("\(column) = $\(place)"), "\(column)")
        }
        let used = table.updateParameters.filter { $0 > 0 }.sorted()
        #expect(used == Array(1...used.count))
    }

    @Test func keysAreEqualWhenAllPartsAre() {
        let id = UUIDv7(high: 1, low: 2)
        let key = RecordKey(Account.table, organization: 1, text: "a", id: id, number: 4)
        let others = [
            RecordKey(FenceRecord.table, organization: 1, text: "a", id: id, number: 4),
            RecordKey(Account.table, organization: 2, text: "a", id: id, number: 4),
            RecordKey(Account.table, organization: 1, text: "b", id: id, number: 4),
            RecordKey(Account.table, organization: 1, text: "a", id: UUIDv7(high: 1, low: 3), number: 4),
            RecordKey(Account.table, organization: 1, text: "a", id: id, number: 5),
        ]
        for other in others { #expect(other != key) }
        let same = RecordKey(Account.table, organization: 1, text: "a", id: id, number: 4)
        #expect(same == key && same.hashValue == key.hashValue)
        #expect(Set(others + [key, same]).count == 6)
    }

    /// Databases compare bytes; Swift's strings compare what is meant.
    @Test func textIsComparedByItsBytes() {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        #expect(composed == decomposed)
        #expect(Account.key(composed) != Account.key(decomposed))
        #expect(Account.key(composed).erased > Account.key(decomposed).erased)
        #expect(Account.key("\u{212B}").erased != Account.key("A\u{30A}").erased)
        #expect(SQLValue.text(composed) != SQLValue.text(decomposed))
        let selections = [composed, decomposed].map { Selection<Account>("owner = $1", [.text($0)]) }
        #expect(selections[0] != selections[1])
    }

    @Test(arguments: [8, 0xF00D] as [UInt64])
    func orderIsRankThenOrganizationTextIdNumber(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let tables = [FenceRecord.table, Account.table, Booking.table]
        let keys = (0..<300).map { _ in
            RecordKey(
                tables[Int(random.next(below: 3))], organization: Int64(random.next(below: 3)),
                text: ["", "a", "b", "é", "z"][Int(random.next(below: 5))],
                id: UUIDv7(high: random.next(below: 2), low: random.next(below: 2)),
                number: Int64(random.next(below: 3)) - 1)
        }
        let sorted = keys.sorted()
        for (a, b) in zip(sorted, sorted.dropFirst()) where a != b {
            #expect(a < b && !(b < a), "seed \(seed)")
            let first = [Int64(a.table.rank), a.organization], second = [Int64(b.table.rank), b.organization]
            #expect(first == second || first.lexicographicallyPrecedes(second), "seed \(seed)")
            guard first == second else { continue }
            if a.text != b.text {
                #expect(a.text.utf8.lexicographicallyPrecedes(b.text.utf8), "seed \(seed)")
            } else if a.id != b.id {
                #expect(a.id < b.id, "seed \(seed)")
            } else {
                #expect(a.number < b.number, "seed \(seed)")
            }
        }
        #expect(keys.shuffled().sorted() == sorted)
    }

    @Test func parametersFollowTheTablesKey() {
        #expect(Account.key("x").erased.parameters == [1, "x"])
        #expect(Booking(7, 1).key.erased.parameters == [1, 7])
        let id = UUIDv7(high: 5, low: 6)
        let table = Table("t", rank: 0, key: [.organization, .number("n"), .id("i"), .text("t")])
        let key = RecordKey(table, organization: 1, text: "s", id: id, number: 9)
        #expect(key.parameters == [1, 9, .uuid(id), "s"])
    }
}

/// Reading values out of a row.
@Suite("SQLRow")
struct RowTests {
    private enum Color: String { case red }

    @Test func valuesOfTheRightKindAreRead() throws {
        let id = UUIDv7(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718)
        let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]
        let row = SQLRow([7, "red", .uuid(id), .bytes(bytes), nil])
        #expect(try row.integer(0) == 7 && row.optionalInteger(0) == 7 && row.optionalInteger(4) == nil)
        #expect(try row.text(1) == "red" && row.optionalText(1) == "red" && row.optionalText(4) == nil)
        #expect(try row.uuid(2) == id && row.uuid(3) == id && row.optionalUUID(4) == nil)
        #expect(try row.bytes(3) == bytes)
        #expect(try row.value(1, as: Color.self) == .red)
    }

    @Test func valuesOfTheWrongKindAreCorrupt() {
        let row = SQLRow([7, "blue", .bytes([1]), nil])
        #expect(throws: StorageError.self) { try row.integer(1) }
        #expect(throws: StorageError.self) { try row.integer(3) }
        #expect(throws: StorageError.self) { try row.optionalInteger(1) }
        #expect(throws: StorageError.self) { try row.text(0) }
        #expect(throws: StorageError.self) { try row.uuid(2) }
        #expect(throws: StorageError.self) { try row.uuid(0) }
        #expect(throws: StorageError.self) { try row.bytes(0) }
        #expect(throws: StorageError.corrupt("column 1 should hold a Color, but holds text(\"blue\")")) {
            try row.value(1, as: Color.self)
        }
    }
}
