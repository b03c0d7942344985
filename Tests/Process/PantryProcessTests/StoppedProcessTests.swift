import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import StrictJSON
import Synchronization
import Testing

extension ProcessTests {
    /// Two processes sell the same product, and one of them is stopped (SIGSTOP) between the trip that locks it and the
    /// trip that commits.
    @Suite("On PostgreSQL, with a process that is stopped")
    struct StoppedProcessTests {
        private static let catalog = Catalog([
            Catalog.Item("CALM", price: 500, stocked: 100_000), Catalog.Item("HOT", price: 1_299, stocked: 50_000),
        ])
        /// Counts the hot product's row if an open transaction of the process that is to be stopped has it, and if that
        /// has been so for a while. A row names the transaction that has locked it.
        private static let held = """
            SELECT count(*) FROM stock JOIN pg_stat_activity ON backend_xid = stock.xmax
            WHERE sku = 'HOT' AND application_name = 'to-be-stopped' AND state = 'idle in transaction'
              AND state_change < clock_timestamp() - interval '100 ms'
            """

        @Test func itsRowsAreFreedAndItSellsNothingTwiceAfterwards() async throws {
            try await PostgresHome.with { home in
                let named = home.server.url(database: "shard_0", "application_name=to-be-stopped")
                try await Installation.with(Self.settings(PostgresHome(home.server, shard: named))) { first in
                    try await Installation.with(Self.settings(home)) { second in
                        let (one, two) = (try await first.start(), try await second.start())
                        let shop = try await Shop.open(Self.catalog, in: first, on: one)
                        let customers = [
                            Customers(shop: shop, session: try shop.session(on: one)),
                            Customers(shop: shop, session: try shop.session(on: two)),
                        ]
                        let rush = Rush()
                        async let ordered: Void = rush.order("HOT", customers)
                        try await Poll.untilTrue("orders are placed", within: .seconds(30)) {
                            shop.history.all.count { $0.answer?.status == 201 } >= 50
                        }
                        try await stop(one, home.server, beside: customers[1])
                        try await customers[0].expectService("back")
                        rush.end()
                        await ordered
                        #expect(customers.flatMap { $0.sightings.faults } == [])
                        try await sellOut(customers)
                        try await shop.expectNoViolations(on: one)
                    }
                }
            }
        }

        private static func settings(_ home: PostgresHome) -> InstallationSettings {
            var settings = home.settings
            // The sandbox provider's books are on this server as well: calls end badly in a process that is stopped,
            // and its circuit may open.
            settings["payments", "resetTimeout"] = "1s"
            return settings
        }

        /// Stops the process with the product's row in its hands, expects that the other one sells the product all the
        /// same, and lets it go on.
        private func stop(_ process: PantryProcess, _ server: PostgresServer, beside other: Customers) async throws {
            let stopped: ContinuousClock.Instant = try await Poll.until(
                "the process to be stopped with the product's row", within: .seconds(60), every: .milliseconds(30)
            ) {
                let now = ContinuousClock.now
                process.pause()
                if try await hasRow(server) { return now }
                process.resume()
                return nil
            }
            // The server gives the row back by itself, after 2 s: the lane's `idle_in_transaction_session_timeout`.
            let order = await other.session.order([(sku: "HOT", quantity: 1)], key: "meanwhile")
            let taken = stopped.duration(to: .now)
            #expect(order.status == 201, "\(order)")
            #expect(taken < .seconds(5), "the other process sold the product after \(taken)")
            #expect(server.log.contains("terminating connection due to idle-in-transaction timeout"))
            process.resume()
        }

        /// Whether the process that was stopped has the product's row, and keeps it: what it had sent before is carried
        /// out, and may end the transaction. It may also have to wait for the row first.
        private func hasRow(_ server: PostgresServer) async throws -> Bool {
            do {
                try await Poll.untilTrue("the row to be held", within: .milliseconds(300)) {
                    try await server.psql(Self.held, database: "shard_0") == "1"
                }
                return true
            } catch is PollTimeout { return false }
        }

        /// Ten can have what is left of the product, and twice as many want it, of both processes. One that went by
        /// what it knew of the product before it was stopped would sell it to more.
        private func sellOut(_ customers: [Customers]) async throws {
            let (client, key) = (customers[0].session.client, customers[0].shop.tenant.apiKey)
            let stock = await client.get("/v1/stock/HOT?consistency=strong", key: key)
            let left = try #require(stock.answer?["available"]?.integer, "\(stock)")
            let outcomes = await (0..<20).concurrentMap(limit: 20) { buyer in
                await customers[buyer % 2].session.order([(sku: "HOT", quantity: left / 10)], key: "last-\(buyer)")
            }
            #expect(outcomes.count { [201, 202].contains($0.status) } == 10, "\(outcomes)")
            #expect(outcomes.count { $0.answer?.code == "out-of-stock" } == 10, "\(outcomes)")
        }
    }
}

/// Customers who go on ordering until they are told that it is enough.
private final class Rush: Sendable {
    private let isOver = Atomic(false)

    func end() { isOver.store(true, ordering: .relaxed) }

    /// Sixteen at a time, at each of the processes in turn.
    func order(_ sku: String, _ customers: [Customers]) async {
        _ = await (0..<16).concurrentMap(limit: 16) { number in
            var count = 0
            while !self.isOver.load(ordering: .relaxed), !Task.isCancelled {
                count += 1
                await customers[number % customers.count].order("\(number)-\(count)", sku)
            }
        }
    }
}
