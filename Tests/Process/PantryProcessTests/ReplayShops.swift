import PantryTestKit
import StrictJSON
import Testing

/// Real baskets as orders of several organizations, each with exactly the stock that its baskets need.
struct ReplayShops: Sendable {
    struct Shop: Sendable {
        let tenant: Tenant
        /// The organization's number in the tables.
        let number: Int64
        let baskets: [GroceryBaskets.Basket]
        /// What its baskets come to.
        let sums: GroceryBaskets.Sums
        /// Those of its baskets whose order is fulfilled: each tenth.
        var fulfilled: [GroceryBaskets.Basket] {
            baskets.enumerated().filter { $0.offset % 10 == 0 }.map(\.element)
        }
        var waiting: [GroceryBaskets.Basket] {
            baskets.enumerated().filter { $0.offset % 10 != 0 }.map(\.element)
        }
    }
    /// An order's answer, to be compared with that to its repeat.
    struct Placed: Sendable {
        let id: String
        let body: [UInt8]
    }
    let installation: Installation
    let client: PantryClient
    let grocery: GroceryBaskets
    let shops: [Shop]
    private static let names = ["North", "East", "South", "West"]

    static func open(
        _ grocery: GroceryBaskets, in installation: Installation, on process: PantryProcess
    ) async throws -> ReplayShops {
        let client = try process.client()
        var shops: [Shop] = []
        for (number, name) in names.enumerated() {
            let baskets = grocery.baskets(ofShop: number, of: names.count)
            let sums = grocery.sums(baskets)
            let tenant = try await Tenant.create(name, on: client, operatorToken: installation.operatorToken)
            let lines = sums.units.sorted { $0.key < $1.key }.map { sku, units in
                "\(sku),Product \(sku),\(grocery.prices[sku] ?? 0),USD,\(units)\n"
            }
            let file = "sku,name,amount,currency,onHand\n" + lines.joined()
            let imported = await client.send(
                PantryRequest(
                    "POST", "/v1/product-imports", .bytes(Array(file.utf8), type: "text/csv"),
                    credential: tenant.apiKey, idempotencyKey: "products"), within: .seconds(600))
            #expect(
                imported.status == 200 && imported.answer?["imported"] == .integer(Int64(lines.count)), "\(imported)")
            let own = await client.get("/v1/organization", key: tenant.apiKey)
            shops.append(
                Shop(
                    tenant: tenant, number: try #require(own.answer?["number"]?.integer), baskets: baskets,
                    sums: sums))
        }
        return ReplayShops(installation: installation, client: client, grocery: grocery, shops: shops)
    }

    /// Orders every basket, and expects that each becomes an order.
    /// - Parameter first: the answers of the pass before, when this one repeats it.
    /// - Returns: the answers by the baskets' ids.
    func pass(after first: [String: Placed]?) async throws -> [String: Placed] {
        let work = shops.flatMap { shop in shop.baskets.map { (shop: shop, basket: $0) } }
        let answers = await work.concurrentMap(limit: 32) { shop, basket in
            let body = TenantSession.orderBody(basket.items, method: "pm_ok", key: basket.id)
            return await client.send("POST", "/v1/orders", body, key: shop.tenant.apiKey, idempotencyKey: basket.id)
        }
        var placed: [String: Placed] = [:]
        var wrong: [String] = []
        for ((_, basket), outcome) in zip(work, answers) {
            guard let answer = outcome.answer, answer.status == 201, let id = answer["id"]?.string else {
                wrong.append("\(basket.id): \(outcome)")
                continue
            }
            placed[basket.id] = Placed(id: id, body: answer.body)
            let isReplay = answer.header("Idempotent-Replayed") == "true"
            if isReplay != (first != nil) { wrong.append("\(basket.id): replayed: \(isReplay)") }
            if let first, first[basket.id]?.body != answer.body { wrong.append("\(basket.id): another body") }
            let total: JSONValue = ["amount": .integer(grocery.total(basket)), "currency": "USD"]
            if answer["total"] != total { wrong.append("\(basket.id): \(answer["total"] ?? .null), not \(total)") }
        }
        #expect(wrong.isEmpty, "\(wrong.count) of \(work.count): \(wrong.prefix(3))")
        #expect(placed.count == grocery.baskets.count)
        return placed
    }

    /// Fulfills each tenth order, so that the ledger has something to tell.
    func fulfill(_ placed: [String: Placed]) async {
        let work = shops.flatMap { shop in shop.fulfilled.map { (shop: shop, basket: $0) } }
        let answers = await work.concurrentMap(limit: 32) { shop, basket in
            await client.send(
                "POST", "/v1/orders/\(placed[basket.id]?.id ?? "none")/fulfill", key: shop.tenant.apiKey,
                idempotencyKey: "fulfill-\(basket.id)")
        }
        let wrong = answers.filter { $0.status != 200 }
        #expect(wrong.isEmpty, "\(wrong.count) of \(work.count): \(wrong.first?.description ?? "")")
    }
}
