import PantryTestKit
import StrictJSON

/// A small world in which everything is right: five orders of one organization, in the states that matter. Tests break
/// one thing in it and expect the checker to say so.
struct World {
    static let organization = "org_a"
    var exchanges: [Exchange] = []
    var evidence = Evidence()
    var catalog = Catalog([Catalog.Item("TEA", price: 100, stocked: 10)])

    var violations: [String] { InvariantChecker.violations(exchanges, evidence, catalog) }

    init() {
        order("ord_1", key: "k1", units: 1, status: "confirmed", payment: "captured", answered: 201)
        order(
            "ord_2", key: "k2", units: 2, status: "fulfilled", payment: "partiallyRefunded", answered: 201, refunded: 50
        )
        order("ord_3", key: "k3", units: 3, status: "canceled", payment: "refunded", answered: 201, refunded: 300)
        order("ord_4", key: "k4", units: 4, status: "failed", payment: "failed", answered: 402)
        order("ord_5", key: "k5", units: 1, status: "pending", payment: "queued", answered: 202)
        note(
            "/v1/orders/ord_2/fulfill", key: "f2", status: 200,
            json: Self.json("ord_2", "k2", 2, "fulfilled", "captured"))
        note(
            "/v1/orders/ord_2/refunds", key: "r2",
            body: ["amount": 50, "reason": "bruised"], status: 201,
            json: Self.json("ord_2", "k2", 2, "fulfilled", "partiallyRefunded", refunded: 50))
        note(
            "/v1/orders/ord_3/cancel", key: "c3", status: 200,
            json: Self.json("ord_3", "k3", 3, "canceled", "refunded", refunded: 300))
        evidence.stock = [
            Evidence.Stock(
                organization: Self.organization, sku: "TEA", onHand: 8, reserved: 2, available: 6,
                movements: [
                    Evidence.Stock.Movement(10, reference: nil), Evidence.Stock.Movement(-2, reference: "ord_2"),
                ])
        ]
        charge("ord_1", 100)
        charge("ord_2", 200, refunded: 50)
        charge("ord_3", 300, refunded: 300)
        operation("ord_4/charge", "ord_4", "charge", 400, "declined", entry: 0)
    }

    /// An order's JSON.
    static func json(
        _ id: String, _ key: String, _ units: Int64, _ status: String, _ payment: String, refunded: Int64 = 0
    ) -> JSONValue {
        [
            "id": .string(id), "organizationId": .string(organization), "status": .string(status),
            "total": ["amount": .integer(units * 100), "currency": "USD"],
            "items": [
                [
                    "sku": "TEA", "quantity": .integer(units), "unitPrice": ["amount": 100, "currency": "USD"],
                    "amount": ["amount": .integer(units * 100), "currency": "USD"],
                ]
            ],
            "payment": [
                "id": "pay_1", "status": .string(payment),
                "refunded": ["amount": .integer(refunded), "currency": "USD"],
            ], "metadata": ["key": .string(key)],
        ]
    }

    /// An order that was asked for, answered, and is there.
    mutating func order(
        _ id: String, key: String, units: Int64, status: String, payment: String, answered: Int, refunded: Int64 = 0
    ) {
        let now = Self.json(id, key, units, status, payment, refunded: refunded)
        evidence.orders.append(Evidence.Order(organization: Self.organization, json: now))
        evidence.read[id] = .answered(PantryAnswer(status: 200, json: now))
        let body = TenantSession.orderBody([(sku: "TEA", quantity: units)], method: "pm_ok", key: key)
        let answer: JSONValue =
            switch answered {
            case 201: Self.json(id, key, units, "confirmed", "captured")
            case 202: Self.json(id, key, units, "pending", "queued")
            default: ["code": "payment-declined", "status": .integer(Int64(answered))]
            }
        note("/v1/orders", key: key, body: body, status: answered, json: answer)
    }

    /// A request with its answer.
    mutating func note(_ path: String, key: String, body: JSONValue? = nil, status: Int, json: JSONValue) {
        exchanges.append(
            Exchange(
                number: exchanges.count, organization: Self.organization, method: "POST", path: path,
                idempotencyKey: key, body: body, outcome: .answered(PantryAnswer(status: status, json: json))))
    }

    /// A line in the provider's books, with its operation.
    mutating func operation(
        _ key: String, _ reference: String, _ kind: String, _ amount: Int64, _ status: String, entry: Int64
    ) {
        evidence.books.operations.append(
            ProviderBooks.Operation(key: key, kind: kind, reference: reference, amount: amount, status: status))
        evidence.books.entries.append(ProviderBooks.Entry(key: key, kind: status, amount: entry))
    }

    mutating func charge(_ order: String, _ amount: Int64, refunded: Int64 = 0) {
        operation("\(order)/charge", order, "charge", amount, "captured", entry: amount)
        if refunded > 0 { operation("\(order)/refund", order, "refund", refunded, "refunded", entry: refunded) }
    }

    /// Changes the JSON of a listed order, and what reading it gives.
    mutating func change(_ id: String, _ json: JSONValue) {
        evidence.orders = evidence.orders.map { order in
            order.id == id ? Evidence.Order(organization: order.organization, json: json) : order
        }
        evidence.read[id] = .answered(PantryAnswer(status: 200, json: json))
    }
}
