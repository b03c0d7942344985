import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import RedisTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// Two servers that keep their limits in one Redis, which may go away.
    @Suite("Shared rate limits")
    struct SharedLimitTests {
        private struct Pair {
            let redis: RedisServer
            let clients: [PantryClient]
            let operatorToken: String
            /// An organization of the plan `tight`.
            let key: String
        }

        /// Two servers on PostgreSQL and Redis, and an organization of the plan `tight`.
        private func withPair(_ plan: String, _ body: (Pair) async throws -> Void) async throws {
            try await RedisServer.with { redis in
                try await PostgresHome.with { home in
                    var settings = home.settings
                    settings["cache", "url"] = "\"\(redis.url())\""
                    settings["limits", "plans"] = "{ tight: \(plan) }"
                    try await Installation.with(settings) { first in
                        try await Installation.with(settings) { second in
                            let processes = [try await first.start(), try await second.start()]
                            let clients = try processes.map { try $0.client() }
                            let made = await clients[0].send(
                                "POST", "/v1/organizations", ["name": "Tight", "plan": "tight"],
                                key: first.operatorToken)
                            let key = try #require(made.answer?["apiKey"]?.string, "\(made)")
                            let pair = Pair(
                                redis: redis, clients: clients, operatorToken: first.operatorToken, key: key)
                            try await Poll.untilTrue("each knows of the other", within: .seconds(30)) {
                                for client in clients where try await limits(client, pair).number("processes") != 2 {
                                    return false
                                }
                                return true
                            }
                            try await body(pair)
                        }
                    }
                }
            }
        }

        private func limits(_ client: PantryClient, _ pair: Pair) async throws -> JSONObject {
            let outcome = await client.get("/ops/limits", key: pair.operatorToken)
            return try #require(outcome.json?.object, "\(outcome)")
        }

        /// Sends that many requests, half of them to each server; how many were admitted.
        private func admitted(_ count: Int, _ pair: Pair, at once: Int = 16) async -> Int {
            await (0..<count).concurrentMap(limit: once) { index in
                await pair.clients[index % 2].get("/v1/organization", key: pair.key).status
            }.count { $0 == 200 }
        }

        @Test func tenThousandRequestsToTwoServersAreOneLimit() async throws {
            let points = 3_000
            try await withPair("{ requests: { points: \(points), duration: 1h } }") { pair in
                let admitted = await admitted(10_000, pair)
                // Tokens that a server has leased and not used are back after a second, or lost to the key.
                #expect(admitted <= points, "never more than the limit")
                #expect(admitted >= points - points / 20, "\(admitted)")
                let counts = try await limits(pair.clients[0], pair)["counts"]?.object
                #expect(
                    counts?.number("storeTrips") ?? .max < 5_000, "most are decided here: \(String(describing: counts))"
                )
            }
        }

        @Test func withoutRedisEachServerHasItsShareAndPaysAfterwards() async throws {
            let points = 1_000
            try await withPair("{ requests: { points: \(points), duration: 1h } }") { pair in
                #expect(await admitted(100, pair) == 100)
                try await pair.redis.kill9()
                // All are answered, and quickly: nobody waits for what is away.
                let without = await admitted(3_000, pair)
                // And what each had leased before, a fortieth of the limit at most.
                #expect(without <= points + points / 20, "each server allows half of the limit")
                #expect(without >= points - points / 20)
                let breakers = await pair.clients[0].get("/ops/breakers?status=open", key: pair.operatorToken)
                let names = breakers.json?.object?["data"]?.array?.compactMap { $0.object?["name"]?.string }
                #expect(names == ["limits"], "\(breakers)")
                try await pair.redis.start()
                try await Poll.untilTrue("what was admitted is charged", within: .seconds(60)) {
                    for client in pair.clients {
                        let counts = try await limits(client, pair)["counts"]?.object
                        if counts?.number("tokensReconciled") ?? 0 == 0 { return false }
                    }
                    return true
                }
                let after = await admitted(1_000, pair)
                #expect(after <= points - without + points / 20, "\(after) after \(without)")
            }
        }

        @Test func pausedRedisHoldsNobodyUp() async throws {
            try await withPair("{ requests: { points: 100000, duration: 1h } }") { pair in
                _ = await admitted(50, pair)
                pair.redis.suspend()
                let answered = await admitted(500, pair)
                pair.redis.resume()
                #expect(answered == 500, "each was answered by the servers' own shares")
                try await Poll.untilTrue("the circuit closes again", within: .seconds(60)) {
                    _ = await admitted(20, pair)
                    for client in pair.clients {
                        let open = await client.get("/ops/breakers?status=closed", key: pair.operatorToken)
                        let names = open.json?.object?["data"]?.array?.compactMap { $0.object?["name"]?.string } ?? []
                        if !names.contains("limits") { return false }
                    }
                    return true
                }
            }
        }
    }
}
