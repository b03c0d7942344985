import Determinism
import SQLiteDriver
import Storage
import Testing

/// Migrations, their plan, and their run against a database in memory of its own file.
@Suite("Migrations")
struct MigrationTests {
    private let one = Migration(1, "one", ["CREATE TABLE a (n {int} PRIMARY KEY, i {id}, b {bytes}) {table}"])
    private let two = Migration(2, "two", ["CREATE TABLE b (n {int} PRIMARY KEY) {table}", "INSERT INTO b VALUES (1)"])
    private let three = Migration(3, "three", ["CREATE INDEX b_n ON b (n)"])

    private func applied(_ migrations: [Migration]) -> [MigrationPlan.Applied] {
        migrations.map { MigrationPlan.Applied(number: $0.number, name: $0.name, checksum: $0.checksum) }
    }

    @Test func dialectsFillInTheirWords() {
        let sqlite = "CREATE TABLE a (n INTEGER PRIMARY KEY, i BLOB, b BLOB) STRICT, WITHOUT ROWID"
        #expect(one.statements(for: .sqlite) == [sqlite])
        #expect(one.statements(for: .postgres) == ["CREATE TABLE a (n bigint PRIMARY KEY, i uuid, b bytea)"])
        #expect(three.statements(for: .sqlite) == three.template)
    }

    /// The values of FNV-1a's own test suite: a stored checksum must mean the same for ever.
    @Test(arguments: [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")])
    func checksumIsFNV1a(text: String, checksum: String) {
        #expect(Migration(1, "x", [text]).checksum == checksum)
    }

    @Test func checksumSeesEveryEdit() {
        let texts = [["ab", "c"], ["a", "bc"], ["abc"], ["ab", "c", ""], ["c", "ab"], ["ab", "d"], []]
        #expect(Set(texts.map { Migration(1, "x", $0).checksum }).count == texts.count)
        #expect(texts.allSatisfy { Migration(1, "x", $0).checksum.count == 16 })
        #expect(Migration(1, "x", ["a"]).checksum == Migration(2, "y", ["a"]).checksum)
    }

    @Test func planIsWhatIsMissingAtTheEnd() throws {
        #expect(try MigrationPlan(schema: [one, two, three], applied: []).pending.map(\.number) == [1, 2, 3])
        #expect(try MigrationPlan(schema: [one, two, three], applied: applied([one])).pending.map(\.number) == [2, 3])
        let done = try MigrationPlan(schema: [one, two], applied: applied([two, one]))
        #expect(done.pending.isEmpty && done.unknownNewer == 0)
        #expect(try MigrationPlan(schema: [], applied: []).pending.isEmpty)
    }

    @Test func planRefusesAnEditedMigration() {
        let edited = Migration(1, "one", ["something else"])
        let error = #expect(throws: StorageError.self) {
            try MigrationPlan(schema: [edited, two], applied: applied([one]))
        }
        guard case .corrupt(let reason)? = error else {
            Issue.record("\(error as Any)")
            return
        }
        for part in ["migration 1", "one", one.checksum, edited.checksum] { #expect(reason.contains(part)) }
    }

    @Test func planRefusesAGap() {
        #expect(throws: StorageError.corrupt("migration 2 “two” is missing, though 3 was applied")) {
            try MigrationPlan(schema: [one, two, three], applied: applied([one, three]))
        }
    }

    @Test func planCountsWhatANewerVersionApplied() throws {
        let plan = try MigrationPlan(schema: [one], applied: applied([one, two, three]))
        #expect(plan.pending.isEmpty && plan.unknownNewer == 2)
    }

    @Test func migratorBringsADatabaseToItsSchema() async throws {
        let file = try TemporaryDatabase()
        let database = try file.open()
        let first = Migrator([one], dialect: .sqlite)
        #expect(try await first.plan(for: database).pending.map(\.number) == [1])
        #expect(try await first.migrate(database, time: SystemTime()).map(\.number) == [1])
        #expect(try await first.migrate(database, time: SystemTime()).isEmpty, "a second run has nothing to do")
        let both = Migrator([one, two], dialect: .sqlite)
        #expect(try await both.migrate(database, time: SystemTime()).map(\.number) == [2])
        #expect(try await database.read(SQLStatement("SELECT n FROM b"), .strong) == [SQLRow([1])])
        let plan = try await first.plan(for: database)
        #expect(plan.pending.isEmpty && plan.unknownNewer == 1)
        let edited = Migrator([one, Migration(2, "two", ["SELECT 1"])], dialect: .sqlite)
        await #expect(throws: StorageError.self) { try await edited.migrate(database, time: SystemTime()) }
    }

    @Test func failedMigrationLeavesNothingAndCanBeRunAgain() async throws {
        let file = try TemporaryDatabase()
        let database = try file.open()
        let broken = Migration(2, "two", two.template + ["CREATE TABLE b (again {int} PRIMARY KEY) {table}"])
        await #expect(throws: StorageError.self) {
            try await Migrator([one, broken], dialect: .sqlite).migrate(database, time: SystemTime())
        }
        let tables = SQLStatement("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        #expect(try await database.read(tables, .strong) == [SQLRow(["a"]), SQLRow(["schema_migrations"])])
        let whole = Migrator([one, two, three], dialect: .sqlite)
        #expect(try await whole.migrate(database, time: SystemTime()).map(\.number) == [2, 3])
    }

    @Test func emptySchemaIsASchema() async throws {
        let file = try TemporaryDatabase()
        let database = try file.open()
        #expect(try await Migrator([], dialect: .sqlite).migrate(database, time: SystemTime()).isEmpty)
    }
}
