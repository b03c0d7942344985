import PantryTestKit
import ProcessTestKit
import RedisTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// What a server does without its Redis, by what its configuration says for requests and for orders.
    @Suite("Without the limits' Redis")
    struct StoreAwayTests {
        private let catalog = Catalog([Catalog.Item("TEA", price: 250, stocked: 100)])

        /// An organization of the plan `tight`, on a server that keeps its limits in Redis.
        private func withTightPlan(
            _ whenStoreIsAway: String, _ body: (RedisServer, TenantSession) async throws -> Void
        ) async throws {
            try await RedisServer.with { redis in
                var settings = InstallationSettings()
                settings["cache", "url"] = "\"\(redis.url())\""
                settings["limits", "whenStoreIsAway"] = whenStoreIsAway
                let tight = "{ requests: { points: 60, duration: 1h }, orders: { points: 60, duration: 1h } }"
                settings["limits", "plans"] = "{ anonymous: {}, tight: \(tight) }"
                try await Installation.with(settings) { installation in
                    let client = try await installation.start().client()
                    let made = await client.send(
                        "POST", "/v1/organizations", ["name": "Tight", "plan": "tight"],
                        key: installation.operatorToken)
                    let tenant = Tenant(
                        id: try #require(made.answer?["id"]?.string, "\(made)"),
                        apiKey: try #require(made.answer?["apiKey"]?.string, "\(made)"))
                    try await catalog.install(for: tenant, on: client)
                    try await body(redis, TenantSession(tenant, client, History()))
                }
            }
        }

        private func order(_ session: TenantSession, _ key: String) async -> Outcome {
            await session.order([(sku: "TEA", quantity: 1)], key: key)
        }

        /// How many of so many reads are admitted.
        private func admittedReads(_ count: Int, _ session: TenantSession) async -> Int {
            await (0..<count).concurrentMap(limit: 4) { _ in
                await session.client.get("/v1/organization", key: session.tenant.apiKey).status
            }.count { $0 == 200 }
        }

        @Test func requestsMayBeAllowedWhileOrdersAreRefused() async throws {
            try await withTightPlan("{ requests: allow, orders: deny }") { redis, session in
                let before = await order(session, "before")
                #expect(before.status == 201, "\(before)")
                try await redis.kill9()
                let refused = await order(session, "refused")
                #expect(refused.status == 429 && refused.json?.object?["code"] == "rate-limited", "\(refused)")
                #expect(await admittedReads(100, session) == 100, "more than the limit has")
                try await redis.start()
                try await Poll.untilTrue("Redis decides again", within: .seconds(60)) {
                    await session.client.get("/v1/organization", key: session.tenant.apiKey).status == 429
                }
            }
        }

        @Test func ordersMayBeAllowedWhileRequestsAreRefused() async throws {
            try await withTightPlan("{ requests: deny, orders: allow }") { redis, session in
                try await redis.kill9()
                for number in 0..<3 {
                    let allowed = await order(session, "allowed-\(number)")
                    #expect(allowed.status == 201, "\(allowed)")
                }
                // Tokens that were leased before are charged already, and serve on.
                let admitted = await admittedReads(30, session)
                #expect(admitted < 10, "\(admitted)")
                try await redis.start()
                try await Poll.untilTrue("Redis decides again", within: .seconds(60)) {
                    await session.client.get("/v1/organization", key: session.tenant.apiKey).status == 200
                }
            }
        }
    }
}
