import Determinism
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

extension DomainConformance {
    static let stock: [Behavior<Shop>] = [
        Behavior("a balance goes to its bounds and not beyond") { shop in
            try await shop.product("a")
            let largest = Money.largestAmount
            try await shop.run(shop.adjust("a", by: largest))
            #expect(try await shop.stock("a").onHand == largest)
            for delta in [1, largest, .max] as [Int64] {
                guard case .invalid = try await shop.refusal(shop.adjust("a", by: delta)) else {
                    Issue.record("\(delta) more than the most")
                    continue
                }
            }
            for delta in [.min, -largest - 1] as [Int64] {
                guard case .invalid = try await shop.refusal(shop.adjust("a", by: delta)) else {
                    Issue.record("\(delta) less than nothing")
                    continue
                }
            }
            try await shop.run(shop.adjust("a", by: -largest))
            #expect(try await shop.stock("a").onHand == 0)
            let sums = try await shop.world.rows("SELECT COUNT(*), SUM(delta) FROM stock_ledger WHERE sku = 'a'")
            #expect(sums[0].values == [2, 0])
            // Many products full to the brim: what the verifier adds up is beyond 64 bits for none of them.
            for sku in ["b", "c"] { try await shop.product(sku, stock: largest) }
        },
        Behavior("a count is refused when somebody has counted since") { shop in
            try await shop.product("a", stock: 5)
            try await shop.run(shop.count("a", 7, expected: 5))
            #expect(try await shop.refusal(shop.count("a", 9, expected: 5)) == .stockChanged(onHand: 7))
            try await shop.run(shop.count("a", 7, expected: 7))
            try await shop.run(shop.count("a", 0))
            let reasons = try await shop.world.rows("SELECT delta, reason FROM stock_ledger ORDER BY id")
            #expect(reasons.map(\.values) == [[5, "delivery"], [2, "count"], [-7, "count"]])
            let raced = try await race(shop) { shop.count("a", 10 + Int64($0), expected: 0) }
            #expect(raced == 1, "one of many who counted the same shelf")
        },
        Behavior("a balance that two servers change is the sum of what they did") { shop in
            try await shop.product("a", stock: 5)
            #expect(try await race(shop) { _ in shop.adjust("a", by: -1) } == 5)
            #expect(try await shop.stock("a").onHand == 0)
            #expect(try await race(shop) { _ in shop.adjust("a", by: 2) } == 20)
            #expect(try await shop.stock("a").onHand == 40)
            let events = try await shop.world.rows(
                "SELECT sequence FROM outbox WHERE key = 'stock/a' ORDER BY sequence")
            #expect(try events.map { try $0.integer(0) } == Array(1...26), "one event each, numbered without a gap")
        },
        Behavior("stock is listed for the SKUs that are asked for, each once") { shop in
            for sku in ["a", "A", "b", "gone"] { try await shop.product(sku, stock: 2) }
            try await shop.run(DeleteProduct(organization: shop.number, sku: "gone"))
            func listed(_ skus: [String], limit: Int = 10) async throws -> [String] {
                try await shop.pages(limit) {
                    try await InventoryQueries.stock(skus: skus, after: $0, limit: limit, .strong, in: $1)
                }.flatMap { try $0.map { try $0.member("sku") } }
            }
            #expect(try await listed([]) == ["A", "a", "b"], "none named are all")
            #expect(try await listed(["b", "a", "a", "nowhere", "gone", "%", "'"]) == ["a", "b"])
            #expect(try await listed(["b", "A", "a"], limit: 1) == ["A", "a", "b"])
            #expect(try await listed(["gone"]) == [])
            #expect(try await listed((0..<500).map { "x\($0)" } + ["a"]) == ["a"])
            let context = try await shop.context()
            #expect(try await InventoryQueries.stock("a", .strong, in: context).document.amount("onHand") == 2)
            await #expect(throws: Refusal.self) { try await InventoryQueries.stock("gone", .strong, in: context) }
        },
        Behavior("a ledger is read oldest first, page by page, with its texts") { shop in
            try await shop.product("a")
            try await shop.product("b", stock: 9)
            let reasons = ["it's", "50%_\\", "ä", "e\u{301}", "", "😀", "x"]
            for (index, reason) in reasons.enumerated() {
                try await shop.run(shop.adjust("a", by: Int64(index + 1), reason, index % 2 == 0 ? nil : reason))
                // Some in the same millisecond.
                if index % 3 == 0 { try await shop.world.pass(.milliseconds(2)) }
            }
            for limit in [1, 3, 6, 7, 8] {
                let items = try await shop.pages(limit) { next, context in
                    try await InventoryQueries.ledger(
                        "a", after: next.flatMap { MovementID($0) }, limit: limit, .strong, in: context)
                }
                #expect(items.count == (reasons.count + limit - 1) / limit)
                let documents = items.flatMap { $0 }
                #expect(try documents.map { try $0.amount("delta") }.sorted() == Array(1...7), "by \(limit)")
                let ids = try documents.map { try $0.member("id") }
                #expect(ids == ids.sorted())
                for document in documents {
                    let reason = reasons[Int(try document.amount("delta")) - 1]
                    #expect(try document.member("reason").utf8.elementsEqual(reason.utf8))
                }
            }
            let context = try await shop.context()
            await #expect(throws: Refusal.self) {
                try await InventoryQueries.ledger("A", after: nil, limit: 5, .strong, in: context)
            }
            try await shop.product("empty")
            #expect(try await InventoryQueries.ledger("empty", after: nil, limit: 5, .strong, in: context).items == [])
        },
    ]

    /// How many of twenty commands, sent to two servers at once, are not refused.
    private static func race<C: AnsweringCommand>(
        _ shop: Shop, _ command: @escaping @Sendable (Int) -> C
    ) async throws -> Int {
        let contexts = [
            try await shop.context(on: shop.world.first), try await shop.context(on: shop.world.second),
        ]
        return try await shop.world.drive {
            await withTaskGroup(of: Int.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        do throws(Refusal) {
                            _ = try await contexts[index % 2].answer(command(index), key: nil)
                            return 1
                        } catch {
                            switch error {
                            case .invalid, .stockChanged: break
                            default: Issue.record("\(error)")
                            }
                            return 0
                        }
                    }
                }
                return await group.reduce(0, +)
            }
        }
    }
}
