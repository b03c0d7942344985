import Determinism
import PostgresDriver
import PostgresTestKit
import Storage
import Testing

/// The lane's port, as PostgreSQL implements it.
@Suite("LaneEngine on PostgreSQL", .timeLimit(.minutes(2)))
struct PostgresConformanceTests {
    private func check(_ url: String) async throws {
        let reactor = try PostgresReactor(time: SystemTime())
        defer { reactor.stop() }
        let databases = try (0..<2 as Range<UInt64>).map { number in
            try PostgresDatabase(
                PostgresDatabaseConfiguration(
                    name: "conformance-\(number)", connection: try PostgresConfiguration(url: url)),
                reactor: reactor, time: SystemTime(), random: SeededRandom(seed: number))
        }
        try await withThrowingDiscardingTaskGroup { group in
            for database in databases { group.addTask { await database.run() } }
            defer { for database in databases { database.stop() } }
            try await LaneEngineConformance(
                first: databases[0], second: databases[1],
                outsider: SQLOutsider(dialect: .postgres, database: databases[0])
            ).check()
        }
    }

    @Test func conforms() async throws { try await PostgresTestbed.withServer { try await check($0.url()) } }

    /// No prepared statements and nothing set for a session: each transaction may be on another connection.
    @Test func conformsThroughATransactionPooler() async throws {
        try await PostgresTestbed.with { testbed in
            let pooler = try await testbed.pgBouncer(before: try await testbed.server())
            try await check(pooler.url(database: "postgres", "pooler=transaction"))
        }
    }
}
