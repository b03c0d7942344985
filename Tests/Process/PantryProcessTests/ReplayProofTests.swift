import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// Real baskets, ordered twice with the same keys.
    @Suite("Real baskets, twice")
    struct ReplayProofTests {
        @Test func theSecondPassChangesNothingAndEverySumIsThatOfTheFile() async throws {
            let grocery = try GroceryBaskets.load(TestScale.isLong ? 10_000 : 400)
            try await Installation.with { installation in
                let process = try await installation.start()
                let shops = try await ReplayShops.open(grocery, in: installation, on: process)

                let first = try await shops.pass(after: nil)
                await shops.fulfill(first)
                let before = try await digests(installation)
                _ = try await shops.pass(after: first)
                for (file, tables) in try await digests(installation) {
                    #expect(differences(tables, before[file] ?? [:]) == [], "\(file) changed")
                }

                try await expectStock(shops)
                try await expectLedger(shops)
                try await expectReservations(shops)
                try await expectOrders(shops)
                try await expectBooks(shops, first)
                let verified = try await installation.run("verify", within: .seconds(600))
                #expect(verified.exit.isSuccess, "verify \(verified.exit): \(verified.text)\(verified.errors)")
            }
        }

        private func digests(_ installation: Installation) async throws -> [String: [String: String]] {
            var all: [String: [String: String]] = [:]
            for file in [StoredRows.shard, StoredRows.provider] {
                all[file] = try await StoredRows.digests(file, in: installation.dataDirectory)
            }
            #expect(all[StoredRows.shard]?["orders"] != nil && all[StoredRows.provider]?["entries"] != nil)
            return all
        }

        private func shard(_ shops: ReplayShops, _ sql: String) async throws -> [JSONObject] {
            try await StoredRows.query(StoredRows.shard, in: shops.installation.dataDirectory, sql)
        }

        /// Every unit that was stocked is sold: what has left is off the shelf, what has not is reserved.
        private func expectStock(_ shops: ReplayShops) async throws {
            for shop in shops.shops {
                let waiting = shops.grocery.sums(shop.waiting).units
                let rows = try await shops.client.all("/v1/stock", key: shop.tenant.apiKey).compactMap(\.object)
                func column(_ name: String) -> [String: Int64] {
                    Dictionary(rows.map { ($0.text("sku"), $0.number(name)) }, uniquingKeysWith: { first, _ in first })
                }
                let expected = shop.sums.units.mapValues { _ in Int64(0) }.merging(waiting) { $1 }
                #expect(differences(column("reserved"), expected) == [])
                #expect(differences(column("onHand"), expected) == [])
                #expect(column("available").values.allSatisfy { $0 == 0 })
            }
        }

        private func expectLedger(_ shops: ReplayShops) async throws {
            let rows = try await shard(
                shops,
                """
                SELECT organization, sku, SUM(CASE WHEN delta > 0 THEN delta ELSE 0 END) AS added,
                  SUM(CASE WHEN delta < 0 THEN -delta ELSE 0 END) AS taken FROM stock_ledger GROUP BY 1, 2
                """)
            for shop in shops.shops {
                let own = rows.filter { $0.number("organization") == shop.number }
                let added = own.map { ($0.text("sku"), $0.number("added")) }
                let taken = own.map { ($0.text("sku"), $0.number("taken")) }.filter { $0.1 != 0 }
                #expect(differences(Dictionary(uniqueKeysWithValues: added), shop.sums.units) == [])
                #expect(
                    differences(Dictionary(uniqueKeysWithValues: taken), shops.grocery.sums(shop.fulfilled).units)
                        == [])
            }
        }

        private func expectReservations(_ shops: ReplayShops) async throws {
            let rows = try await shard(
                shops, "SELECT organization, state, sku, SUM(quantity) AS units FROM reservations GROUP BY 1, 2, 3")
            #expect(Set(rows.map { $0.text("state") }) == ["pinned", "consumed"])
            for shop in shops.shops {
                for (state, baskets) in [("pinned", shop.waiting), ("consumed", shop.fulfilled)] {
                    let units = rows.filter { $0.number("organization") == shop.number && $0.text("state") == state }
                        .map { ($0.text("sku"), $0.number("units")) }
                    #expect(
                        differences(Dictionary(uniqueKeysWithValues: units), shops.grocery.sums(baskets).units) == [],
                        "\(state)")
                }
            }
        }

        private func expectOrders(_ shops: ReplayShops) async throws {
            let totals = try await shard(
                shops, "SELECT organization, json_extract(metadata, '$.key') AS basket, total FROM orders")
            let states = try await shard(
                shops,
                """
                SELECT o.organization, o.status, COUNT(*) AS orders, SUM(o.total) AS cents, SUM(p.captured) AS captured
                FROM orders o JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id GROUP BY 1, 2
                """)
            for shop in shops.shops {
                let found = totals.filter { $0.number("organization") == shop.number }
                    .map { ($0.text("basket"), $0.number("total")) }
                let expected = shop.baskets.map { ($0.id, shops.grocery.total($0)) }
                #expect(
                    differences(
                        Dictionary(found, uniquingKeysWith: { _, _ in -1 }), Dictionary(uniqueKeysWithValues: expected))
                        == [])
                for (status, baskets) in [("confirmed", shop.waiting), ("fulfilled", shop.fulfilled)] {
                    let sums = shops.grocery.sums(baskets)
                    let rows = states.filter {
                        $0.number("organization") == shop.number && $0.text("status") == status
                    }
                    #expect(rows.map { $0.number("orders") } == [Int64(sums.orders)].filter { $0 > 0 })
                    #expect(rows.map { $0.number("cents") } == [sums.cents].filter { $0 > 0 })
                    #expect(rows.map { $0.number("captured") } == [sums.cents].filter { $0 > 0 })
                }
            }
        }

        /// The provider took each basket's total, once, and nothing else.
        private func expectBooks(_ shops: ReplayShops, _ placed: [String: ReplayShops.Placed]) async throws {
            let books = try await shops.installation.books()
            var expected: [String: Int64] = [:]
            for basket in shops.grocery.baskets {
                expected[placed[basket.id]?.id ?? "none"] = shops.grocery.total(basket)
            }
            let found = books.operations.map { ($0.reference, $0.amount) }
            #expect(differences(Dictionary(found, uniquingKeysWith: { _, _ in -1 }), expected) == [])
            #expect(Set(books.entries.map(\.kind)) == ["captured"])
            #expect(books.entries.count == shops.grocery.baskets.count)
            #expect(books.entries.reduce(0) { $0 + $1.amount } == shops.grocery.sums(shops.grocery.baskets).cents)
        }
    }
}
