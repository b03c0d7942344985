import DeterminismTestKit
import PantryTestKit
import RedisTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// What a running Pantry tells about those whom it refuses.
    @Suite("Metrics of limits and of room")
    struct LimitMetricsTests {
        private func page(_ client: PantryClient) async throws -> MetricsPage {
            let outcome = await client.get("/metrics")
            let answer = try #require(outcome.answer, "\(outcome)")
            return MetricsPage(String(decoding: answer.body, as: UTF8.self))
        }

        private func event(_ name: String, _ page: MetricsPage) -> Double {
            page["pantry_rate_limit_events_total{event=\"\(name)\"}"] ?? -1
        }

        /// The key of a new organization of that plan.
        private func organization(
            _ plan: String, _ client: PantryClient, _ installation: Installation
        ) async throws -> String {
            let made = await client.send(
                "POST", "/v1/organizations", ["name": "Grocer", "plan": .string(plan)],
                key: installation.operatorToken)
            return try #require(made.answer?["apiKey"]?.string, "\(made)")
        }

        private func withRedis(
            _ body: (RedisServer, Installation, PantryClient) async throws -> Void
        ) async throws {
            try await RedisServer.with { redis in
                var settings = InstallationSettings()
                settings["cache", "url"] = "\"\(redis.url())\""
                let plans = [
                    "anonymous: { requests: { points: 2, duration: 1h } }",
                    "tight: { requests: { points: 5, duration: 1h } }",
                    "roomy: { requests: { points: 1000000, duration: 1h } }",
                ]
                settings["limits", "plans"] = "{ \(plans.joined(separator: ", ")) }"
                try await Installation.with(settings) { installation in
                    try await body(redis, installation, try await installation.start().client())
                }
            }
        }

        @Test func refusalsAreCountedByTheLimitThatBound() async throws {
            try await withRedis { _, installation, client in
                let key = try await organization("tight", client, installation)
                var refused: [String: Double] = [:]
                for _ in 0..<12 {
                    for (limit, credential) in [("requests", key), ("address", nil)] as [(String, String?)]
                    where await client.get("/v1/organization", key: credential).status == 429 {
                        refused[limit, default: 0] += 1
                    }
                }
                #expect(refused["requests"] ?? 0 >= 7 && refused["address"] ?? 0 >= 10, "\(refused)")
                for path in ["/livez", "/readyz", "/metrics"] {
                    #expect(await client.get(path).status == 200, "\(path) is never limited")
                }
                let page = try await page(client)
                for limit in ["requests", "address"] {
                    #expect(page["pantry_rate_limited_total{limit=\"\(limit)\"}"] == refused[limit], "\(limit)")
                }
                #expect(page[#"pantry_rate_limited_total{limit="orders"}"#] == nil, "nobody has ordered")
            }
        }

        @Test func storeThatGoesAwayAndComesBackIsSeen() async throws {
            try await withRedis { redis, installation, client in
                let key = try await organization("roomy", client, installation)
                func isServed() async -> Bool { await client.get("/v1/organization", key: key).status == 200 }
                try await Poll.untilTrue("it knows of itself", within: .seconds(30)) {
                    try await page(client)["pantry_rate_limit_processes"] == 1
                }
                #expect(await isServed())
                let before = try await page(client)
                #expect(event("store_trip", before) >= 1)
                #expect(event("store_failure", before) == 0 && event("fallback_decision", before) == 0)

                try await redis.kill9()
                try await Poll.untilTrue("it decides alone", within: .seconds(60)) {
                    guard await isServed() else { return false }
                    let now = try await page(client)
                    return event("store_failure", now) > 0 && event("fallback_decision", now) > 0
                }
                let without = try await page(client)
                #expect(event("fallback_admission", without) == event("fallback_decision", without))

                try await redis.start()
                try await Poll.untilTrue("it asks again, and what was admitted is charged", within: .seconds(60)) {
                    guard await isServed() else { return false }
                    let now = try await page(client)
                    return event("tokens_reconciled", now) > 0
                        && event("store_trip", now) > event("store_trip", without)
                        && now[#"pantry_circuit_state{circuit="limits",state="closed"}"#] == 1
                }
                let after = try await page(client)
                #expect(after[#"pantry_rate_limited_total{limit="requests"}"#] == nil, "none was refused")
            }
        }

        @Test func whatFindsNoRoomIsCounted() async throws {
            var settings = InstallationSettings()
            settings["server", "maxInFlight"] = "5"
            try await Installation.with(settings) { installation in
                let process = try await installation.start()
                let catalog = Catalog([Catalog.Item("TEA", price: 250, stocked: 100)])
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let session = try shop.session(on: process)
                #expect(try await page(session.client)["pantry_http_shed_total"] == 0)
                // A slow payment takes five seconds, and four new orders are all there is room for.
                let statuses = await (0..<16).concurrentMap(limit: 16) { number in
                    await session.order([(sku: "TEA", quantity: 1)], method: "pm_slow", key: "slow-\(number)").status
                }
                let shed = statuses.count { $0 == 503 }
                #expect(shed >= 1 && shed < 16, "\(statuses)")
                #expect(try await page(session.client)["pantry_http_shed_total"] == Double(shed))
            }
        }
    }
}
