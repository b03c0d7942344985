import Testing

@testable import PantryReplay

@Suite("The demo's plan")
struct DemoPlanTests {
    private static let baskets = (0..<30).map { number in
        Basket(id: "\(number)", store: "\(number % 7)", items: [.init(sku: "A", quantity: 1)], line: number + 2)
    }

    private func orders(_ count: Int, seed: UInt64 = 1, organizations: Int = 3) -> [DemoOrder] {
        var source = DemoOrders(
            DemoPlan(seed: seed), baskets: Self.baskets, organizations: organizations, count: count)
        var orders: [DemoOrder] = []
        while let order = source.next() { orders.append(order) }
        return orders
    }

    @Test func ofEachHundredEveryPartHasItsShare() {
        for seed in UInt64(0)..<20 {
            let parts = DemoPlan(seed: seed).block(3)
            #expect(parts.count == 100)
            for (part, count) in DemoPlan.share { #expect(parts.count { $0 == part } == count) }
        }
    }

    @Test func theSameSeedMakesTheSamePlanAndAnotherAnother() {
        #expect(DemoPlan(seed: 5).block(0) == DemoPlan(seed: 5).block(0))
        #expect(DemoPlan(seed: 5).block(0) != DemoPlan(seed: 6).block(0))
        #expect(DemoPlan(seed: 5).block(0) != DemoPlan(seed: 5).block(1))
    }

    @Test func everyOrderHasAKeyOfItsOwn() {
        let all = orders(250)
        #expect(all.count == 250)
        #expect(Set(all.map(\.draft.key)).count == 250)
        #expect(all.allSatisfy { OrderDraft.isKey($0.draft.key) })
        #expect(all[31].draft.basket == Self.baskets[1])
    }

    @Test(arguments: [1, 2, 3, 7, 20])
    func aStoreBelongsToOneOrganization(count: Int) {
        let places = DemoOrders.dealt(Self.baskets, among: count)
        for store in Set(Self.baskets.compactMap(\.store)) {
            let own = zip(Self.baskets, places).filter { $0.0.store == store }.map(\.1)
            #expect(Set(own).count == 1)
        }
        #expect(Set(places).count == min(count, 7))
        #expect(places.allSatisfy { (0..<count).contains($0) })
    }
}
