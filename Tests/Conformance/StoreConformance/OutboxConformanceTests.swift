import Testing

/// Positions of events over SQLite.
@Suite("Outbox on SQLite", .onSQLite, .timeLimit(.minutes(1)))
struct SQLiteOutboxConformanceTests {
    @Test(arguments: OutboxConformance.all) func conforms(_ behavior: Behavior<OutboxBench>) async throws {
        try await DatabaseBench.with { try await behavior.check(OutboxBench($0)) }
    }
}

/// Positions of events over PostgreSQL.
@Suite("Outbox on PostgreSQL", .onPostgres, .timeLimit(.minutes(2)))
struct PostgresOutboxConformanceTests {
    @Test(arguments: OutboxConformance.all) func conforms(_ behavior: Behavior<OutboxBench>) async throws {
        try await DatabaseBench.with { try await behavior.check(OutboxBench($0)) }
    }
}
