import Determinism
import Storage
import Testing

extension DatabaseConformance {
    private static let first = Migration(
        1, "first",
        [
            """
            CREATE TABLE goods (
              organization {int} NOT NULL, name TEXT NOT NULL, id {id}, picture {bytes}, note TEXT,
              state TEXT NOT NULL CHECK (state IN ('new', 'old')), PRIMARY KEY (organization, name)
            ) {table}
            """, "CREATE INDEX goods_state ON goods (organization, state)",
        ])
    private static let second = Migration(
        2, "rebuilt",
        Migration.rebuild(
            "goods", columns: "organization, name, id, picture, note, state",
            as: """
                (
                  organization {int} NOT NULL, name TEXT NOT NULL, id {id}, picture {bytes}, note TEXT,
                  state TEXT NOT NULL CHECK (state = 'new' OR state = 'old' OR state = 'sold'),
                  PRIMARY KEY (organization, id)
                ) {table}
                """, indexes: ["CREATE INDEX goods_state ON goods (organization, state)"]))

    private static func migrator(_ schema: [Migration], _ bench: DatabaseBench) -> Migrator {
        Migrator(schema, dialect: bench.dialect)
    }
    /// Two statements, of which the second cannot be.
    private static let broken = Migration(
        2, "broken",
        ["CREATE TABLE half (number {int} NOT NULL PRIMARY KEY) {table}", "INSERT INTO nowhere VALUES (1)"])

    // MARK: migrations

    static let migrations: [Behavior<DatabaseBench>] = [
        Behavior("a schema is applied once, in order, and remembered") { bench in
            let migrator = migrator([first, second], bench)
            #expect(try await migrator.plan(for: bench.first).pending.map(\.number) == [1, 2])
            #expect(try await migrator.migrate(bench.first, time: SystemTime()).map(\.number) == [1, 2])
            #expect(try await migrator.migrate(bench.first, time: SystemTime()).isEmpty)
            #expect(try await migrator.migrate(bench.second, time: SystemTime()).isEmpty)
            #expect(try await migrator.plan(for: bench.second).unknownNewer == 0)
            let rows = try await bench.rows("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
            #expect(
                rows.map(\.values) == [
                    [1, "first", .text(first.checksum)], [2, "rebuilt", .text(second.checksum)],
                ])
        },
        Behavior("a rebuilt table has its rows, its new checks, its key and its index") { bench in
            try await migrator([first], bench).migrate(bench.first, time: SystemTime())
            let id = UUIDv7(high: 5, low: 6)
            let row: [SQLValue] = [1, "ä'%", .uuid(id), .bytes([0, 1]), nil, "old"]
            try await bench.execute("INSERT INTO goods VALUES ($1, $2, $3, $4, $5, $6)", row)
            let sold = "INSERT INTO goods VALUES (1, 'b', $1, NULL, NULL, 'sold')"
            let other = SQLValue.uuid(UUIDv7(high: 5, low: 7))
            #expect(try await bench.failure(sold, [other]) == .constraint)
            try await migrator([first, second], bench).migrate(bench.first, time: SystemTime())
            try await bench.execute(sold, [other])
            let kept = try await bench.rows("SELECT name, id, picture, note FROM goods WHERE state = 'old'")
            #expect(try kept[0].text(0) == "ä'%")
            #expect(try kept[0].uuid(1) == id)
            #expect(try kept[0].bytes(2) == [0, 1])
            #expect(try kept[0].optionalText(3) == nil)
            #expect(
                try await bench.failure("INSERT INTO goods VALUES (1, 'c', $1, NULL, NULL, 'new')", [other])
                    == .constraint, "the new key")
            try await bench.execute(
                "INSERT INTO goods VALUES (1, 'b', $1, NULL, NULL, 'new')", [.uuid(.init(high: 9, low: 9))])
            #expect(try await bench.failure("CREATE INDEX goods_state ON goods (state)") == .statement, "it is there")
            #expect(try await bench.failure("SELECT 1 FROM goods_rebuilt") == .statement, "nothing is left over")
        },
        Behavior(
            "a migration that fails leaves nothing of itself, and the next run goes on there", goesOnAfterAFailure),
        Behavior("two servers that migrate at once apply each step once") { bench in
            let third = Migration(3, "seed", ["INSERT INTO goods VALUES (1, 'seed', NULL, NULL, NULL, 'new')"])
            let fourth = Migration(4, "grown", ["ALTER TABLE goods ADD COLUMN extra TEXT"])
            // The key is not the id, so that a step applied twice would show.
            let schema = [first, Migration(2, "nothing", ["DROP INDEX goods_state"]), third, fourth]
            try await withThrowingDiscardingTaskGroup { group in
                for index in 0..<6 {
                    let database = index % 2 == 0 ? bench.first : bench.second
                    group.addTask { try await migrator(schema, bench).migrate(database, time: SystemTime()) }
                }
            }
            #expect(try await bench.number("SELECT COUNT(*) FROM schema_migrations") == 4)
            #expect(try await bench.number("SELECT COUNT(*) FROM goods WHERE extra IS NULL") == 1)
        },
        Behavior("an edited or a newer history is seen for what it is") { bench in
            try await migrator([first, second], bench).migrate(bench.first, time: SystemTime())
            let error = await #expect(throws: StorageError.self) {
                try await migrator([Migration(1, "first", ["SELECT 2"])], bench).plan(for: bench.first)
            }
            #expect(error?.kind == .corrupt)
            #expect(try await migrator([first], bench).plan(for: bench.first).unknownNewer == 1)
            #expect(try await migrator([first], bench).migrate(bench.first, time: SystemTime()).isEmpty)
            try await bench.execute("DELETE FROM schema_migrations WHERE number = 1")
            await #expect(throws: StorageError.self) {
                try await migrator([first, second], bench).plan(for: bench.first)
            }
        },
        Behavior("schemas with histories of their own share a database") { bench in
            try await migrator([first], bench).migrate(bench.first, time: SystemTime())
            let other = Migrator(
                [Migration(1, "other", ["CREATE TABLE other (number {int} NOT NULL PRIMARY KEY) {table}"])],
                dialect: bench.dialect, history: "other_migrations")
            #expect(try await other.migrate(bench.first, time: SystemTime()).count == 1)
            #expect(try await migrator([first], bench).plan(for: bench.first).pending.isEmpty)
            #expect(try await bench.number("SELECT COUNT(*) FROM other") == 0)
        },
        Behavior("a table that another server has rebuilt meanwhile is read and written as it is now") { bench in
            try await migrator([first], bench).migrate(bench.first, time: SystemTime())
            let insert = "INSERT INTO goods (organization, name, id, state) VALUES (1, $1, $2, 'new')"
            let all = SQLStatement("SELECT * FROM goods ORDER BY id")
            // Often enough to be prepared for good.
            for number in 0..<8 as Range<UInt64> {
                try await bench.execute(insert, [.text("n\(number)"), .uuid(UUIDv7(high: 1, low: number))])
                _ = try await bench.first.read(all, .strong)
            }
            let grown = Migration(3, "grown", ["ALTER TABLE goods ADD COLUMN extra TEXT"])
            try await migrator([first, second, grown], bench).migrate(bench.second, time: SystemTime())
            #expect(try await bench.first.read(all, .strong).map(\.values.count) == Array(repeating: 7, count: 8))
            try await bench.execute(insert, ["n9", .uuid(UUIDv7(high: 1, low: 9))])
            let both = try await bench.first.read([all, all], .strong).rows
            #expect(both.map(\.count) == [9, 9])
        },
    ]

    @Sendable
    private static func goesOnAfterAFailure(_ bench: DatabaseBench) async throws {
        let error = await #expect(throws: StorageError.self) {
            _ = try await migrator([first, broken], bench).migrate(bench.first, time: SystemTime())
        }
        #expect(error?.kind == .statement)
        #expect(try await bench.failure("SELECT 1 FROM half") == .statement, "tables come and go with a transaction")
        #expect(try await bench.number("SELECT COUNT(*) FROM schema_migrations") == 1)
        let mended = migrator([first, second], bench)
        #expect(try await mended.plan(for: bench.first).pending.map(\.name) == ["rebuilt"])
        #expect(try await mended.migrate(bench.first, time: SystemTime()).map(\.number) == [2])
    }
}
