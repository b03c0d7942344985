import Foundation
import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import StrictJSON
import Testing

/// Databases on one PostgreSQL server, and the settings of servers that use them.
struct PostgresHome {
    let server: PostgresServer
    let settings: InstallationSettings

    static func with<Value>(
        _ options: PostgresOptions = PostgresOptions(), _ body: (PostgresHome) async throws -> Value
    ) async throws -> Value {
        try await PostgresTestbed.withServer(options) { server in
            for database in ["control", "shard_0"] { try await server.psql("CREATE DATABASE \(database)") }
            return try await body(PostgresHome(server))
        }
    }

    init(_ server: PostgresServer, shard: String? = nil) {
        self.server = server
        var settings = InstallationSettings()
        settings["server", "shutdownTimeout"] = "5s"
        settings["control", "url"] = "\"\(server.url(database: "control"))\""
        settings.shards = "[{ name: shard-0, primary: \"\(shard ?? server.url(database: "shard_0"))\" }]"
        settings.booksQuery = { sql in
            try await server.psql("SELECT coalesce(json_agg(found), '[]') FROM (\(sql)) found", database: "control")
        }
        self.settings = settings
    }
}

extension ProcessTests {
    /// The same binary with its databases on a PostgreSQL server.
    @Suite("On PostgreSQL")
    struct PostgresTests {
        /// HTTP was bounded, and nothing after it: a batch, the pools, the leases each waited for the server in turn.
        @Test func aStopEndsInTimeThoughTheDatabaseDoesNotAnswer() async throws {
            try await PostgresHome.with { home in
                try await Installation.with(home.settings) { installation in
                    var process = try await installation.start()
                    let shop = try await Shop.open(Catalog(count: 1, stocked: 100), in: installation, on: process)
                    let session = try shop.session(on: process)
                    let order = await session.order([(sku: shop.catalog.items[0].sku, quantity: 1)], key: "before")
                    #expect(order.status == 201)
                    home.server.suspend()
                    async let held = session.order([(sku: shop.catalog.items[0].sku, quantity: 1)], key: "held")
                    // The order and the question itself. To send the order first is not to have it arrive first.
                    try await Poll.untilTrue("the server to have met the order", within: .seconds(20)) {
                        let page = await session.client.get("/metrics").answer?.body ?? []
                        return String(decoding: page, as: UTF8.self).contains("pantry_http_requests_in_flight 2\n")
                    }
                    process.terminate()
                    #expect(try await process.ended(within: .seconds(12)) == .status(0))
                    _ = await held
                    home.server.resume()
                    process = try await installation.start()
                    try await shop.expectNoViolations(on: process)
                }
            }
        }

        @Test func aDatabaseThatIsAwayIsAnExitCodeOfItsOwn() async throws {
            try await PostgresHome.with { home in
                try await Installation.with(home.settings) { installation in
                    try await home.server.stop(.immediate)
                    for arguments in [["org", "list"], ["migrate", "--dry-run"], ["verify"]] {
                        let result = try await Program.run(
                            try ProductLocation.pantry(),
                            arguments + ["--config", installation.configurationFile.path], within: .seconds(60))
                        #expect(result.exit == .status(69), "\(arguments): \(result.text)\(result.errors)")
                    }
                }
            }
        }

        @Test func ordersAreTakenCanceledRefundedAndVerified() async throws {
            try await PostgresHome.with { home in
                try await Installation.with(home.settings) { installation in
                    var process = try await installation.start()
                    let shop = try await Shop.open(Catalog(count: 3, stocked: 100), in: installation, on: process)
                    var session = try shop.session(on: process)
                    let lines: [(sku: String, quantity: Int64)] = [
                        (shop.catalog.items[0].sku, 2), (shop.catalog.items[1].sku, 1),
                    ]
                    for method in ["pm_ok", "pm_declined", "pm_flaky", "pm_lost", "pm_slow"] {
                        let order = await session.order(lines, method: method, key: "order-\(method)")
                        #expect([201, 202, 402].contains(order.status), "\(method): \(order)")
                    }
                    let order = await session.order(lines, key: "to-cancel")
                    let id = try #require(order.answer?["id"]?.string)
                    #expect(await session.order(lines, key: "to-cancel").answer?["id"]?.string == id)
                    try await process.killAndWait()
                    process = try await installation.start()
                    session = try shop.session(on: process)
                    let again = await session.order(lines, key: "to-cancel")
                    #expect(again.answer?["id"]?.string == id, "the key is remembered over a crash")
                    try await shop.expectNoViolations(on: process)
                }
            }
        }

        /// Two servers, one shop, a race for few units, each key sent to both.
        @Test func twoServersSellEachUnitOnce() async throws {
            try await PostgresHome.with { home in
                try await Installation.with(home.settings) { first in
                    try await Installation.with(home.settings) { second in
                        let (one, two) = (try await first.start(), try await second.start())
                        let catalog = Catalog([Catalog.Item("FEW", price: 1_299, stocked: 40)])
                        let shop = try await Shop.open(catalog, in: first, on: one)
                        let sessions = [try shop.session(on: one), try shop.session(on: two)]
                        let outcomes = await (0..<300).concurrentMap(limit: 64) { index in
                            await sessions[index % 2].order([(sku: "FEW", quantity: 1)], key: "buyer-\(index / 2)")
                        }
                        for outcome in outcomes {
                            #expect([200, 201, 202, 409].contains(outcome.status), "\(outcome)")
                        }
                        let sold = Set(outcomes.filter { $0.status == 201 }.compactMap { $0.answer?["id"]?.string })
                        #expect(sold.count == 40, "each unit once, and all of them")
                        try await shop.expectNoViolations(on: two)
                    }
                }
            }
        }

        /// Connections are cut at any moment, in the middle of commits too.
        @Test func cutConnectionsLoseAndDoubleNothing() async throws {
            try await PostgresTestbed.withServer { server in
                try await PostgresTestbed.with { testbed in
                    let proxy = try testbed.proxy(to: server.port)
                    for database in ["control", "shard_0"] { try await server.psql("CREATE DATABASE \(database)") }
                    let home = PostgresHome(server, shard: proxy.url(to: server, database: "shard_0"))
                    try await Installation.with(home.settings) { installation in
                        let process = try await installation.start()
                        let catalog = Catalog(count: 10, stocked: 100_000)
                        let shop = try await Shop.open(catalog, in: installation, on: process)
                        let customers = Customers(shop: shop, session: try shop.session(on: process))
                        async let ordered: Void = customers.order(TestScale.isLong ? 2_000 : 300, key: "a")
                        for round in 1...10 {
                            try await Poll.untilTrue("orders are placed", within: .seconds(30)) {
                                shop.history.all.count { $0.answer?.status == 201 } >= round * 20
                            }
                            proxy.cut()
                        }
                        try await customers.expectService("back")
                        await ordered
                        #expect(customers.sightings.faults == [])
                        try await shop.expectNoViolations(on: process)
                    }
                }
            }
        }

        /// Fewer connections than the pools may ask for: requests wait or hear 503, and the log says what to change.
        @Test func aServerWithFewConnectionsIsSaidToHaveTooFewAndLosesNothing() async throws {
            try await PostgresHome.with(PostgresOptions(settings: ["max_connections": "16"])) { home in
                var settings = home.settings
                // The sandbox provider's books are on this server as well, and its circuit may have opened.
                settings["payments", "resetTimeout"] = "1s"
                try await Installation.with(settings) { installation in
                    let process = try await installation.start()
                    let shop = try await Shop.open(Catalog(count: 10, stocked: 100_000), in: installation, on: process)
                    let customers = Customers(shop: shop, session: try shop.session(on: process))
                    async let ordered: Void = customers.order(200, key: "a")
                    let client = try process.client()
                    let reads = await (0..<400).concurrentMap(limit: 64) { _ in
                        await client.get("/v1/orders?consistency=strong&limit=100", key: shop.tenant.apiKey).status
                    }
                    #expect(Set(reads.compactMap { $0 }).isSubset(of: [200, 503]), "\(Set(reads))")
                    await ordered
                    #expect(customers.sightings.faults == [])
                    #expect(process.errorText.contains("processes 1 × databases 3"))
                    #expect(process.errorText.contains("may ask for 69"))
                    // As it advises. The check needs connections, too.
                    try await home.server.configure(["max_connections": "200"])
                    try await home.server.restart()
                    try await customers.expectService("back")
                    try await shop.expectNoViolations(on: process)
                }
            }
        }

        /// The primary dies and comes back while orders are placed.
        @Test func whatWasAcknowledgedOutlivesThePrimary() async throws {
            try await PostgresHome.with { home in
                var settings = home.settings
                // The provider's books go away with the server, and the circuit of payments opens on a slow machine.
                settings["payments", "resetTimeout"] = "1s"
                try await Installation.with(settings) { installation in
                    let process = try await installation.start()
                    let operations = try process.client()
                    let shop = try await Shop.open(Catalog(count: 20, stocked: 100_000), in: installation, on: process)
                    let session = try shop.session(on: process)
                    for round in 0..<3 {
                        let before = shop.history.all.count { $0.answer?.status == 201 }
                        async let answered = (0..<200).concurrentMap(limit: 16) { index -> Bool in
                            // A client that hears 503 sends its request again.
                            let sku = shop.catalog.items[index % 20].sku
                            do {
                                try await Poll.untilTrue("an answer", within: .seconds(20), every: .milliseconds(20)) {
                                    await session.order([(sku: sku, quantity: 1)], key: "\(round)-\(index)").status
                                        != 503
                                }
                            } catch { return false }
                            return true
                        }
                        try await Poll.untilTrue("orders are placed", within: .seconds(20)) {
                            shop.history.all.count { $0.answer?.status == 201 } > before + 20
                        }
                        try await home.server.kill9()
                        try await home.server.start()
                        #expect(await !answered.contains(false), "somebody heard nothing but 503 for 20 s")
                        // Orders of the next round are to be charged at once.
                        try await Poll.untilTrue("payments go on", within: .seconds(20)) {
                            let outcome = await operations.get("/ops/breakers", key: installation.operatorToken)
                            let circuits = outcome.json?.object?["data"]?.array?.compactMap(\.object) ?? []
                            return circuits.first { $0["name"]?.string == "payments" }?["state"]?.string == "closed"
                        }
                    }
                    try await Customers(shop: shop, session: session).expectService("back")
                    try await shop.expectNoViolations(on: process)
                }
            }
        }
    }
}
