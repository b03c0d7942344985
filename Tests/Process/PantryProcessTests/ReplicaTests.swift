import Foundation
import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// The binary on a primary with replicas, while servers are paused, killed and promoted under load.
    @Suite("On PostgreSQL with replicas")
    struct ReplicaTests {
        private static let orders = TestScale.isLong ? 2_000 : 250

        /// Runs `body` with a shop that is open, and checks in the end that nothing is missing and nobody saw the past.
        private func withCustomers(
            _ body: (FleetHome, Customers, PantryProcess) async throws -> Void
        ) async throws {
            try await FleetHome.with { home in
                try await Installation.with(home.settings) { installation in
                    let process = try await installation.start()
                    let shop = try await Shop.open(Catalog(count: 10, stocked: 100_000), in: installation, on: process)
                    let customers = Customers(shop: shop, session: try shop.session(on: process))
                    try await body(home, customers, process)
                    #expect(customers.sightings.faults == [])
                    try await shop.expectNoViolations(on: process)
                }
            }
        }

        private func waitForOrders(_ customers: Customers, more count: Int = 20) async throws {
            let before = customers.shop.history.all.count { $0.answer?.status == 201 }
            try await Poll.untilTrue("orders are placed", within: .seconds(30)) {
                customers.shop.history.all.count { $0.answer?.status == 201 } >= before + count
            }
        }

        /// What an operator sees of the shard's servers, and of this process's connections to them.
        private func expectServers(
            _ expected: [String: Int], _ customers: Customers, _ process: PantryProcess
        ) async throws {
            let (client, token) = (try process.client(), customers.shop.installation.operatorToken)
            var seen: [String: Int] = [:]
            do {
                try await Poll.untilTrue("the servers to be shown as they are", within: .seconds(30)) {
                    let servers = await client.get("/ops/replicas", key: token).answer?["data"]?.array ?? []
                    let standings = servers.filter { $0.object?["database"]?.string == "shard-0" }
                        .compactMap { $0.object?["standing"]?.string }
                    seen = Dictionary(standings.map { ($0, 1) }, uniquingKeysWith: +)
                    return seen == expected
                }
            } catch { Issue.record("\(seen) instead of \(expected)") }
            let pools = await client.get("/ops/pools", key: token).answer?["data"]?.array ?? []
            let limits = pools.filter { $0.object?["database"]?.string == "shard-0" }
                .compactMap { $0.object?["limit"]?.numberLiteral }
            #expect(limits.count == 3 && Set(limits).count == 1, "a pool for each server: \(limits)")
        }

        @Test func pausedAndKilledReplicasAreNoticedByNobody() async throws {
            try await withCustomers { home, customers, _ in
                async let ordered: Void = customers.order(Self.orders, key: "a")
                try await waitForOrders(customers)
                try await home.servers[1].pauseReplay()
                try await waitForOrders(customers)
                try await home.servers[2].kill9()
                try await waitForOrders(customers)
                try await home.servers[1].resumeReplay()
                try await home.servers[2].start()
                await ordered
                #expect(customers.sightings.byReplicas > 0, "\(customers.sightings.servers)")
            }
        }

        @Test func operatorsSeeEachServerAsItIs() async throws {
            try await withCustomers { home, customers, process in
                try await expectServers(["primary": 1, "replica": 2], customers, process)
                try await home.servers[1].pauseReplay()
                await customers.order(10, key: "a")
                try await expectServers(["primary": 1, "replica": 1, "lagging": 1], customers, process)
                try await home.servers[2].kill9()
                try await expectServers(["primary": 1, "lagging": 1, "down": 1], customers, process)
                try await home.servers[1].resumeReplay()
                try await home.servers[2].start()
                try await expectServers(["primary": 1, "replica": 2], customers, process)
            }
        }

        @Test func aFailoverUnderLoadLosesNothingThatWasAcknowledged() async throws {
            try await withCustomers { home, customers, process in
                async let ordered: Void = customers.order(Self.orders, key: "a")
                try await waitForOrders(customers)
                // Its charge takes 5 s, and ends on another primary than it was begun on.
                async let slow = customers.session.order(
                    [(sku: customers.shop.catalog.items[0].sku, quantity: 1)], method: "pm_slow", key: "slow")
                let middle = try await Poll.until("an order in the middle of its charge") {
                    try await customers.shop.orders(key: "slow", on: process).first
                }
                #expect(middle.status == "pending")
                try await home.servers[0].kill9()
                // While there is no primary: writes are refused, eventual reads go on.
                try await Poll.untilTrue("an eventual read", within: .seconds(10)) {
                    let read = await customers.session.client.get(
                        "/v1/orders?consistency=eventual&limit=1", key: customers.shop.tenant.apiKey)
                    return read.status == 200 && read.answer?.header("Pantry-Served-By")?.contains("replica") == true
                }
                let refused = await customers.session.client.send(
                    "POST", "/v1/stock/\(customers.shop.catalog.items[0].sku)/adjustments",
                    ["delta": 1, "reason": "count"], key: customers.shop.tenant.apiKey, idempotencyKey: "refused")
                #expect(refused.status == 503 && refused.answer?["code"]?.string == "shard-unavailable", "\(refused)")
                try await home.servers[1].promote()
                let clock = ContinuousClock()
                let promoted = clock.now
                try await home.servers[2].follow(home.servers[1])
                try await customers.expectService("back", since: promoted)
                try await expectConfirmation(of: middle.id, customers, within: .seconds(20), since: promoted)
                _ = await slow
                await ordered
                // Whatever was under way goes on by itself; its saga's lease of 30 s is waited for by nobody.
                #expect(clock.now - promoted < .seconds(25))
                // The old primary comes back as one, and is refused.
                try await home.servers[0].start()
                await customers.order(50, key: "b")
                #expect(try await home.servers[0].psql("SELECT pg_is_in_recovery()") == "f")
            }
        }

        /// The order's saga goes on by itself, and ends within `limit`, counted from the promotion.
        private func expectConfirmation(
            of order: String, _ customers: Customers, within limit: Duration, since promoted: ContinuousClock.Instant
        ) async throws {
            let left = limit - promoted.duration(to: .now)
            try await Poll.untilTrue("the order to be confirmed", within: left, every: .milliseconds(50)) {
                let read = await customers.session.client.get(
                    "/v1/orders/\(order)?consistency=strong", key: customers.shop.tenant.apiKey)
                return read.answer?["status"]?.string == "confirmed"
            }
        }

        @Test func aPrimaryThatIsSuspendedPastEveryTimeoutComesBack() async throws {
            try await withCustomers { home, customers, _ in
                async let ordered: Void = customers.order(Self.orders, key: "a")
                try await waitForOrders(customers)
                home.servers[0].suspend()
                let clock = ContinuousClock()
                let began = clock.now
                // Longer than a batch may take, and than the primary is believed without an answer.
                try await Poll.untilTrue("twelve seconds to pass", within: .seconds(20), every: .milliseconds(200)) {
                    clock.now - began > .seconds(12)
                }
                home.servers[0].resume()
                try await customers.expectService("back")
                await ordered
            }
        }

        /// Replaced while it was suspended: the whole fleet stays with the new one, also a server that starts later.
        @Test func aSuspendedPrimaryThatWasReplacedIsRefusedByEveryServer() async throws {
            try await withCustomers { home, customers, process in
                async let ordered: Void = customers.order(Self.orders, key: "a")
                try await waitForOrders(customers)
                home.servers[0].suspend()
                try await home.servers[1].promote()
                try await home.servers[2].follow(home.servers[1])
                try await customers.expectService("back")
                home.servers[0].resume()
                await ordered
                // A server that can reach nobody but the old primary finds the new timeline in the control database.
                var settings = home.settings
                let old = home.servers[0].url(database: "shard_0")
                settings.shards = "[{ name: shard-0, primary: \"\(old)\" }]"
                settings["pool", "timeout"] = "2s"
                try await Installation.with(settings) { other in
                    let late = try other.launch()
                    try await Poll.untilTrue("the old primary to be refused", within: .seconds(20)) {
                        late.errorText.contains("its timeline was left")
                            || late.errorText.contains("does not know it as the primary")
                    }
                    try await late.killAndWait()
                }
            }
        }
    }
}
