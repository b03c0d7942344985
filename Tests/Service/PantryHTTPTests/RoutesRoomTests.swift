import Determinism
import DeterminismTestKit
import HTTPTypes
import RateLimiting
import Testing

@testable import PantryHTTP

/// Which of the real routes are answered by a server that has much to do.
@Suite("Routes: limits and room", .timeLimit(.minutes(1)))
struct RoutesRoomTests {
    private static let probes = ["/livez", "/readyz", "/metrics"]

    /// A Pantry that publishes metrics, with these limits and this room.
    private func withBusyPantry(
        limits: RequestLimits? = nil, room: InFlightLimit, _ body: @Sendable (TestPantry) async throws -> Void
    ) async throws {
        try await withPantry { pantry in
            var services = pantry.services
            services.metrics = { _ in ("pantry_ready 1\n", "text/plain") }
            try await withServer(
                PantryRoutes.all(services, state: pantry.routesState),
                authenticator: PantryAuthenticator(
                    organizations: services.organizations, sessions: services.sessions,
                    operatorToken: TestPantry.operatorToken),
                limits: limits, room: room
            ) { harness in
                var busy = pantry
                busy.harness = harness
                try await body(busy)
            }
        }
    }

    @Test func probesAndMetricsAreNeverLimited() async throws {
        let time = ManualTime()
        let store = try InMemoryRateLimitStore(time: time)
        let limits = RequestLimits(
            plans: [:], anonymous: try .fixedWindow("address", quota: 1, per: .seconds(10)), form: .current,
            decide: { store.decision(for: $0, at: time.instant()) })
        try await withBusyPantry(limits: limits, room: InFlightLimit(10)) { pantry in
            let anybody = pantry.client(nil)
            func probe() async throws {
                for path in Self.probes {
                    for _ in 0..<10 {
                        let answer = try await anybody.get(path)
                        #expect(answer.status == 200 && answer.header("RateLimit") == nil, "\(path)")
                    }
                }
            }
            try await probe()
            #expect(try await anybody.get("/openapi.json").status == 200, "the probes have used up nothing")
            #expect(try await anybody.get("/openapi.json").status == 429)
            try await probe()
            #expect(try await anybody.get("/openapi.json").status == 429)
        }
    }

    @Test func probesAndMetricsAreAnsweredWhereThereIsNoRoom() async throws {
        let room = InFlightLimit(5)
        try await withBusyPantry(room: room) { pantry in
            for _ in 0..<5 { try room.enter(isFinishing: true) }
            for path in Self.probes + ["/health"] {
                #expect(try await pantry.client(nil).get(path).status == 200, "\(path)")
            }
            let shed = try await pantry.client(nil).get("/openapi.json")
            #expect(shed.status == 503 && shed.code == "overloaded")
            let decision = try await pantry.asOperator.get("/ops/breakers")
            #expect(decision.status == 503 && decision.code == "overloaded", "the room is the operator's, too")
        }
    }

    @Test func lastPlacesAreForCancelsAndProviders() async throws {
        let room = InFlightLimit(10)
        try await withBusyPantry(room: room) { pantry in
            let shop = try await pantry.shop()
            let order = try await shop.order(key: "first").text("id")
            let place = "/v1/orders/\(order)"
            for _ in 0..<8 { try room.enter(isFinishing: false) }
            for path in [place, "/v1/orders", "/v1/stock", "/v1/products/APPLE-1"] {
                let shed = try await shop.get(path)
                #expect(shed.status == 503 && shed.code == "overloaded", "\(path)")
            }
            #expect(try await shop.order(key: "second").code == "overloaded")
            let counted = try await shop.send("PUT", "/v1/stock/APPLE-1", #"{"onHand":20}"#, key: "count")
            #expect(counted.code == "overloaded")
            #expect(try await shop.send("POST", "\(place)/cancel").status == 200)
            // It came as far as its handler, which knows no such provider.
            let heard = try await pantry.client(nil).send("POST", "/v1/providers/none/webhook", "{}")
            #expect(heard.status == 404 && heard.response.body.contains("no such payment provider"))
            #expect(try await pantry.asOperator.get("/ops/breakers").status == 200)
        }
    }

    @Test func routesThatFinishAreTheseAndTheOperators() async throws {
        try await withPantry { pantry in
            let routes = PantryRoutes.all(pantry.services, state: pantry.routesState)
            let finishing = routes.filter { $0.isFinishing && $0.access != .operatorOnly }
            #expect(
                Set(finishing.map { "\($0.method.rawValue) \($0.pattern)" }) == [
                    "POST /v1/orders/{id}/cancel", "POST /v1/orders/{id}/fulfill", "POST /v1/orders/{id}/refunds",
                    "POST /v1/providers/{name}/webhook", "DELETE /v1/keys/{id}", "DELETE /v1/sessions/current",
                ])
            #expect(routes.allSatisfy { $0.access != .operatorOnly || $0.isFinishing })
        }
    }
}
