import Testing

/// The database port, as SQLite implements it.
@Suite("Database on SQLite", .onSQLite, .timeLimit(.minutes(1)))
struct SQLiteDatabaseConformanceTests {
    @Test(arguments: DatabaseConformance.all) func conforms(_ behavior: Behavior<DatabaseBench>) async throws {
        try await DatabaseBench.with(behavior.check)
    }
}

/// The database port, as PostgreSQL implements it.
@Suite("Database on PostgreSQL", .onPostgres, .timeLimit(.minutes(2)))
struct PostgresDatabaseConformanceTests {
    @Test(arguments: DatabaseConformance.all) func conforms(_ behavior: Behavior<DatabaseBench>) async throws {
        try await DatabaseBench.with(behavior.check)
    }
}
