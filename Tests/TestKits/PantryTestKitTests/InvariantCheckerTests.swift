import PantryTestKit
import StrictJSON
import Testing

/// A checker that finds nothing proves nothing until it is shown to find what is there.
@Suite("Invariant checker")
struct InvariantCheckerTests {
    struct Planted: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let expected: String
        let plant: @Sendable (inout World) -> Void
        init(_ name: String, finds expected: String, _ plant: @escaping @Sendable (inout World) -> Void) {
            (testDescription, self.expected, self.plant) = (name, expected, plant)
        }
    }

    @Test func aSoundWorldHasNoViolations() {
        #expect(World().violations == [])
    }

    @Test(arguments: acknowledgements + repetitions + stock + ledger)
    func plantedViolationsAreFound(planted: Planted) {
        var world = World()
        planted.plant(&world)
        #expect(world.violations.contains { $0.contains(planted.expected) }, "found only \(world.violations)")
    }

    @Test func repeatsWithTheSameAnswerAreFine() {
        var world = World()
        for exchange in world.exchanges {
            world.exchanges.append(
                Exchange(
                    number: world.exchanges.count, organization: exchange.organization, method: "POST",
                    path: exchange.path, idempotencyKey: exchange.idempotencyKey, body: exchange.body,
                    outcome: exchange.outcome))
        }
        #expect(world.violations == [])
    }

    static let acknowledgements: [Planted] = [
        Planted("a lost order", finds: "ord_1 was acknowledged with 201 and is in no list") { world in
            world.evidence.orders.removeAll { $0.id == "ord_1" }
        },
        Planted("an order that cannot be read", finds: "and reading it gives 404") { world in
            world.evidence.read["ord_1"] = .answered(PantryAnswer(status: 404, json: ["code": "not-found"]))
        },
        Planted("an order without an answer to a read", finds: "and reading it gives no answer") { world in
            world.evidence.read["ord_1"] = .noAnswer("connection reset")
        },
        Planted("other lines than acknowledged", finds: "with other lines or another total") { world in
            world.change("ord_1", World.json("ord_1", "k1", 2, "confirmed", "captured"))
        },
        Planted("other lines than asked for", finds: "has units [\"TEA\": 2] instead of [\"TEA\": 1]") { world in
            world.exchanges[0].outcome = .answered(
                PantryAnswer(status: 201, json: World.json("ord_1", "k1", 2, "confirmed", "captured")))
        },
        Planted("a confirmed order that is pending again", finds: "acknowledged as confirmed and is pending now") {
            world in world.change("ord_1", World.json("ord_1", "k1", 1, "pending", "queued"))
        },
        Planted("a cancel that was forgotten", finds: "acknowledged as canceled and is confirmed now") { world in
            world.change("ord_3", World.json("ord_3", "k3", 3, "confirmed", "captured"))
        },
        Planted("a 201 for an order that is not confirmed", finds: "answered as pending instead of confirmed") {
            world in
            world.exchanges[0].outcome = .answered(
                PantryAnswer(status: 201, json: World.json("ord_1", "k1", 1, "pending", "processing")))
        },
        Planted("a cancel that nobody asked for", finds: "ord_1 is canceled, and nobody asked for that") { world in
            world.change("ord_1", World.json("ord_1", "k1", 1, "canceled", "refunded"))
        },
        Planted("a refund that was forgotten", finds: "has 0 refunded; refunds of 50 were acknowledged") { world in
            world.change("ord_2", World.json("ord_2", "k2", 2, "fulfilled", "captured"))
        },
        Planted("a refund made twice", finds: "has 100 refunded; refunds of 50 were acknowledged") { world in
            world.change("ord_2", World.json("ord_2", "k2", 2, "fulfilled", "partiallyRefunded", refunded: 100))
        },
        Planted("an order in another organization's list", finds: "is in the list of org_b instead of org_a") { world in
            let order = world.evidence.orders.removeFirst()
            world.evidence.orders.append(Evidence.Order(organization: "org_b", json: order.json))
        },
        Planted("an internal error", finds: "got 500") { world in
            world.note("/v1/orders/ord_1/cancel", key: "c1", status: 500, json: ["code": "internal"])
        },
        Planted("a 404 for an acknowledged order", finds: "got 404 for an order that was acknowledged") { world in
            world.note("/v1/orders/ord_1/cancel", key: "c1", status: 404, json: ["code": "not-found"])
        },
    ]

    static let repetitions: [Planted] = [
        Planted("one key, two orders acknowledged", finds: "k1 was answered with different orders") { world in
            world.order("ord_6", key: "k1", units: 1, status: "confirmed", payment: "captured", answered: 201)
        },
        Planted("one key, two orders, one of them never acknowledged", finds: "key org_a k1 made 2 orders") { world in
            world.order("ord_6", key: "k1", units: 1, status: "confirmed", payment: "captured", answered: 201)
            world.exchanges.removeLast()
        },
        Planted("one key, two charges", finds: "key org_a k1 was charged 2 times") { world in
            world.order("ord_6", key: "k1", units: 1, status: "failed", payment: "refunded", answered: 402)
            world.exchanges.removeLast()
            world.charge("ord_6", 100, refunded: 100)
        },
        Planted("a key that was never answered", finds: "k1 was never answered") { world in
            world.exchanges[0].outcome = .noAnswer("connection reset")
        },
        Planted("a key that won and lost", finds: "was answered with [201, 409], which exclude each other") { world in
            world.note("/v1/orders", key: "k1", status: 409, json: ["code": "out-of-stock"])
        },
        Planted("an order out of nowhere", finds: "carries the key k1, which nobody sent") { world in
            world.exchanges.removeFirst()
        },
    ]

    static let stock: [Planted] = [
        Planted("more units sold than stocked", finds: "orders over 4 units, and only 2 were stocked") { world in
            world.catalog.items[0].stocked = 2
        },
        Planted("a ledger that does not add up", finds: "the ledger's sum is 9, and 8 are on hand") { world in
            world.evidence.stock[0].movements.append(Evidence.Stock.Movement(1, reference: "ord_1"))
        },
        Planted("units out of nowhere", finds: "10 were stocked, and the ledger says 11 beside its orders") { world in
            world.evidence.stock[0].movements.append(Evidence.Stock.Movement(1, reference: nil))
            world.evidence.stock[0].movements.append(Evidence.Stock.Movement(-1, reference: "ord_1"))
        },
        Planted("stock that a standing order did not take", finds: "9 on hand, with 10 stocked and 2 fulfilled") {
            world in
            world.evidence.stock[0].onHand = 9
        },
        Planted("a reservation that stayed behind", finds: "3 reserved, with orders over 2 confirmed or pending") {
            world in
            world.evidence.stock[0].reserved = 3
        },
        Planted("availability that does not follow", finds: "5 available, with 8 on hand and 2 reserved") { world in
            world.evidence.stock[0].available = 5
        },
        Planted("more reserved than there is", finds: "9 reserved of 8 on hand") { world in
            world.evidence.stock[0].reserved = 9
        },
    ]

    static let ledger: [Planted] = [
        Planted("an order captured twice", finds: "captured 2 times") { world in
            world.evidence.books.entries.append(
                ProviderBooks.Entry(key: "ord_1/charge", number: 2, kind: "captured", amount: 100))
        },
        Planted("a second charge under another key", finds: "captured 2 times") { world in
            world.operation("ord_1/again", "ord_1", "charge", 100, "captured", entry: 100)
        },
        Planted("a capture kept without its order", finds: "captured 400 less refunded 0 is not its value of 0") {
            world in
            world.operation("ord_4/again", "ord_4", "charge", 400, "captured", entry: 400)
        },
        Planted("a confirmed order without a capture", finds: "and the provider knows nothing of it") { world in
            world.evidence.books.operations.removeAll { $0.reference == "ord_1" }
            world.evidence.books.entries.removeAll { $0.key == "ord_1/charge" }
        },
        Planted("a confirmed order with a declined charge", finds: "captured 0 less refunded 0 is not its value of 100")
        {
            world in
            world.evidence.books.entries.removeAll { $0.key == "ord_1/charge" }
        },
        Planted("a charge of the wrong amount", finds: "captured 90 of a total of 100") { world in
            world.evidence.books.entries[0].amount = 90
        },
        Planted("a refund that the provider never made", finds: "the order says 50 were refunded, the provider 0") {
            world in
            world.evidence.books.operations.removeAll { $0.key == "ord_2/refund" }
            world.evidence.books.entries.removeAll { $0.key == "ord_2/refund" }
        },
        Planted("money for an order that does not exist", finds: "for ord_9, which is no order") { world in
            world.charge("ord_9", 100)
        },
        Planted("an authorization that stayed behind", finds: "an authorization is still held") { world in
            world.operation("ord_4/hold", "ord_4", "authorization", 400, "authorized", entry: 400)
        },
        Planted("a charge in another currency", finds: "paid in [\"EUR\"] instead of USD") { world in
            world.evidence.books.operations[0].currency = "EUR"
        },
        Planted("a line without its operation", finds: "ord_8/charge, which is no operation") { world in
            world.evidence.books.entries.append(ProviderBooks.Entry(key: "ord_8/charge", kind: "captured", amount: 1))
        },
    ]
}
