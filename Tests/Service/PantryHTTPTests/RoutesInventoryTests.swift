import PantryHTTP
import StrictJSON
import Testing

@Suite("Routes: products, stock and lists", .timeLimit(.minutes(2)))
struct RoutesInventoryTests {
    @Test("a product's life")
    func products() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let body = #"{"sku":"A.1","name":"Apple","unitPrice":{"amount":5,"currency":"USD"},"category":"fruit"}"#
            let made = try await shop.send("POST", "/v1/products", body, key: "p")
            #expect(made.status == 201)
            #expect(made.header("Location") == "/v1/products/A.1")
            #expect(try await shop.send("POST", "/v1/products", body, key: "p").isReplay)
            let twice = try await shop.send("POST", "/v1/products", body)
            #expect(twice.status == 409)
            #expect(twice.code == "already-exists")
            let patched = try await shop.send("PATCH", "/v1/products/A%2E1", #"{"category":null,"name":"Pear"}"#)
            #expect(patched.status == 200)
            #expect(patched["name"] == "Pear")
            #expect(patched["category"] == .null)
            #expect(try await shop.get("/v1/products/A.1").response.body == patched.response.body)
            #expect(try await shop.get("/v1/products?q=pea").items.count == 1)
            #expect(try await shop.get("/v1/products?q=%25").items.isEmpty)
            let accented = #"{"sku":"E","name":"Éclair","unitPrice":{"amount":5,"currency":"USD"}}"#
            #expect(try await shop.send("POST", "/v1/products", accented).status == 201)
            #expect(try await shop.get("/v1/products?q=%C3%89CLAIR").items.count == 1)
            let gone = try await shop.send("DELETE", "/v1/products/A.1")
            #expect(gone.status == 204)
            #expect(gone.header("Pantry-Consistency-Token") != nil)
            for path in ["/v1/products/A.1", "/v1/products/a%20b", "/v1/stock/A.1", "/v1/stock/%C3%A9"] {
                let reply = try await shop.get(path)
                #expect(reply.status == 404, "\(path)")
                #expect(reply.code == "not-found")
            }
        }
    }

    @Test("counts, adjustments and the ledger")
    func stock() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop(onHand: 10)
            let place = "/v1/stock/APPLE-1"
            let stale = try await shop.send("PUT", place, #"{"onHand":9,"expectedOnHand":8}"#, key: "c1")
            #expect(stale.status == 409)
            #expect(stale.code == "stock-changed")
            #expect(stale["current.onHand"] == 10)
            let counted = try await shop.send("PUT", place, #"{"onHand":9,"expectedOnHand":10}"#, key: "c1")
            #expect(counted.status == 200)
            let adjust = #"{"delta":-4,"reason":"broken","reference":"box 7"}"#
            let adjusted = try await shop.send("POST", "\(place)/adjustments", adjust, key: "a1")
            #expect(adjusted.status == 201)
            #expect(adjusted["onHand"] == 5)
            #expect(adjusted["movement.delta"] == -4)
            #expect(try await shop.send("POST", "\(place)/adjustments", adjust, key: "a1").isReplay)
            let tooMuch = #"{"delta":-6,"reason":"x"}"#
            let refused = try await shop.send("POST", "\(place)/adjustments", tooMuch, key: "a2")
            #expect(refused.status == 422)
            #expect(refused.faults == ["/delta out-of-range"])
            for (method, path, body) in [("PUT", place, #"{"onHand":1}"#), ("POST", "\(place)/adjustments", adjust)] {
                #expect(try await shop.send(method, path, body).code == "idempotency-key-required")
            }
            let ledger = try await pages("\(place)/ledger?limit=2", shop)
            #expect(ledger.map { $0.object?["delta"] } == [10, -1, -4])
            #expect(try await shop.balance() == [5, 0, 5])
        }
    }

    @Test("lists with cursors; nobody else's, and for no other list")
    func cursors() async throws {
        try await withPantry { pantry in
            let (shop, other) = (try await pantry.organization(), try await pantry.organization())
            let skus = (1...5).map { "S-\($0)" }
            for sku in skus { try await shop.stock(sku, onHand: 3) }
            for sku in skus { #expect(try await shop.order(sku, key: sku).status == 201) }
            #expect(try await pages("/v1/products?limit=2", shop).compactMap { $0.object?["sku"]?.string } == skus)
            #expect(try await pages("/v1/stock?limit=2&sku=S-1&sku=S-4&sku=S-5&sku=NO", shop).count == 3)
            #expect(try await pages("/v1/orders?limit=2", shop).count == 5)
            #expect(try await pages("/v1/orders?limit=1&status=pending", shop).isEmpty)
            let first = try await shop.get("/v1/orders?limit=2")
            #expect(first["page.hasMore"] == true)
            let cursor = try first.text("page.nextCursor")
            #expect(try await other.get("/v1/orders?cursor=\(cursor)").code == "invalid-cursor")
            for query in ["/v1/products?cursor=\(cursor)", "/v1/orders?status=pending&cursor=\(cursor)"] {
                let reply = try await shop.get(query)
                #expect(reply.status == 400)
                #expect(reply.code == "invalid-cursor")
            }
            #expect(try await shop.get("/v1/orders?state=pending").code == "malformed-request")
            let last = try await shop.get("/v1/orders?limit=5")
            #expect(last["page"] == ["nextCursor": .null, "hasMore": false])
        }
    }

    @Test("consistency: token, wish, and what is neither")
    func consistency() async throws {
        try await withPantry { pantry in
            let (shop, other) = (try await pantry.shop(), try await pantry.shop())
            let token = try #require(try await shop.order(key: "k").header("Pantry-Consistency-Token"))
            let header = "Pantry-Consistency-Token: \(token)"
            let orders = try await shop.get("/v1/orders", headers: [header])
            #expect(orders.status == 200)
            #expect(orders.items.count == 1)
            for wish in ["strong", "eventual"] {
                #expect(try await shop.get("/v1/orders?consistency=\(wish)", headers: [header]).status == 200)
            }
            #expect(try await shop.get("/v1/orders?consistency=weak").code == "malformed-request")
            #expect(try await other.get("/v1/orders", headers: [header]).code == "malformed-request")
            let nonsense = try await shop.get("/v1/orders", headers: ["Pantry-Consistency-Token: x"])
            #expect(nonsense.status == 400)
        }
    }

    /// Every item of a list, page by page.
    private func pages(_ path: String, _ client: PantryClient) async throws -> [JSONValue] {
        var (items, next): ([JSONValue], String?) = ([], path)
        while let page = next {
            let reply = try await client.get(page)
            #expect(reply.status == 200, "\(reply.response.body)")
            items += reply.items
            next = reply["page.nextCursor"]?.string.map { "\(path)&cursor=\($0)" }
        }
        return items
    }
}
