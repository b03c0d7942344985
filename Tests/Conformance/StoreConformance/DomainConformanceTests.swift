import Testing

/// The domain's stores over SQLite.
@Suite("Stores on SQLite", .onSQLite, .timeLimit(.minutes(2)))
struct SQLiteStoreConformanceTests {
    @Test(arguments: DomainConformance.all) func conforms(_ behavior: Behavior<Shop>) async throws {
        try await behavior.run()
    }
}

/// The domain's stores over PostgreSQL.
@Suite("Stores on PostgreSQL", .onPostgres, .timeLimit(.minutes(2)))
struct PostgresStoreConformanceTests {
    @Test(arguments: DomainConformance.all) func conforms(_ behavior: Behavior<Shop>) async throws {
        try await behavior.run()
    }
}
