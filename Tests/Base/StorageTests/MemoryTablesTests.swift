import Determinism
import Testing

@testable import Storage

/// Rows in memory take what a database takes, and refuse what it refuses.
@Suite("MemoryTables")
struct MemoryTablesTests {
    private func box(_ name: String, _ balance: Int64, owner: String = "nobody", version: Int64) -> AnyRecord {
        RecordBox(Account(name, balance, owner: owner), version: version)
    }

    private func tables(_ configure: (inout MemoryLaneConfiguration) -> Void = { _ in }) throws -> MemoryTables {
        var configuration = MemoryLaneConfiguration()
        configure(&configuration)
        var tables = MemoryTables(configuration)
        for account in [Account("b", 2), Account("a", 1)] { try tables.put(account) }
        return tables
    }

    @Test func rowsComeBackByTheirKeys() throws {
        var tables = try tables()
        #expect(try tables.records(of: Account.self) == [Account("a", 1), Account("b", 2)])
        #expect(try tables.record(Account.key("b")) == Account("b", 2))
        #expect(try tables.record(Account.key("c")) == nil)
        #expect(try tables.records(of: Booking.self).isEmpty)
        try tables.put(Account("b", 5))
        #expect(tables.version(Account.key("b").erased) == 2 && tables.rowCount == 2)
        #expect(tables.remove(Account.key("b")) && !tables.remove(Account.key("b")))
        #expect(tables.version(Account.key("b").erased) == nil && tables.rowCount == 1)
        try tables.put(Booking(7, 70))
        #expect(tables.version(Booking(7, 0).key.erased) == nil, "rows that never change have none")
        #expect(tables.row(Booking(7, 0).key.erased) == SQLRow([1, 7, 70]))
    }

    @Test func writesAllOrNothing() throws {
        let before = try tables()
        let good: [RowChange] = [
            .update(box("a", 9, version: 2)), .delete(Account.key("b").erased), .insert(box("b", 4, version: 1)),
            .insert(box("c", 3, version: 1)),
        ]
        var after = before
        try after.apply(good, appended: [RecordBox(Booking(1, 1))])
        #expect(try after.records(of: Account.self) == [Account("a", 9), Account("b", 4), Account("c", 3)])
        #expect(after.version(Account.key("a").erased) == 2 && after.version(Account.key("b").erased) == 1)
        #expect(after.rowCount == 4)

        let (constraint, conflict) = ("a constraint refused the change: ", "lost against another transaction: ")
        let bad: [(RowChange?, [AnyRecord], start: String, end: String)] = [
            (.insert(box("c", 0, version: 1)), [], constraint + "accounts", "is there already"),
            (.update(box("c", 0, version: 3)), [], conflict + "accounts", "changed since it was read"),
            (.update(box("c", 0, version: 1)), [], conflict + "accounts", "changed since it was read"),
            (.update(box("z", 0, version: 2)), [], conflict + "accounts", "changed since it was read"),
            (.delete(Account.key("z").erased), [], conflict + "accounts", "was deleted since it was read"),
            (.update(RecordBox(Booking(1, 1))), [], "a wrong SQL statement", "rows of “bookings” are never updated"),
            (nil, [RecordBox(Booking(2, 1)), RecordBox(Booking(2, 1))], constraint + "bookings", "is there already"),
        ]
        for (change, appended, start, end) in bad {
            var tables = before
            try tables.put(Booking(1, 1))
            let changes = good + (change.map { [$0] } ?? [])
            let thrown = #expect(throws: StorageError.self) { try tables.apply(changes, appended: appended) }
            let text = thrown?.description ?? ""
            #expect(text.hasPrefix(start) && text.hasSuffix(end), "\(text)")
            #expect(try tables.records(of: Account.self) == before.records(of: Account.self))
            #expect(tables.rowCount == 3 && tables.version(Account.key("a").erased) == 1)
        }
    }

    /// An `UPDATE` leaves the fixed columns as they are; a record that thinks otherwise is not believed.
    @Test func fixedColumnsStay() throws {
        var tables = try tables()
        try tables.apply([.update(box("a", 5, owner: "somebody", version: 2))], appended: [])
        #expect(try tables.record(Account.key("a")) == Account("a", 5, owner: "nobody"))
    }

    @Test func rowsAreLimited() throws {
        var tables = try tables { $0.rowLimit = 3 }
        let full = StorageError.full("4 rows in memory, where the limit is 3")
        let two = [box("c", 0, version: 1), box("d", 0, version: 1)].map(RowChange.insert)
        #expect(throws: full) { try tables.apply(two, appended: []) }
        #expect(tables.rowCount == 2)
        try tables.apply(two + [.delete(Account.key("a").erased)], appended: [])
        #expect(tables.rowCount == 3)
        #expect(throws: full) { try tables.put(Account("e", 1)) }
        #expect(throws: full) { try tables.apply([], appended: [RecordBox(Booking(1, 1))]) }
        try tables.put(Account("b", 9))
        try tables.apply([.delete(Account.key("b").erased)], appended: [])
        #expect(tables.rowCount == 2)
    }

    @Test func checksHoldForEveryRow() throws {
        var tables = try tables { $0.checks = [MemoryCheck("balance >= 0", of: Account.self) { $0.balance >= 0 }] }
        for change in [RowChange.insert(box("c", -1, version: 1)), .update(box("a", -1, version: 2))] {
            let thrown = #expect(throws: StorageError.self) { try tables.apply([change], appended: []) }
            guard case .constraint(let reason)? = thrown else {
                Issue.record("\(String(describing: thrown))")
                continue
            }
            #expect(reason.hasSuffix("“balance >= 0” does not hold"))
        }
        try tables.apply([.update(box("a", 0, version: 2))], appended: [RecordBox(Booking(1, -1))])
        #expect(try tables.record(Account.key("a"))?.balance == 0)
    }

    /// A record that does not write what its table has, or writes another key than it has.
    private struct Crooked: Record {
        static let table = Table("crooked", rank: 7, key: [.organization, .number("number")], mutable: ["value"])
        var number: Int64
        var written: [Int64]
        var key: Key<Crooked> { Key(organization: 1, number: number) }
        init(_ number: Int64, _ written: [Int64]) { (self.number, self.written) = (number, written) }
        init(from row: any ColumnReader) throws {
            _ = try row.integer()
            (number, written) = (try row.integer(), [])
            guard try row.integer() == 1 else { throw CancellationError() }
        }
        func write(to row: any ColumnWriter) { for value in written { row.integer(value) } }
    }

    @Test func rowsHaveTheShapeOfTheirTable() throws {
        var tables = MemoryTables()
        #expect(throws: StorageError.statement("“crooked” has 4 columns, not 3")) {
            try tables.put(Crooked(5, [1, 5]))
        }
        let thrown = #expect(throws: StorageError.self) { try tables.put(Crooked(5, [1, 6, 1])) }
        guard case .statement? = thrown else {
            Issue.record("\(String(describing: thrown))")
            return
        }
        #expect(tables.rowCount == 0)
        try tables.put(Crooked(5, [1, 5, 2]))
        #expect(throws: StorageError.corrupt("CancellationError()")) { try tables.record(Crooked(5, []).key) }
        #expect(throws: StorageError.corrupt("CancellationError()")) { try tables.records(of: Crooked.self) }
    }
}
