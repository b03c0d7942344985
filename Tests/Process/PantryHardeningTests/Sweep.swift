import PantryTestKit
import StrictJSON
import Testing

/// Requests for every route, with things of two organizations.
struct Sweep: Sendable {
    /// Every route there is; a test compares this with the sources.
    static let routes = [
        "POST /v1/organizations", "GET /v1/organizations", "GET /v1/organizations/{id}",
        "PATCH /v1/organizations/{id}", "GET /v1/organization", "POST /v1/keys", "GET /v1/keys",
        "DELETE /v1/keys/{id}", "POST /v1/sessions", "GET /v1/sessions/current", "DELETE /v1/sessions/current",
        "POST /v1/products", "GET /v1/products", "GET /v1/products/{sku}",
        "POST /v1/product-imports", "POST /ops/organizations/{id}/product-imports",
        "PATCH /v1/products/{sku}", "DELETE /v1/products/{sku}", "GET /v1/stock", "GET /v1/stock/{sku}",
        "PUT /v1/stock/{sku}", "POST /v1/stock/{sku}/adjustments", "GET /v1/stock/{sku}/ledger",
        "POST /v1/orders/calculate", "POST /v1/orders", "GET /v1/orders", "GET /v1/orders/{id}",
        "GET /v1/orders/{id}/timeline", "POST /v1/orders/{id}/cancel", "POST /v1/orders/{id}/fulfill",
        "POST /v1/orders/{id}/refunds", "GET /v1/events",
        "POST /ops/organizations/{id}/keys", "GET /ops/organizations/{id}/keys",
        "DELETE /ops/organizations/{id}/keys/{key}", "GET /ops/sagas", "GET /ops/sagas/{id}",
        "POST /ops/sagas/{id}/retry", "POST /ops/sagas/{id}/skip", "POST /ops/sagas/{id}/force",
        "POST /ops/sagas/{id}/compensate", "POST /ops/sagas/{id}/cancel", "GET /ops/replicas", "GET /ops/pools",
        "GET /ops/breakers", "POST /ops/breakers/{name}", "GET /ops/limits", "POST /v1/providers/{name}/webhook",
        "GET /health", "GET /livez", "GET /readyz", "GET /metrics",
        "GET /openapi.json", "GET /docs",
    ]
    static let openRoutes: Set<String> = [
        "GET /health", "GET /livez", "GET /readyz", "GET /metrics", "GET /openapi.json", "GET /docs",
        "POST /v1/providers/{name}/webhook",
    ]
    static let ranks = ["read": 0, "write": 1, "admin": 2, "operator": 3]
    static let secretName = "Secret of the owner"

    /// The weakest role that a route takes.
    static func role(of route: String) -> String {
        if route.contains("/ops/") || route.contains("/v1/organizations") { return "operator" }
        if route.contains("/v1/keys") { return "admin" }
        if route.contains("/v1/sessions/current") { return "read" }
        return route.hasPrefix("GET") || route == "POST /v1/orders/calculate" ? "read" : "write"
    }

    /// What a route says to a key that it takes.
    static func status(of route: String) -> Int { route.contains("/v1/sessions/current") ? 404 : 200 }

    struct Attempt: Sendable {
        let route: String
        let request: PantryRequest
        let status: Int
        var code: String?
        var isEmptyList = false
    }

    let grocery: Grocery
    /// The owner's things.
    let order: String
    let keyID: String
    let cursors: [String: String]
    let token: String
    /// The stranger's.
    let strangersKeyID: String

    /// Both sell `both`; `owned` is the owner's alone.
    static func prepare(_ grocery: Grocery) async throws -> Sweep {
        let (owner, stranger) = (grocery.owner, grocery.stranger)
        for (tenant, skus) in [(owner, ["both", "owned", "owned-2"]), (stranger, ["both"])] {
            try await Catalog(skus.map { Catalog.Item($0, price: 250, stocked: 1_000) })
                .install(for: tenant, on: grocery.client)
        }
        let named = await grocery.send("PATCH", "/v1/products/owned", ["name": .string(secretName)], as: owner)
        #expect(named.status == 200, "\(named)")
        let token = try #require(named.answer?.header("Pantry-Consistency-Token"))
        let order = try await grocery.order("owned", as: owner, key: "sweep-order")
        _ = try await grocery.order("both", as: owner, key: "sweep-order-2")
        _ = try await grocery.order("both", as: stranger, key: "sweep-order")
        _ = await grocery.send("POST", "/v1/keys", ["role": "read"], as: owner)
        var cursors: [String: String] = [:]
        for path in ["/v1/orders", "/v1/products", "/v1/stock", "/v1/keys", "/v1/stock/both/ledger"] {
            let page = await grocery.send("GET", "\(path)?limit=1", as: owner)
            #expect(page.status == 200, "\(path): \(page)")
            if let next = page.answer?["page"]?.object?["nextCursor"]?.string {
                cursors[path] = PantryClient.percentEncoded(next)
            }
        }
        for tenant in [owner, stranger] {
            // What has happened has positions from here on: later reads of events write nothing.
            let events = await grocery.send("GET", "/v1/events?wait=0", as: tenant)
            #expect(events.status == 200, "\(events)")
        }
        func keyID(_ tenant: Tenant) -> String { String(tenant.apiKey.prefix { $0 != "." }) }
        return Sweep(
            grocery: grocery, order: order, keyID: keyID(owner), cursors: cursors, token: token,
            strangersKeyID: keyID(stranger))
    }

    /// Everything that both organizations and the operator can see.
    func visible() async throws -> [String] {
        var seen: [String] = []
        for tenant in [grocery.owner, grocery.stranger] {
            for list in ["/v1/orders", "/v1/products", "/v1/stock", "/v1/keys", "/v1/stock/both/ledger"] {
                seen += try await grocery.client.all(list, key: tenant.apiKey).map { $0.serialized() }
            }
            seen.append(await grocery.send("GET", "/v1/organization", as: tenant).description)
        }
        let token = grocery.installation.operatorToken
        return seen + (try await grocery.client.all("/v1/organizations", key: token).map { $0.serialized() })
    }

    func keysByRole() async throws -> [String: String] {
        var keys = ["admin": grocery.owner.apiKey]
        for role in ["read", "write"] {
            let made = await grocery.send("POST", "/v1/keys", ["role": .string(role)], as: grocery.owner)
            keys[role] = try #require(made.answer?["apiKey"]?.string, "\(made)")
        }
        return keys
    }

    func revokedKey() async throws -> String {
        let made = await grocery.send("POST", "/v1/keys", ["role": "admin"], as: grocery.owner)
        let (id, key) = (made.answer?["id"]?.string, made.answer?["apiKey"]?.string)
        let text = try #require(key, "\(made)")
        // Used once, so that a cache would have it.
        #expect(await grocery.client.get("/v1/organization", key: text).status == 200)
        let revoked = await grocery.send("DELETE", "/v1/keys/\(try #require(id))", as: grocery.owner)
        #expect(revoked.status == 204, "\(revoked)")
        return text
    }
}
