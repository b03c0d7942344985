import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// Tables that are given another definition while others write to them.
@Suite("Migrations on PostgreSQL", .timeLimit(.minutes(2)))
struct RebuildTests {
    private static let rebuilt = Migration(
        2, "shelves without a check",
        Migration.rebuild(
            "shelves", columns: "organization, name, units, version",
            as: """
                (
                  organization {int} NOT NULL, name TEXT NOT NULL, units {int} NOT NULL, version {int} NOT NULL,
                  PRIMARY KEY (organization, name)
                ) {table}
                """))

    /// The rows were taken over first, and the table dropped when the others had committed: their rows went with it.
    @Test func whatOthersCommitDuringARebuildIsNotLost() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { running in
                _ = try await running.put("a")
                let other = try await PostgresConnection.connect(
                    try PostgresConfiguration(url: server.url()), on: running.reactor)
                defer { other.close() }
                let begun = [SQLStatement("BEGIN"), SQLStatement("INSERT INTO shelves VALUES (1, 'b', 5, 1)")]
                _ = try await other.submit(PostgresBatch(begun, effect: .uncommitted))
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask {
                        _ = try await Migrator(Shelf.migrations + [Self.rebuilt], dialect: .postgres)
                            .migrate(running.database, time: running.time)
                    }
                    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    // It waits for five seconds, whenever it has come so far.
                    try await Poll.untilTrue("the migration waits for the other one", within: .seconds(30)) {
                        try await server.psql(blocked) == "1"
                    }
                    _ = try await other.submit(PostgresBatch([SQLStatement("COMMIT")], effect: .commits()))
                }
                #expect(try await running.units(of: "b") == 5)
                #expect(try await running.put("a") == 2, "the lane goes on with the new table")
            }
        }
    }
}
