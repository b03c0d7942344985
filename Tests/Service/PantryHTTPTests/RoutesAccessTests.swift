import PantryDomain
import PantryHTTP
import StrictJSON
import Testing

@Suite("Routes: organizations, keys, roles and health", .timeLimit(.minutes(2)))
struct RoutesAccessTests {
    @Test("organizations: made, listed, shown, changed")
    func organizations() async throws {
        try await withPantry { pantry in
            let body = #"{"name":"First","plan":"trial","region":"eu"}"#
            let first = try await pantry.asOperator.send("POST", "/v1/organizations", body, key: "o")
            #expect(first.status == 201)
            #expect(first["number"] == 0)
            #expect(first["shard"] == "shard-0")
            let place = try #require(first.header("Location"))
            #expect(place == "/v1/organizations/\(try first.text("id"))")
            let again = try await pantry.asOperator.send("POST", "/v1/organizations", body, key: "o")
            #expect(again.isReplay)
            #expect(again.response.body == first.response.body)
            _ = try await pantry.organization("Second")
            let page = try await pantry.asOperator.get("/v1/organizations?limit=1")
            #expect(page.items.count == 1)
            let cursor = try page.text("page.nextCursor")
            let second = try await pantry.asOperator.get("/v1/organizations?limit=1&cursor=\(cursor)")
            #expect(second.items.first?.object?["name"] == "Second")
            #expect(second["page.hasMore"] == false)
            let changed = try await pantry.asOperator.send("PATCH", place, #"{"plan":"standard"}"#)
            #expect(changed.status == 200)
            let unknown = try await pantry.asOperator.send("PATCH", place, #"{"plan":"gold"}"#)
            #expect(unknown.status == 422)
            #expect(unknown.faults == ["/plan unknown-plan"])
            let own = try await pantry.client(try first.text("apiKey")).get("/v1/organization")
            #expect(own["plan"] == "standard")
            #expect(own["apiKey"] == nil)
            #expect(try await pantry.asOperator.get(place).response.body == own.response.body)
            for id in ["org_x", "ord_01jd0000000000000000000000", "org_01jd0000000000000000000000"] {
                #expect(try await pantry.asOperator.get("/v1/organizations/\(id)").status == 404)
            }
        }
    }

    @Test("keys and roles: 403 for the weaker, 401 for the revoked")
    func roles() async throws {
        try await withPantry { pantry in
            let admin = try await pantry.shop()
            var keys: [String: PantryReply] = [:]
            for role in ["read", "write"] {
                keys[role] = try await admin.send("POST", "/v1/keys", #"{"role":"\#(role)"}"#)
                #expect(keys[role]?.status == 201)
            }
            let reader = pantry.client(try #require(keys["read"]).text("apiKey"))
            let writer = pantry.client(try #require(keys["write"]).text("apiKey"))
            #expect(try await reader.get("/v1/stock").status == 200)
            #expect(try await reader.order(key: "k").code == "forbidden")
            #expect(try await reader.send("PUT", "/v1/stock/APPLE-1", "{}").status == 403)
            #expect(try await writer.order(key: "k").status == 201)
            for client in [reader, writer] {
                #expect(try await client.send("POST", "/v1/keys", #"{"role":"admin"}"#).status == 403)
                #expect(try await client.get("/v1/keys").status == 403)
            }
            for client in [reader, admin] {
                #expect(try await client.get("/v1/organizations").status == 403)
                #expect(try await client.send("POST", "/v1/organizations", #"{"name":"x"}"#).status == 403)
            }
            #expect(try await pantry.asOperator.get("/v1/stock").status == 403)
            for token in ["x", TestPantry.operatorToken + "x", try #require(keys["read"]).text("id")] {
                #expect(try await pantry.client(token).get("/v1/stock").status == 401)
            }
            #expect(try await admin.get("/v1/keys").items.count == 3)
            let gone = try await admin.send("DELETE", "/v1/keys/\(try #require(keys["read"]).text("id"))")
            #expect(gone.status == 204)
            #expect(try await reader.get("/v1/stock").status == 401)
        }
    }

    @Test("the operator's keys of an organization")
    func operatorKeys() async throws {
        try await withPantry { pantry in
            let made = try await pantry.asOperator.send("POST", "/v1/organizations", #"{"name":"A"}"#)
            let place = "/ops/organizations/\(try made.text("id"))/keys"
            let key = try await pantry.asOperator.send("POST", place, #"{"role":"read"}"#, key: "k")
            #expect(key.status == 201)
            #expect(try await pantry.asOperator.send("POST", place, #"{"role":"read"}"#, key: "k").isReplay)
            #expect(try await pantry.asOperator.get(place).items.count == 2)
            let reader = pantry.client(try key.text("apiKey"))
            #expect(try await reader.get("/v1/stock").status == 200)
            #expect(try await reader.get(place).status == 403)
            let id = try key.text("id")
            #expect(try await pantry.asOperator.send("DELETE", "\(place)/\(id)").status == 204)
            #expect(try await pantry.asOperator.send("DELETE", "\(place)/\(id)").status == 404)
            #expect(try await reader.get("/v1/stock").status == 401)
        }
    }

    @Test("another organization's things are not found")
    func tenants() async throws {
        try await withPantry { pantry in
            let (shop, other) = (try await pantry.shop(), try await pantry.organization())
            let place = try #require(try await shop.order(key: "k").header("Location"))
            let key = try await shop.send("POST", "/v1/keys", #"{"role":"read"}"#).text("id")
            let requests: [(String, String, String?)] = [
                ("GET", place, nil), ("GET", "\(place)/timeline", nil), ("POST", "\(place)/cancel", nil),
                ("POST", "\(place)/fulfill", nil), ("POST", "\(place)/refunds", #"{"reason":"x"}"#),
                ("GET", "/v1/products/APPLE-1", nil), ("PATCH", "/v1/products/APPLE-1", "{}"),
                ("DELETE", "/v1/products/APPLE-1", nil), ("GET", "/v1/stock/APPLE-1", nil),
                ("PUT", "/v1/stock/APPLE-1", #"{"onHand":1}"#),
                ("POST", "/v1/stock/APPLE-1/adjustments", #"{"delta":1,"reason":"x"}"#),
                ("GET", "/v1/stock/APPLE-1/ledger", nil), ("DELETE", "/v1/keys/\(key)", nil),
                ("GET", "/v1/orders/nonsense", nil), ("POST", "/v1/orders/nonsense/cancel", nil),
            ]
            for (method, path, body) in requests {
                let reply = try await other.send(method, path, body, key: "same")
                #expect(reply.status == 404, "\(method) \(path)")
                #expect(reply.code == "not-found")
            }
            for list in ["/v1/orders", "/v1/products", "/v1/stock"] {
                #expect(try await other.get(list).items.isEmpty)
            }
            #expect(try await shop.get(place)["status"] == "confirmed")
        }
    }

    @Test("health and probes need no credentials")
    func health() async throws {
        let isHealthy = Box(true)
        try await withPantry(isHealthy: isHealthy) { pantry in
            let nobody = pantry.client(nil)
            let good = try await nobody.get("/health")
            #expect(good.status == 200)
            #expect(good.document?.object?.names == ["status", "timestamp", "checks"])
            #expect(good["status"] == "healthy")
            #expect(good["checks"] == ["database": "fulfilled", "cache": "fulfilled"])
            isHealthy.set(false)
            let bad = try await nobody.get("/health")
            #expect(bad.status == 503)
            #expect(bad["status"] == "unhealthy")
            #expect(bad["checks.database"] == "rejected")
            #expect(try await nobody.get("/livez").status == 200)
            #expect(try await nobody.get("/readyz").status == 200)
            #expect(try await nobody.get("/v1/stock").status == 401)
            pantry.routesState.setReady(false)
            #expect(try await nobody.get("/readyz")["status"] == "starting")
            pantry.routesState.setReady(true)
            pantry.routesState.startDraining()
            let draining = try await nobody.get("/readyz")
            #expect(draining.status == 503)
            #expect(draining["status"] == "draining")
        }
    }
}
