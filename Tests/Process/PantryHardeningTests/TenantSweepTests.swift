import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// Another organization's ids, keys and tokens, tried on every route.
struct TenantSweepTests {
    @Test func everyRouteOfTheSourcesIsSwept() throws {
        let served = try Self.routesOfTheSources()
        let swept = Set(Sweep.routes)
        #expect(served.subtracting(swept).sorted() == [], "served, but not swept")
        #expect(swept.subtracting(served).sorted() == [], "swept, but not served")
        #expect(served.count > 30)
    }

    /// The routes stand as literals in one target. Reading them there needs no server put together by hand.
    static func routesOfTheSources(file: String = #filePath) throws -> Set<String> {
        var root = URL(fileURLWithPath: file)
        while !FileManager.default.fileExists(atPath: root.path + "/Package.swift") { root.deleteLastPathComponent() }
        let folder = root.appendingPathComponent("Sources/Service/PantryHTTP")
        var routes: Set<String> = []
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) where name.hasSuffix(".swift") {
            let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
            for match in text.matches(of: /Route\(\s*\.([a-z]+),\s*"([^"]+)"/) {
                routes.insert("\(match.1.uppercased()) \(match.2)")
            }
        }
        return routes
    }

    @Test func nothingOfAnotherOrganizationIsReachable() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            let sweep = try await Sweep.prepare(grocery)
            let before = try await Stored.dump(installation)
            let seen = try await sweep.visible()
            for attempt in sweep.attempts {
                let outcome = await grocery.client.send(attempt.request)
                let request = "\(attempt.request.method) \(attempt.request.path)"
                #expect(outcome.status == attempt.status, "\(request): \(outcome)")
                if let code = attempt.code { #expect(outcome.answer?.code == code, "\(request): \(outcome)") }
                let text = String(decoding: outcome.answer?.body ?? [], as: UTF8.self)
                #expect(!text.contains(Sweep.secretName), "\(request) shows what is not its caller's: \(text)")
                if attempt.isEmptyList {
                    #expect(outcome.answer?["data"]?.array == [], "\(request): \(outcome)")
                }
            }
            #expect(Set(sweep.attempts.map(\.route)) == Set(Sweep.routes), "a route without an attempt")
            #expect(try await Stored.dump(installation) == before)
            #expect(try await sweep.visible() == seen)
            try await installation.expectVerified()
        }
    }

    @Test func wrongCredentialsOpenNoRoute() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            let sweep = try await Sweep.prepare(grocery)
            let key = grocery.owner.apiKey
            let revoked = try await sweep.revokedKey()
            let before = try await Stored.dump(installation)
            let wrong: [String?] = [
                nil, "x", String(key.dropLast()), key + "x", String(key.prefix { $0 != "." }),
                key.replacingOccurrences(of: ".", with: ".."), "\(key.prefix { $0 != "." }).", revoked,
                // The id of one key with the secret of another.
                "\(key.prefix { $0 != "." }).\(grocery.stranger.apiKey.split(separator: ".")[1])",
                String(installation.operatorToken.dropLast()), installation.operatorToken + "x",
                String(repeating: "a", count: 9_000),
            ]
            for (route, request) in sweep.ownRequests where !Sweep.openRoutes.contains(route) {
                for credential in wrong {
                    var request = request
                    request.credential = credential
                    let outcome = await grocery.client.send(request)
                    let shown = credential.map { "\($0.prefix(12))…" } ?? "no credentials"
                    #expect(outcome.status == 401, "\(route) with \(shown): \(outcome)")
                    #expect(outcome.answer?.code == "unauthorized")
                    #expect(outcome.answer?.header("WWW-Authenticate") == "Bearer")
                }
            }
            #expect(try await Stored.dump(installation) == before)
        }
    }

    @Test func rolesAndTheOperatorKeepToTheirRoutes() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            let sweep = try await Sweep.prepare(grocery)
            let keys = try await sweep.keysByRole()
            let before = try await Stored.dump(installation)
            for (route, request) in sweep.ownRequests where !Sweep.openRoutes.contains(route) {
                let needed = Sweep.role(of: route)
                for (role, key) in keys.sorted(by: { $0.key < $1.key }) {
                    // What a role may do is asked with GET only: the rest would change something.
                    let isAllowed = Sweep.ranks[role]! >= Sweep.ranks[needed]! && needed != "operator"
                    guard !isAllowed || request.method == "GET" else { continue }
                    var request = request
                    request.credential = key
                    let outcome = await grocery.client.send(request)
                    let right = isAllowed ? Sweep.status(of: route) : 403
                    #expect(outcome.status == right, "\(route) as \(role): \(outcome)")
                    if !isAllowed { #expect(outcome.answer?.code == "forbidden") }
                }
                var asOperator = request
                asOperator.credential = installation.operatorToken
                guard needed != "operator" else { continue }
                let outcome = await grocery.client.send(asOperator)
                #expect(outcome.status == 403, "\(route) as the operator: \(outcome)")
            }
            #expect(try await Stored.dump(installation) == before)
        }
    }

    /// The same key of two organizations, and of two routes of one, names different requests.
    @Test func idempotencyKeysDoNotMeet() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            _ = try await Sweep.prepare(grocery)
            let (owner, stranger) = (grocery.owner, grocery.stranger)
            let first = try await grocery.order("both", as: owner, key: "the-same")
            let second = try await grocery.order("both", as: stranger, key: "the-same")
            #expect(first != second)
            for (tenant, own, foreign) in [(owner, first, second), (stranger, second, first)] {
                let again = await grocery.send("POST", "/v1/orders", Grocery.order("both"), as: tenant, key: "the-same")
                #expect(again.answer?["id"]?.string == own)
                #expect(again.answer?.header("Idempotent-Replayed") == "true")
                #expect(await grocery.send("GET", "/v1/orders/\(foreign)", as: tenant).status == 404)
            }
            let other = await grocery.send(
                "POST", "/v1/orders", Grocery.order("both", 2), as: stranger, key: "the-same")
            #expect(other.status == 422 && other.answer?.code == "idempotency-key-reused", "\(other)")
            let key: JSONValue = ["role": "read"]
            let made = await grocery.send("POST", "/v1/keys", key, as: owner, key: "one-key")
            let madeToo = await grocery.send("POST", "/v1/keys", key, as: stranger, key: "one-key")
            #expect(made.status == 201 && madeToo.status == 201)
            #expect(made.answer?["apiKey"] != madeToo.answer?["apiKey"])
            try await installation.expectVerified()
        }
    }
}
