import Determinism
import DeterminismTestKit
import HTTPTypes
import RateLimiting
import Testing

@testable import PantryHTTP

/// What a server says to those who ask for more than they may.
@Suite("Server: rate limits and room", .timeLimit(.minutes(1)))
struct RequestLimitTests {
    private let time = ManualTime()
    private let routes = [
        Route(.get, "/open", access: .open) { echo($0) },
        Route(.get, "/probe", access: .open) { echo($0) }.limited(as: .exempt),
        Route(.get, "/v1/orders/{id}", access: .organization(.read)) { echo($0) },
        Route(.post, "/v1/orders", access: .organization(.write)) { echo($0) }.limited(as: .newOrder),
        Route(.get, "/ops/topology", access: .operatorOnly) { echo($0) },
    ]

    private func limits(
        requests: Int64 = 5, orders: Int64 = 2, form: RateLimitFields.Form = .current
    ) throws -> RequestLimits {
        let time = time
        let store = try InMemoryRateLimitStore(time: time)
        let plan = RequestLimits.Plan(
            requests: try .fixedWindow("requests", quota: requests, per: .seconds(60), blocksFor: .seconds(30)),
            orders: try .fixedWindow("orders", quota: orders, per: .seconds(60)))
        return RequestLimits(
            plans: ["tight": plan],
            anonymous: try .fixedWindow("address", quota: 3, per: .seconds(10)), form: form,
            decide: { store.decision(for: $0, at: time.instant()) })
    }

    private let reader = "Authorization: Bearer reader"
    private let order = request(
        "POST", "/v1/orders", ["Authorization: Bearer writer", "Content-Type: application/json"], body: "{}")

    @Test func ordersHaveATighterLimitOfTheirOwn() async throws {
        try await withServer(routes, limits: try limits()) { server in
            let client = try server.client()
            let first = try await client.exchange(order)
            #expect(first.status == 200)
            #expect(first["RateLimit-Policy"] == #""orders";q=2;w=60, "requests";q=5;w=60"#)
            #expect(first["RateLimit"] == #""orders";r=1;t=60, "requests";r=4;t=60"#)
            _ = try await client.exchange(order)
            let refused = try await client.exchange(order)
            #expect(refused.status == 429 && refused.code == "rate-limited")
            #expect(refused["Retry-After"] == "60")
            #expect(
                refused.body.contains(#""error":"Too many requests""#) && refused.body.contains(#""retryAfter":60"#))
            #expect(refused["Content-Type"] == "application/problem+json")
            #expect(refused["RateLimit"] == #""orders";r=0;t=60, "requests";r=3;t=60"#)
            for _ in 0..<10 { #expect(try await client.exchange(order).status == 429) }
            let read = try await client.exchange(get("/v1/orders/1", reader))
            #expect(read.status == 200, "what is refused for one limit is not charged to the other")
            #expect(read["RateLimit"] == #""requests";r=2;t=60"#)
            time.advance(by: .seconds(60))
            #expect(try await client.exchange(order).status == 200)
        }
    }

    @Test func whoExceedsIsBlockedForAWhile() async throws {
        try await withServer(routes, limits: try limits()) { server in
            let client = try server.client()
            for _ in 0..<5 { #expect(try await client.exchange(get("/v1/orders/1", reader)).status == 200) }
            time.advance(by: .milliseconds(59_500))
            let blocked = try await client.exchange(get("/v1/orders/1", reader))
            #expect(blocked.status == 429 && blocked["Retry-After"] == "30", "\(blocked)")
            time.advance(by: .milliseconds(29_999))
            let still = try await client.exchange(get("/v1/orders/1", reader))
            #expect(still.status == 429 && still["Retry-After"] == "1", "rounded up, never earlier than it can succeed")
            time.advance(by: .milliseconds(1))
            #expect(try await client.exchange(get("/v1/orders/1", reader)).status == 200)
        }
    }

    @Test func operatorsAndProbesHaveNoLimit() async throws {
        try await withServer(routes, limits: try limits()) { server in
            let client = try server.client()
            for _ in 0..<30 {
                let answer = try await client.exchange(get("/ops/topology", "Authorization: Bearer operator"))
                #expect(answer.status == 200 && answer["RateLimit"] == nil)
                #expect(try await client.exchange(get("/probe")).status == 200)
            }
        }
    }

    @Test func whoShowsNoCredentialsIsCountedByAddress() async throws {
        try await withServer(
            routes, configure: { $0.trustedProxies = ["127.0.0.1"].compactMap { AddressRange($0) } },
            limits: try limits()
        ) { server in
            let client = try server.client()
            func from(_ address: String, _ path: String, _ header: String = "X: y") -> String {
                get(path, "X-Forwarded-For: \(address)", header)
            }
            for _ in 0..<2 { #expect(try await client.exchange(from("192.0.2.1", "/open")).status == 200) }
            let guess = "Authorization: Bearer guess"
            let wrong = try await client.exchange(from("192.0.2.1", "/v1/orders/1", guess))
            #expect(wrong.status == 401 && wrong["RateLimit"] == #""address";r=0;t=10"#)
            for path in ["/open", "/v1/orders/1"] {
                #expect(try await client.exchange(from("192.0.2.1", path, guess)).status == 429, "\(path)")
            }
            #expect(try await client.exchange(from("192.0.2.1", "/v1/orders/1", reader)).status == 200)
            #expect(try await client.exchange(from("192.0.2.2", "/open")).status == 200)
            // One who has an IPv6 address has all addresses of its network.
            for host in 1...3 {
                #expect(try await client.exchange(from("2001:db8:1:2::\(host)", "/open")).status == 200)
            }
            #expect(try await client.exchange(from("2001:db8:1:2:ffff::9", "/open")).status == 429)
            #expect(try await client.exchange(from("2001:db8:1:3::1", "/open")).status == 200)
        }
    }

    @Test(arguments: [
        (
            RateLimitFields.Form.draft7,
            ["RateLimit": "limit=2, remaining=1, reset=60", "RateLimit-Policy": "2;w=60, 5;w=60"],
            ["RateLimit-Limit"]
        ),
        (
            .draft6,
            [
                "RateLimit-Limit": "2", "RateLimit-Remaining": "1", "RateLimit-Reset": "60",
                "RateLimit-Policy": "2;w=60, 5;w=60",
            ], ["RateLimit"]
        ),
        (.none, [:], ["RateLimit", "RateLimit-Policy", "RateLimit-Limit"]),
    ])
    func earlierDraftsAreSpoken(form: RateLimitFields.Form, has: [String: String], lacks: [String]) async throws {
        try await withServer(routes, limits: try limits(form: form)) { server in
            let answer = try await server.client().exchange(order)
            for (name, value) in has { #expect(answer[name] == value) }
            for name in lacks { #expect(answer[name] == nil) }
        }
    }

    @Test func planWithoutLimitsSaysNothing() async throws {
        let none = RequestLimits(plans: [:], anonymous: nil, form: .current) { _ in
            Issue.record("nobody is to decide")
            fatalError("unreachable")
        }
        try await withServer(routes, limits: none) { server in
            let answer = try await server.client().exchange(order)
            #expect(answer.status == 200 && answer["RateLimit"] == nil)
        }
    }

    // MARK: room

    @Test func lastPlacesAreForWhatFinishes() throws {
        let room = InFlightLimit(10)
        for _ in 0..<8 { try room.enter(isFinishing: false) }
        #expect(throws: Problem.self) { try room.enter(isFinishing: false) }
        for _ in 0..<2 { try room.enter(isFinishing: true) }
        #expect(throws: Problem.self) { try room.enter(isFinishing: true) }
        #expect(room.current == 10 && room.refusals == 2)
        room.leave()
        #expect(throws: Problem.self) { try room.enter(isFinishing: false) }
        try room.enter(isFinishing: true)
        for _ in 0..<10 { room.leave() }
        #expect(room.current == 0)
        try room.enter(isFinishing: false)
    }

    @Test func whoeverLooksTakesNoRoom() throws {
        let room = InFlightLimit(10)
        for _ in 0..<20 { try room.look(isFinishing: false) }
        #expect(room.current == 0 && room.refusals == 0)
        for _ in 0..<8 { try room.enter(isFinishing: false) }
        #expect(throws: Problem.self) { try room.look(isFinishing: false) }
        try room.look(isFinishing: true)
        #expect(room.current == 8 && room.refusals == 1)
    }

    @Test func whatIsShedIsNotCharged() async throws {
        let room = InFlightLimit(5)
        try await withServer(routes, limits: try limits(), room: room) { server in
            let client = try server.client()
            for _ in 0..<4 { try room.enter(isFinishing: false) }
            for _ in 0..<10 {
                for text in [order, get("/v1/orders/1", reader), get("/open")] {
                    let shed = try await client.exchange(text)
                    #expect(shed.status == 503 && shed.code == "overloaded" && shed["RateLimit"] == nil)
                }
            }
            #expect(room.refusals == 30 && room.current == 4)
            room.leave()
            #expect(try await client.exchange(order)["RateLimit"] == #""orders";r=1;t=60, "requests";r=4;t=60"#)
            #expect(try await client.exchange(get("/open"))["RateLimit"] == #""address";r=2;t=10"#)
        }
    }

    @Test func whatIsOverItsLimitTakesNoRoom() async throws {
        let room = InFlightLimit(5)
        try await withServer(routes, limits: try limits(), room: room) { server in
            let client = try server.client()
            for _ in 0..<3 { try room.enter(isFinishing: false) }
            for _ in 0..<2 { #expect(try await client.exchange(order).status == 200) }
            for _ in 0..<10 { #expect(try await client.exchange(order).status == 429) }
            #expect(room.current == 3 && room.refusals == 0)
            let guess = get("/v1/orders/1", "Authorization: Bearer guess")
            try room.enter(isFinishing: false)
            #expect(try await client.exchange(guess).status == 401, "who guesses keys is told so, and charged")
            #expect(try await client.exchange(guess)["RateLimit"] == #""address";r=1;t=10"#)
        }
    }

    @Test func manyAtOnceNeverExceedTheRoom() async {
        let room = InFlightLimit(50)
        let most = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var most = 0
                    for round in 0..<20_000 {
                        guard (try? room.enter(isFinishing: (task + round) % 2 == 0)) != nil else { continue }
                        most = max(most, room.current)
                        if round % 64 == 0 { await Task.yield() }
                        room.leave()
                    }
                    return most
                }
            }
            return await group.reduce(0, max)
        }
        // A refused one is counted for a moment.
        #expect(most <= 50 + 8 && room.current == 0)
    }

    /// Handlers that wait at a gate: reads and new orders at one, a refund at the other.
    private func heldRoutes(_ flood: Gate, _ last: Gate) -> [Route] {
        [
            Route(.get, "/v1/orders/{id}", access: .organization(.read)) { call in
                await flood.pass()
                return echo(call)
            },
            Route(.post, "/v1/orders", access: .organization(.write)) { call in
                await flood.pass()
                return echo(call)
            }.limited(as: .newOrder),
            Route(.post, "/v1/orders/{id}/refunds", access: .organization(.write)) { call in
                await last.pass()
                return echo(call)
            }.finishing(),
            Route(.post, "/v1/orders/{id}/cancel", access: .organization(.write)) { echo($0) }.finishing(),
            Route(.post, "/hook", access: .open, bodyKinds: Route.anyBody) { echo($0) }
                .limited(as: .signed).finishing(),
            Route(.get, "/ops/topology", access: .operatorOnly) { echo($0) },
            Route(.get, "/probe", access: .open) { echo($0) }.limited(as: .exempt),
        ]
    }

    @Test("a flood leaves room for what finishes", arguments: ["reads", "new orders"])
    func floodLeavesRoomForWhatFinishes(of kind: String) async throws {
        let (gate, last) = (Gate(), Gate())
        let read = get("/v1/orders/1", reader)
        let flood = kind == "reads" ? read : order
        let refund = request("POST", "/v1/orders/1/refunds", ["Authorization: Bearer writer"])
        let finishing = [
            request("POST", "/v1/orders/1/cancel", ["Authorization: Bearer writer"]), request("POST", "/hook"),
            get("/ops/topology", "Authorization: Bearer operator"),
        ]
        try await withServer(heldRoutes(gate, last), room: InFlightLimit(5)) { server in
            try await withThrowingTaskGroup(of: Int.self) { group in
                // Also where something throws: nobody is to be left waiting.
                defer {
                    gate.open()
                    last.open()
                }
                for _ in 0..<4 { group.addTask { try await server.exchange(flood).status } }
                await eventually("the flood is being answered") { gate.waitingCount == 4 }
                for other in [read, order] {
                    let shed = try await server.exchange(other)
                    #expect(shed.status == 503 && shed.code == "overloaded" && shed["Retry-After"] == "1")
                }
                for one in finishing { #expect(try await server.exchange(one).status == 200, "\(one)") }
                group.addTask { try await server.exchange(refund).status }
                await eventually("the refund has the last place") { last.waitingCount == 1 }
                for one in finishing {
                    let shed = try await server.exchange(one)
                    #expect(shed.status == 503 && shed.code == "overloaded", "\(one)")
                }
                #expect(try await server.exchange(get("/probe")).status == 200)
                gate.open()
                last.open()
                for try await status in group { #expect(status == 200) }
            }
            #expect(try await server.exchange(order).status == 200, "there is room again")
        }
    }
}
