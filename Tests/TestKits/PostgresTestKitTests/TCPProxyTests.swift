import Determinism
import PostgresTestKit
import ProcessTestKit
import Testing

@Suite("A proxy that cuts, pauses and delays", .serialized)
struct TCPProxyTests {
    private let insert = "BEGIN; INSERT INTO items VALUES (1); COMMIT"

    private func with(_ body: (PostgresServer, TCPProxy, String) async throws -> Void) async throws {
        try await PostgresTestbed.with { testbed in
            let server = try await testbed.server(PostgresOptions(settings: ["fsync": "off"]))
            try await server.psql("CREATE TABLE items (id int)")
            let proxy = try testbed.proxy(to: server.port)
            try await body(server, proxy, proxy.url(to: server, "connect_timeout=30"))
        }
    }

    @Test func aCommitIsCutBeforeItArrives() async throws {
        try await with { server, proxy, url in
            proxy.cutOnce(at: Array("COMMIT".utf8), .beforeRequest)
            await #expect(throws: PostgresFailure.self) { try await server.psql(insert, through: url) }
            #expect(proxy.cutCount == 1)
            try await server.psql(insert, through: url)
            let rows = try await server.psql("SELECT count(*) FROM items")
            #expect(rows == "1")
        }
    }

    @Test func anAnswerToACommitIsCut() async throws {
        try await with { server, proxy, url in
            proxy.cutOnce(at: Array("COMMIT".utf8), .insteadOfPostgresReply)
            let failure = await #expect(throws: PostgresFailure.self) { try await server.psql(insert, through: url) }
            #expect(
                failure?.log.contains("server closed the connection") == true
                    || failure?.log.contains("Connection reset") == true)
            #expect(proxy.cutCount == 1)
            let rows = try await server.psql("SELECT count(*) FROM items")
            #expect(rows == "1")
        }
    }

    @Test func whatIsAnExceptionPasses() async throws {
        try await with { server, proxy, url in
            proxy.cutOnce(at: Array("COMMIT".utf8), .beforeRequest, unlessNear: Array("VALUES (1)".utf8))
            try await server.psql(insert, through: url)
            #expect(proxy.cutCount == 0)
            let other = "BEGIN; INSERT INTO items VALUES (2); COMMIT"
            await #expect(throws: PostgresFailure.self) { try await server.psql(other, through: url) }
            #expect(proxy.cutCount == 1 && proxy.cutNoMore())
            let rows = try await server.psql("SELECT id FROM items")
            #expect(rows == "1")
        }
    }

    @Test func aRequestArrivesBeforeTheCut() async throws {
        try await with { server, proxy, url in
            proxy.cutOnce(at: Array("COMMIT".utf8), .afterRequest)
            await #expect(throws: PostgresFailure.self) { try await server.psql(insert, through: url) }
            try await Poll.untilTrue("the server to carry out what it was sent") {
                try await server.psql("SELECT count(*) FROM items") == "1"
            }
        }
    }

    @Test func pausedConnectionsStayOpenAndSilent() async throws {
        try await with { server, proxy, url in
            proxy.pause()
            await #expect(throws: PollTimeout.self) {
                try await server.psql("SELECT 1", through: url, within: .milliseconds(300))
            }
            async let answer = server.psql("SELECT 2", through: url)
            proxy.resume()
            let two = try await answer
            #expect(two == "2")
        }
    }

    @Test func whatPassesIsDelayed() async throws {
        try await with { server, proxy, url in
            proxy.delay(by: .milliseconds(50))
            let time = SystemTime()
            let start = time.instant()
            let one = try await server.psql("SELECT 1", through: url + "&sslmode=disable")
            // Two round trips at least: the start of the session, and the question.
            #expect(one == "1" && time.instant() - start >= .milliseconds(200))
        }
    }

    @Test func openConnectionsAreResetAndNewOnesRefused() async throws {
        try await with { server, proxy, url in
            async let cut: Void = {
                await #expect(throws: PostgresFailure.self) {
                    try await server.psql("SELECT pg_sleep(60)", through: url)
                }
            }()
            try await Poll.untilTrue("the question to arrive") {
                try await server.psql(
                    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%(60)' AND wait_event IS NOT NULL") != "0"
            }
            proxy.refuse()
            await cut
            await #expect(throws: PostgresFailure.self) { try await server.psql("SELECT 1", through: url) }
            #expect(proxy.connectionCount == 0 && proxy.acceptedCount >= 2)
            proxy.accept()
            let one = try await server.psql("SELECT 1", through: url)
            #expect(one == "1")
        }
    }
}
