import Determinism
import SQLiteDriver
import Storage
import Testing

/// Values on their way into SQLite and back, and parameters in any order.
@Suite("Values and parameters")
struct ValueTests {
    @Test(
        arguments: [
            .null, 0, -1, .integer(.max), .integer(.min), "", "a", "a\0b", "\0", "é", "e\u{301}", "😀", "' OR 1=1 --",
            "$1",
            .bytes([]), .bytes([0]), .bytes([0, 255, 0]), .bytes([UInt8](repeating: 7, count: 100_000)),
        ] as [SQLValue])
    func comesBackAsItWas(value: SQLValue) async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let rows = try await database.write { transaction in
            try await transaction.execute(SQLStatement("CREATE TABLE v (x ANY) STRICT"))
            try await transaction.execute(SQLStatement("INSERT INTO v VALUES ($1)", [value]))
            return try await transaction.execute(SQLStatement("SELECT x, typeof(x) FROM v"))
        }
        let type =
            switch value {
            case .null: "null"
            case .integer: "integer"
            case .text: "text"
            case .uuid, .bytes: "blob"
            }
        #expect(rows == [SQLRow([value, .text(type)])])
    }

    @Test func idIsSixteenBytesMostSignificantFirst() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let id = UUIDv7(high: 0x0102_0304_0506_0708, low: 0xF1F2_F3F4_F5F6_F7F8)
        let row = try #require(
            try await database.read(SQLStatement("SELECT $1, hex($1), length($1)", [.uuid(id)]), .strong).first)
        #expect(try row.uuid(0) == id)
        #expect(row.values.dropFirst() == ["0102030405060708F1F2F3F4F5F6F7F8", 16])
    }

    @Test func parametersGoByTheirNumber() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        func row(_ text: String, _ values: [SQLValue]) async throws -> [SQLValue]? {
            try await database.read(SQLStatement(text, values), .strong).first?.values
        }
        #expect(try await row("SELECT $3, $1, $2, $1", ["one", "two", "three"]) == ["three", "one", "two", "one"])
        #expect(try await row("SELECT $2", ["one", "two"]) == ["two"])
        let many = (1...20).reversed().map { "$\($0)" }.joined(separator: ", ")
        let values = (1...20).map { SQLValue.integer(Int64($0)) }
        #expect(try await row("SELECT \(many)", values) == values.reversed())
        #expect(try await row("SELECT $1 IS NULL, '' IS NULL, $2 IS NULL", [nil, ""]) == [1, 0, 0])
        // The statement is cached: nothing of the last call's values is left in it.
        #expect(try await row("SELECT $2", ["one", "three"]) == ["three"])
    }

    @Test(arguments: [
        ("SELECT $2", 1), ("SELECT $1", 0), ("SELECT ?", 1), ("SELECT :name", 1), ("SELECT $0", 1), ("SELEC 1", 0),
        ("SELECT nothing FROM nowhere", 0), ("SELECT 1; SELECT 2", 0), ("", 0), ("SELECT 1e300", 0),
        ("SELECT 9e999", 0),
    ])
    func wrongStatementIsSaidToBeWrong(text: String, count: Int) async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let values = [SQLValue](repeating: 1, count: count)
        let error = await #expect(throws: StorageError.self) {
            try await database.read(SQLStatement(text, values), .strong)
        }
        guard case .statement? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try await database.read(SQLStatement("SELECT 1"), .strong) == [SQLRow([1])], "and the next one works")
    }

    @Test func averageIsCutOffToAWholeNumber() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let rows = try await database.read(
            SQLStatement("SELECT avg(x), -avg(x) FROM (SELECT 1 x UNION SELECT 2)"), .strong)
        #expect(rows == [SQLRow([1, -1])])
    }
}
