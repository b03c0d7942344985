import Determinism
import PantryDomain
import StrictJSON
import Testing

@testable import PantryHTTP

@Suite("Routes: sessions", .timeLimit(.minutes(2)))
struct RoutesSessionTests {
    private func session(
        _ maker: PantryClient, _ role: String, _ pantry: TestPantry
    ) async throws -> PantryClient {
        let made = try await maker.send("POST", "/v1/sessions", #"{"subject":"ann","role":"\#(role)"}"#)
        return pantry.client(try made.text("token"))
    }

    @Test("a session is made, shown without its token, used as a key of its role, and ended")
    func life() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let body = #"{"subject":"customer 4711","attributes":{"language":"de"},"role":"write"}"#
            let made = try await shop.send("POST", "/v1/sessions", body)
            #expect(made.status == 201 && made.header("Pantry-Consistency-Token") != nil)
            #expect(
                made.document?.object?.names == [
                    "id", "organizationId", "subject", "attributes", "role", "createdAt", "expiresAt", "token",
                ])
            let user = pantry.client(try made.text("token"))
            let shown = try await user.get("/v1/sessions/current")
            #expect(shown.status == 200 && shown["token"] == nil && shown["id"] == made["id"])
            #expect(shown["attributes"] == ["language": "de"] && shown["subject"] == "customer 4711")
            #expect(shown.header("Pantry-Served-By")?.hasPrefix("session-cache; lag=") == true)
            let stored = try await user.get("/v1/sessions/current?consistency=strong")
            #expect(stored.header("Pantry-Served-By") == "shard-0/primary")
            #expect(stored.response.body == shown.response.body)
            #expect(try await user.get("/v1/organization")["id"] == made["organizationId"])
            #expect(try await user.order(key: "k").status == 201)
            #expect(try await user.get("/v1/keys").status == 403)
            let ended = try await user.send("DELETE", "/v1/sessions/current")
            #expect(ended.status == 204 && ended.header("Pantry-Consistency-Token") != nil)
            for path in ["/v1/sessions/current", "/v1/stock"] { #expect(try await user.get(path).status == 401) }
            #expect(try await user.send("DELETE", "/v1/sessions/current").status == 401)
        }
    }

    @Test("nobody makes a session of more than their own role; nothing said is read")
    func roles() async throws {
        try await withPantry { pantry in
            let admin = try await pantry.shop()
            let writer = try await session(admin, "write", pantry)
            let reader = try await session(admin, "read", pantry)
            for role in ["read", "write"] {
                let made = try await writer.send("POST", "/v1/sessions", #"{"subject":"x","role":"\#(role)"}"#)
                #expect(made.status == 201 && made["role"]?.string == role)
                // One that a session makes ends with it.
                let maker = try await writer.get("/v1/sessions/current")
                #expect(made["expiresAt"] == maker["expiresAt"])
            }
            let above = try await writer.send("POST", "/v1/sessions", #"{"subject":"x","role":"admin"}"#)
            #expect(above.status == 403 && above.code == "forbidden")
            #expect(try await reader.send("POST", "/v1/sessions", #"{"subject":"x"}"#).status == 403)
            #expect(try await admin.send("POST", "/v1/sessions", #"{"subject":"x"}"#)["role"] == "read")
            #expect(try await reader.get("/v1/stock").status == 200)
            #expect(try await reader.order(key: "k").status == 403)
            #expect(try await pantry.asOperator.send("POST", "/v1/sessions", #"{"subject":"x"}"#).status == 403)
        }
    }

    /// Who had got hold of an admin's session could make a key with it, which had no end.
    @Test("a session makes no key and revokes none, of whatever role")
    func keysOutliveSessions() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let admin = try await session(shop, "admin", pantry)
            let keys = try await admin.get("/v1/keys")
            #expect(keys.status == 200)
            let id = try #require(keys.items.first?.object?["id"]?.string)
            #expect(try await admin.send("POST", "/v1/keys", #"{"role":"read"}"#).status == 403)
            #expect(try await admin.send("DELETE", "/v1/keys/\(id)").status == 403)
            #expect(try await shop.get("/v1/keys").items.count == keys.items.count)
        }
    }

    @Test("an API key has no session")
    func keys() async throws {
        try await withPantry { pantry in
            let admin = try await pantry.organization()
            for method in ["GET", "DELETE"] {
                let reply = try await admin.send(method, "/v1/sessions/current")
                #expect(reply.status == 404 && reply.code == "not-found")
                #expect(try reply.text("detail").contains("API key"))
            }
        }
    }

    @Test("all that is wrong with a session is said")
    func bodies() async throws {
        try await withPantry { pantry in
            let admin = try await pantry.organization()
            let long = String(repeating: "x", count: 256)
            let large = String(repeating: "x", count: 4_090)
            for (body, faults) in [
                ("{}", ["/subject required"]), (#"{"subject":""}"#, ["/subject too-short"]),
                (#"{"subject":"\#(long)"}"#, ["/subject too-long"]),
                (#"{"subject":"a\u0000"}"#, ["/subject control-character"]),
                (
                    #"{"subject":1,"role":"root","x":1}"#,
                    ["/x unknown-member", "/subject wrong-type", "/role invalid-value"]
                ),
                (#"{"subject":"x","attributes":[]}"#, ["/attributes wrong-type"]),
                (#"{"subject":"x","attributes":{"a":"\#(large)"}}"#, ["/attributes too-long"]),
                (#"{"subject":"x","expiresIn":60}"#, ["/expiresIn unknown-member"]),
            ] {
                let reply = try await admin.send("POST", "/v1/sessions", body)
                #expect(reply.status == 422 && reply.faults == faults, "\(reply.response.body)")
            }
            let fits = String(repeating: "x", count: 4_088)
            let most = #"{"subject":"\#(long.dropLast())","attributes":{"a":"\#(fits)"}}"#
            #expect(try await admin.send("POST", "/v1/sessions", most).status == 201)
        }
    }

    @Test("a repeat under a key hears the token again; it is no other session's, neither to make nor to end")
    func idempotency() async throws {
        try await withPantry { pantry in
            let admin = try await pantry.organization()
            let body = #"{"subject":"ann","role":"write"}"#
            let first = try await admin.send("POST", "/v1/sessions", body, key: "k")
            let again = try await admin.send("POST", "/v1/sessions", body, key: "k")
            #expect(again.isReplay && again.response.body == first.response.body)
            let (ann, bob) = (pantry.client(try first.text("token")), try await session(admin, "write", pantry))
            #expect(try await ann.send("POST", "/v1/sessions", body, key: "k").code == "idempotency-key-reused")
            #expect(try await ann.send("POST", "/v1/sessions", body, key: "own").status == 201)
            #expect(try await bob.send("POST", "/v1/sessions", body, key: "own").code == "idempotency-key-reused")
            #expect(try await ann.send("DELETE", "/v1/sessions/current", key: "end").status == 204)
            #expect(try await bob.send("DELETE", "/v1/sessions/current", key: "end").code == "idempotency-key-reused")
            #expect(try await bob.get("/v1/sessions/current").status == 200)
        }
    }

    @Test("another organization's session, or token, opens nothing")
    func tenants() async throws {
        try await withPantry { pantry in
            let (shop, other) = (try await pantry.shop(), try await pantry.organization())
            let stranger = try await session(other, "admin", pantry)
            #expect(try await stranger.get("/v1/products/APPLE-1").status == 404)
            #expect(try await stranger.get("/v1/stock").items.isEmpty)
            let own = try await shop.send("POST", "/v1/sessions", #"{"subject":"ann"}"#)
            let header = "Pantry-Consistency-Token: \(try #require(own.header("Pantry-Consistency-Token")))"
            #expect(try await stranger.get("/v1/sessions/current", headers: [header]).status == 400)
            let parts = try own.text("token").split(separator: ".")
            let foreign = try #require(stranger.credential).split(separator: ".")
            for forged in [
                "\(parts[0]).\(foreign[1]).\(parts[2])", "\(foreign[0]).\(foreign[1]).\(parts[2])",
            ] { #expect(try await pantry.client(forged).get("/v1/sessions/current").status == 401, "\(forged)") }
        }
    }
}
