import PantryTestKit
import StrictJSON
import Testing

extension ProcessTests {
    @Suite("The last unit")
    struct LastUnitTests {
        @Test func aThousandBuyersOfOneUnit() async throws {
            try await Installation.with { installation in
                let process = try await installation.start()
                let catalog = Catalog([Catalog.Item("LAST", price: 1_299, stocked: 1)])
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let session = try shop.session(on: process)

                let outcomes = await (1...1_000).concurrentMap(limit: 1_000) { buyer in
                    await session.order([(sku: "LAST", quantity: 1)], key: "buyer-\(buyer)")
                }
                let winners = outcomes.filter { $0.status == 201 }
                let losers = outcomes.filter { $0.status == 409 }
                #expect(winners.count == 1)
                #expect(losers.count == 999, "\(outcomes.first { ![201, 409].contains($0.status) }?.description ?? "")")
                for loser in losers {
                    #expect(loser.answer?.code == "out-of-stock")
                    #expect(loser.answer?["lines"] == [["sku": "LAST", "requested": 1, "available": 0]])
                }

                let winner = try #require(winners.first?.answer?["id"]?.string)
                let books = try await shop.books()
                #expect(books.operations.map(\.reference) == [winner])
                #expect(books.entries.map(\.kind) == ["captured"])
                #expect(books.entries.map(\.amount) == [1_299])
                try await shop.expectNoViolations(on: process)
            }
        }

        @Test func linesOfOneSKUAreSummed() async throws {
            try await Installation.with { installation in
                let process = try await installation.start()
                let catalog = Catalog([
                    Catalog.Item("THREE", price: 500, stocked: 3), Catalog.Item("FOUR", price: 500, stocked: 4),
                ])
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let session = try shop.session(on: process)

                let short = await session.order(
                    [(sku: "THREE", quantity: 2), (sku: "THREE", quantity: 2)], key: "short")
                #expect(short.status == 409 && short.answer?.code == "out-of-stock", "\(short)")
                #expect(short.answer?["lines"] == [["sku": "THREE", "requested": 4, "available": 3]])
                let exact = await session.order([(sku: "FOUR", quantity: 2), (sku: "FOUR", quantity: 2)], key: "exact")
                #expect(exact.status == 201, "\(exact)")
                #expect(exact.answer?["total"] == ["amount": 2_000, "currency": "USD"])
                #expect(exact.answer?["items"]?.array?.count == 2)
                try await shop.expectNoViolations(on: process)
            }
        }

        @Test func anOrderOfAThousandLines() async throws {
            try await Installation.with { installation in
                let process = try await installation.start()
                let catalog = Catalog(count: 1_001, stocked: 2)
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let session = try shop.session(on: process)

                let most = catalog.items.prefix(1_000)
                let order = await session.order(most.map { (sku: $0.sku, quantity: 2) }, key: "most")
                #expect(order.status == 201, "\(order)")
                let total = most.reduce(0) { $0 + 2 * $1.price }
                #expect(order.answer?["total"] == ["amount": .integer(total), "currency": "USD"])
                #expect(order.answer?["items"]?.array?.count == 1_000)

                let more = await session.order(catalog.items.map { (sku: $0.sku, quantity: 1) }, key: "more")
                #expect(more.status == 422 && more.answer?.code == "invalid", "\(more)")
                #expect(more.answer?["errors"]?.array?.first?.object?["pointer"] == "/items")
                try await shop.expectNoViolations(on: process)
            }
        }

        @Test(arguments: ["pm_ok", "pm_flaky", "pm_lost", "pm_declined"])
        func aKeySentByManyAtOnce(method: String) async throws {
            try await Installation.with { installation in
                let process = try await installation.start()
                let catalog = Catalog([Catalog.Item("TEA", price: 250, stocked: 100)])
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let session = try shop.session(on: process)

                let outcomes = await (1...50).concurrentMap(limit: 50) { _ in
                    await session.order([(sku: "TEA", quantity: 3)], method: method, key: "same")
                }
                let status = method == "pm_declined" ? 402 : 201
                let others = outcomes.filter { $0.status != status }
                #expect(others.isEmpty, "\(others.map(\.description).prefix(3))")
                #expect(outcomes.count { $0.answer?.header("Idempotent-Replayed") == nil } == 1)
                #expect(Set(outcomes.map { $0.answer?["id"]?.string }).count == 1)
                #expect(try await shop.orders(key: "same", on: process).count == 1)
                #expect(try await shop.books().operations.count == 1)
                try await shop.expectNoViolations(on: process)
            }
        }
    }
}
