import Foundation
import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import StrictJSON
import Synchronization
import Testing

extension ProcessTests {
    /// All of a pool's connections wait for a table that somebody else has locked.
    @Suite("On PostgreSQL, with an exhausted pool")
    struct ExhaustedPoolTests {
        private static let connections = 2
        private static let reads = 32
        /// Somebody else has the table, and no session: the lock is there when psql returns, and nothing times out.
        private static let options = PostgresOptions(settings: ["max_prepared_transactions": "1"])
        private static let take = """
            BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'held'
            """

        @Test func whoeverGetsNoConnectionIsToldAndNothingIsLost() async throws {
            try await PostgresHome.with(Self.options) { home in
                var settings = home.settings
                settings["pool", "limit"] = "\(Self.connections)"
                settings["pool", "timeout"] = "500ms"
                try await Installation.with(settings) { installation in
                    let process = try await installation.start()
                    let shop = try await Shop.open(Catalog(count: 10, stocked: 100_000), in: installation, on: process)
                    let customers = Customers(shop: shop, session: try shop.session(on: process))
                    await customers.order(20, key: "before")
                    try await home.server.psql(Self.take, database: "shard_0")
                    try await exhaust(home.server, customers)
                    try await shop.expectNoViolations(on: process)
                }
            }
        }

        /// Reads and orders while the table is held; gives it back when all have been refused that found no connection.
        private func exhaust(_ server: PostgresServer, _ customers: Customers) async throws {
            let (shop, answers) = (customers.shop, Answers())
            let before = shop.history.count
            async let ordered: Void = customers.order(16, key: "held")
            async let read: [Void] = (0..<Self.reads).concurrentMap(limit: Self.reads) { _ in
                answers.add(
                    await customers.session.client.get(
                        "/v1/orders?consistency=strong&limit=10", key: shop.tenant.apiKey))
            }
            try await Poll.untilTrue("reads without a connection to be refused", within: .seconds(20)) {
                answers.count(of: 503) >= Self.reads - Self.connections
            }
            try await Poll.untilTrue("orders to be on their way", within: .seconds(20)) {
                shop.history.count >= before + 16
            }
            #expect(answers.count(of: 200) == 0, "the table was held: \(answers.all)")
            try await server.psql("ROLLBACK PREPARED 'held'", database: "shard_0")
            try await customers.expectService("back")
            await ordered
            _ = await read
            #expect(answers.all.count == Self.reads)
            #expect(answers.all.allSatisfy { $0 == 200 || $0 == 503 }, "\(answers.all)")
            // Orders are sent again until they are taken; until then they may be refused, and nothing else.
            let others = shop.history.all.dropFirst(before).compactMap(\.outcome).filter { outcome in
                guard let status = outcome.status else { return true }
                return !(200...299).contains(status) && status != 503 && status != 429
            }
            #expect(others.isEmpty, "\(others)")
            #expect(customers.sightings.faults == [])
        }
    }
}

/// The statuses that came, from any task; 0 where there was no answer.
private final class Answers: Sendable {
    private let statuses = Mutex<[Int]>([])

    func add(_ outcome: Outcome) { statuses.withLock { $0.append(outcome.status ?? 0) } }
    func count(of status: Int) -> Int { statuses.withLock { $0.count { $0 == status } } }
    var all: [Int] { statuses.withLock { $0 } }
}
