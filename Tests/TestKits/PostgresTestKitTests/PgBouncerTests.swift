import PostgresTestKit
import Testing

@Suite("PgBouncer for tests")
struct PgBouncerTests {
    @Test func transactionsArePooled() async throws {
        var options = PostgresOptions()
        options.authentication = .scram
        try await PostgresTestbed.with { testbed in
            let server = try await testbed.server(options)
            var pooling = PgBouncer.Options()
            pooling.poolSize = 1
            let pooler = try await testbed.pgBouncer(before: server, pooling)
            let question = "SELECT pg_backend_pid()"
            let first = try await server.psql(question, through: pooler.url())
            let second = try await server.psql(question, through: pooler.url())
            #expect(first == second)
            pooler.kill9()
            await #expect(throws: PostgresFailure.self) { try await server.psql(question, through: pooler.url()) }
            try await pooler.start()
            let third = try await server.psql(question, through: pooler.url())
            #expect(third != first)
        }
    }
}
