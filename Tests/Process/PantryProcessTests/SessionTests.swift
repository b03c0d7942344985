import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import RedisTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// Two servers, a primary with replicas, and a session that goes from the one to the other.
    @Suite("Sessions over servers")
    struct SessionTests {
        private static let sku = "TEA"
        private static let writes = TestScale.isLong ? 500 : 40

        /// One user's session: written on the first server, read on the second.
        private struct Visit {
            let clients: [PantryClient]
            let tenant: Tenant
            let token: String

            /// One more in stock, on the first server.
            func write(_ key: String) async -> Outcome {
                await clients[0].send(
                    "POST", "/v1/stock/\(SessionTests.sku)/adjustments", ["delta": 1, "reason": "delivery"], key: token,
                    idempotencyKey: key)
            }
            /// What the second server says is there, and who said so to it.
            func read(_ query: String = "") async throws -> (onHand: Int64, servedBy: String) {
                let read = await clients[1].get("/v1/stock/\(SessionTests.sku)\(query)", key: token)
                return (
                    try #require(read.answer?["onHand"]?.integer, "\(read)"),
                    try #require(read.answer?.header("Pantry-Served-By"))
                )
            }
            func untilReplicasServe(_ what: String, _ limit: Duration = .seconds(40)) async throws {
                try await Poll.untilTrue(what, within: limit, every: .milliseconds(50)) {
                    try await read().servedBy.contains("replica")
                }
            }
        }

        private func withVisit(
            _ settings: InstallationSettings, _ body: (Visit) async throws -> Void
        ) async throws {
            try await Installation.with(settings) { first in
                try await Installation.with(settings) { second in
                    let clients = [try await first.start().client(), try await second.start().client()]
                    let tenant = try await Tenant.create(
                        "Visited", on: clients[0], operatorToken: first.operatorToken)
                    try await Catalog([Catalog.Item(Self.sku, price: 250, stocked: 100)])
                        .install(for: tenant, on: clients[0])
                    let made = await clients[0].send(
                        "POST", "/v1/sessions", ["subject": "ann", "role": "write"], key: tenant.apiKey)
                    let token = try #require(made.answer?["token"]?.string, "\(made)")
                    try await body(Visit(clients: clients, tenant: tenant, token: token))
                }
            }
        }

        /// Writes on one server and reads on the other, which must never show less than was written.
        /// - Returns: whether a read that does not ask for the session's own writes has.
        private func writeAndRead(_ visit: Visit, from start: Int64, _ name: String) async throws -> Bool {
            var hasSeenThePast = false
            for number in 1...Int64(Self.writes) {
                let write = await visit.write("\(name)-\(number)")
                #expect(write.status == 201, "\(write)")
                let read = try await visit.read()
                #expect(read.onHand == start + number, "\(name) \(number), served by \(read.servedBy)")
                hasSeenThePast =
                    try await visit.read("?consistency=eventual").onHand < start + number || hasSeenThePast
            }
            return hasSeenThePast
        }

        @Test func aSessionSeesItsWritesOnEveryServerThoughReplicasLagAndRedisGoesAway() async throws {
            try await RedisServer.with { redis in
                try await FleetHome.with { home in
                    var settings = home.settings
                    settings["cache", "url"] = "\"\(redis.url())\""
                    try await withVisit(settings) { visit in
                        try await visit.untilReplicasServe("servers that have begun to trust what is noted")
                        for replica in home.servers.dropFirst() { try await replica.pauseReplay() }
                        var stock: Int64 = 100
                        let hasLagged = try await writeAndRead(visit, from: stock, "lagging")
                        #expect(hasLagged, "the replicas were behind, or this proves nothing")
                        stock += Int64(Self.writes)
                        for replica in home.servers.dropFirst() { try await replica.resumeReplay() }
                        try await visit.untilReplicasServe("replicas that have caught up")

                        for replica in home.servers.dropFirst() { try await replica.pauseReplay() }
                        try await redis.kill9()
                        let hasLaggedAgain = try await writeAndRead(visit, from: stock, "away")
                        #expect(hasLaggedAgain, "the replicas were behind, or this proves nothing")
                        stock += Int64(Self.writes)
                        let read = try await visit.read()
                        #expect(read.servedBy == "shard-0/primary")
                        // With what it had kept of the past, or with nothing.
                        try await redis.start()
                        _ = try await writeAndRead(visit, from: stock, "back")
                        for replica in home.servers.dropFirst() { try await replica.resumeReplay() }
                        try await visit.untilReplicasServe("servers that trust Redis again")
                        #expect(try await visit.read().onHand == stock + Int64(Self.writes))
                    }
                }
            }
        }

        @Test func withoutAPlaceInCommonSessionsReadAtThePrimary() async throws {
            try await FleetHome.with { home in
                try await withVisit(home.settings) { visit in
                    try await Poll.untilTrue("a key's read by a replica", within: .seconds(30)) {
                        let read = await visit.clients[1].get("/v1/stock/\(Self.sku)", key: visit.tenant.apiKey)
                        return read.answer?.header("Pantry-Served-By")?.contains("replica") == true
                    }
                    for replica in home.servers.dropFirst() { try await replica.pauseReplay() }
                    _ = try await writeAndRead(visit, from: 100, "lagging")
                    #expect(try await visit.read().servedBy == "shard-0/primary")
                    for replica in home.servers.dropFirst() { try await replica.resumeReplay() }
                }
            }
        }

        @Test func anEndedSessionIsOutWithinFiveSecondsOnTheOtherServer() async throws {
            try await PostgresHome.with { home in
                try await withVisit(home.settings) { visit in
                    func statuses() async -> [Int?] {
                        await [
                            visit.clients[0].get("/v1/sessions/current", key: visit.token).status,
                            visit.clients[1].get("/v1/sessions/current", key: visit.token).status,
                        ]
                    }
                    #expect(await statuses() == [200, 200])
                    let ended = await visit.clients[0].send("DELETE", "/v1/sessions/current", key: visit.token)
                    #expect(ended.status == 204, "\(ended)")
                    #expect(await statuses()[0] == 401)
                    try await Poll.untilTrue("the other one to hear of it", within: .seconds(7)) {
                        await statuses() == [401, 401]
                    }
                }
            }
        }
    }
}
