import Testing

/// What every store of sagas must do, and sagas on it.
enum SagaConformance {
    static let all = store + claims + archive + runtime + takeover + namedBugs
}

/// Sagas in memory.
@Suite("Sagas in memory", .timeLimit(.minutes(2)))
struct MemorySagaConformanceTests {
    @Test(arguments: SagaConformance.all) func conforms(_ behavior: SagaBehavior) async throws {
        try await SagaPlace.memory.check(behavior)
    }
}

/// Sagas in an SQLite file.
@Suite("Sagas on SQLite", .timeLimit(.minutes(2)))
struct SQLiteSagaConformanceTests {
    @Test(arguments: SagaConformance.all) func conforms(_ behavior: SagaBehavior) async throws {
        try await SagaPlace.sqlite.check(behavior)
    }
}

/// Sagas on a PostgreSQL server, whose clock the leases of all processes are measured by.
@Suite("Sagas on PostgreSQL", .onPostgres, .timeLimit(.minutes(4)))
struct PostgresSagaConformanceTests {
    @Test(arguments: SagaConformance.all) func conforms(_ behavior: SagaBehavior) async throws {
        try await #require(SagaPlace.server).check(behavior)
    }
}
