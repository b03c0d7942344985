import Determinism
import PantryTestKit
import StrictJSON
import Testing

@Suite("History and load")
struct HistoryTests {
    @Test(arguments: [
        ("POST", "/v1/orders", Exchange.Kind.order), ("GET", "/v1/orders", .other),
        ("POST", "/v1/orders/ord_1/cancel", .cancel("ord_1")), ("POST", "/v1/orders/ord_1/fulfill", .fulfill("ord_1")),
        ("POST", "/v1/orders/ord_1/refunds", .refund("ord_1")), ("POST", "/v1/orders/calculate", .other),
        ("POST", "/v1/products", .other),
    ])
    func requestsAreToldApart(method: String, path: String, kind: Exchange.Kind) {
        #expect(Exchange(number: 0, organization: "org_a", method: method, path: path).kind == kind)
    }

    @Test func aHistoryHoldsRequestsBeforeTheirAnswers() {
        let history = History()
        let now = Instant(nanoseconds: 5)
        let number = history.begin(
            organization: "org_a", method: "POST", path: "/v1/orders", idempotencyKey: "k", body: nil, at: now)
        #expect(history.count == 1 && history.answers == 0 && history.all[0].outcome == nil)
        history.end(number, .noAnswer("reset"), at: now)
        #expect(history.answers == 0 && history.all[0].endedAt == now)
        history.end(number, .answered(PantryAnswer(status: 201, json: [:])), at: now)
        #expect(history.answers == 1)
    }

    @Test func weightsDecide() {
        let choice = Weighted<String>([("often", 9), ("never", 0), ("rarely", 1)])
        let random = SeededRandom(seed: 1)
        let drawn = (0..<2_000).map { _ in choice.draw(random) }
        #expect(!drawn.contains("never"))
        #expect((1_700..<1_900).contains(drawn.count { $0 == "often" }))
    }

    @Test func everySessionRequestIsInTheHistory() async {
        let history = History()
        let session = TenantSession(Tenant(id: "org_a", apiKey: "key"), PantryClient(port: 1), history)
        await session.order([(sku: "TEA", quantity: 2)], key: "k1")
        await session.cancel("ord_1", key: "k2")
        await session.refund("ord_1", amount: 5, key: "k3")
        #expect(history.all.map(\.kind) == [.order, .cancel("ord_1"), .refund("ord_1")])
        #expect(history.all.map(\.idempotencyKey) == ["k1", "k2", "k3"])
        #expect(history.all.allSatisfy { $0.answer == nil && $0.outcome != nil && $0.endedAt != nil })
        #expect(history.all[0].body?.object?["metadata"] == ["key": "k1"])
    }

    @Test func aLoadStopsWhenNobodyAnswers() async {
        let history = History()
        let session = TenantSession(Tenant(id: "org_a", apiKey: "key"), PantryClient(port: 1), history)
        var plan = LoadPlan(name: "load", seed: 7)
        plan.clients = 3
        await LoadDriver(plan, catalog: Catalog(count: 2, stocked: 5), sessions: [session]).run()
        #expect(history.count == 3)
        #expect(Set(history.all.map(\.idempotencyKey)).count == 3)
    }

    @Test func catalogsNumberTheirProducts() {
        let catalog = Catalog(count: 3, stocked: 5)
        #expect(catalog.items.map(\.sku) == ["SKU-0001", "SKU-0002", "SKU-0003"])
        #expect(Set(catalog.items.map(\.price)).count == 3)
    }

    @Test func pathsAreEncoded() {
        #expect(PantryClient.percentEncoded("a-Z_0.~/+ é") == "a-Z_0.~%2F%2B%20%C3%A9")
    }
}
