import Determinism
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

extension DomainConformance {
    static let orders: [Behavior<Shop>] =
        [
            Behavior("an order of each kind ends as it should, in every table") { shop in
                for sku in ["a", "b"] { try await shop.product(sku, stock: 30) }
                for (method, kind) in [
                    ("pm_ok", .created), ("pm_declined", .paymentDeclined), ("pm_lost", .created),
                    ("pm_flaky", .created),
                ] as [(String, AnswerKind)] {
                    let heard = try await shop.place(
                        [("b", 1), ("a", 2), ("b", 2)], method, method: method, metadata: #"{"note":"it's 5% \u0000"}"#)
                    #expect(heard.kind == kind, "\(method): \(heard)")
                }
                #expect(try await shop.place([("a", 1)], "pm_slow", method: "pm_slow").order != nil)
                try await shop.world.pass(.seconds(60))
                let states = try await shop.world.rows(
                    "SELECT o.status, p.status, p.captured, p.failure_code, o.reason FROM orders o"
                        + " JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id"
                        + " ORDER BY o.idempotency_scope"
                )
                #expect(
                    states.map(\.values) == [
                        ["failed", "failed", 0, "card-declined", "payment-declined"],
                        ["confirmed", "captured", 1250, nil, nil], ["confirmed", "captured", 1250, nil, nil],
                        ["confirmed", "captured", 1250, nil, nil],
                        ["confirmed", "captured", 250, nil, nil],
                    ])
                #expect(try await shop.stock("a").available == 23)
                #expect(try await shop.stock("b").available == 21)
                let orders = try await shop.world.rows(
                    "SELECT DISTINCT idempotency_scope, metadata FROM orders WHERE total > 250")
                #expect(orders.count == 4)
                #expect(try orders.allSatisfy { try $0.text(1) == #"{"note":"it's 5% \u0000"}"# })
            },
            Behavior("a key answers its first request again, on every server, and no other") { shop in
                try await shop.product("a", stock: 30)
                // Bytes count: these are one text to people, two to clients.
                let names = ["k", "K", "k ", "é", "e\u{301}", "it's", "50%", "5__", "\\", "😀"]
                var orders: [OrderID] = []
                for name in names {
                    orders.append(try #require(try await shop.place([("a", 1)], name).order, "\(name)"))
                }
                #expect(Set(orders).count == names.count)
                for (name, order) in zip(names, orders) {
                    let again = try await shop.place([("a", 1)], name, on: shop.world.second)
                    guard case .answer(.created, _, isReplay: true) = again else {
                        Issue.record("\(name): \(again)")
                        continue
                    }
                    #expect(again.order == order)
                }
                #expect(try await shop.world.number("SELECT COUNT(*) FROM orders") == Int64(names.count))
                let (context, key) = (try await shop.context(), shop.key("k", fingerprint: "other"))
                let heard = try await shop.world.drive { [first = shop.world.first] in
                    await Heard.of { () async throws(Refusal) in
                        try await first.orders.place(
                            OrderRequest(items: [("a", 2)], method: "pm_ok", onUnavailable: .queue, metadata: nil),
                            key: key,
                            in: context)
                    }
                }
                #expect(heard == .refused(.keyReused))
            },
            Behavior("a key that comes to both servers at once is one order") { shop in
                try await shop.product("a", stock: 30)
                let contexts = [
                    try await shop.context(on: shop.world.first), try await shop.context(on: shop.world.second),
                ]
                let heard = try await shop.world.drive {
                    await withTaskGroup(of: Heard.self) { group in
                        for index in 0..<24 {
                            let server = index % 2 == 0 ? shop.world.first : shop.world.second
                            group.addTask {
                                await Heard.of { () async throws(Refusal) in
                                    try await server.orders.place(
                                        OrderRequest(
                                            items: [("a", 1)], method: "pm_ok", onUnavailable: .queue, metadata: nil),
                                        key: shop.key("key \(index % 4)"), in: contexts[index % 2])
                                }
                            }
                        }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                }
                #expect(Set(heard.map(\.order)).count == 4 && heard.allSatisfy { $0.order != nil }, "\(heard)")
                #expect(try await shop.stock("a").available == 26)
            },
            Behavior("the last units are sold once, to whatever server's buyers") { shop in
                for sku in ["a", "b"] { try await shop.product(sku, stock: 5) }
                let contexts = [
                    try await shop.context(on: shop.world.first), try await shop.context(on: shop.world.second),
                ]
                let kinds = try await shop.world.drive {
                    await withTaskGroup(of: AnswerKind?.self) { group in
                        for index in 0..<40 {
                            let server = index % 2 == 0 ? shop.world.first : shop.world.second
                            let items: [(sku: String, quantity: Int64)] =
                                index % 4 < 2 ? [("a", 1), ("b", 1)] : [("b", 1), ("a", 1)]
                            group.addTask {
                                await Heard.of { () async throws(Refusal) in
                                    try await server.orders.place(
                                        OrderRequest(
                                            items: items, method: "pm_ok", onUnavailable: .queue, metadata: nil),
                                        key: shop.key("buyer \(index)"), in: contexts[index % 2])
                                }.kind
                            }
                        }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                }
                #expect(kinds.count { $0 == .created } == 5 && kinds.count { $0 == .outOfStock } == 35, "\(kinds)")
                #expect(try await shop.stock("a").available == 0)
            },
            Behavior("an order that cannot be paid waits, on whatever server, and is paid when the line is back") {
                shop in
                try await shop.product("a", stock: 10)
                for server in [shop.world.first, shop.world.second] { server.provider.isDown = true }
                let heard = try await shop.place([("a", 3)], "k")
                guard case .accepted = heard else {
                    Issue.record("\(heard)")
                    return
                }
                let refused = try await shop.place([("a", 3)], "share")
                #expect(refused.kind != .created, "waiting orders may hold half of the units: \(refused)")
                let impatient = try await shop.place([("a", 1)], "fail", onUnavailable: .fail)
                guard case .refused(.paymentUnavailable) = impatient else {
                    Issue.record("\(impatient)")
                    return
                }
                #expect(try await shop.world.findings() == [])
                for server in [shop.world.first, shop.world.second] { server.provider.isDown = false }
                try await shop.world.pass(.seconds(400))
                let id = try #require(heard.order)
                let context = try await shop.context()
                #expect(try await OrderQueries.order(id, .strong, in: context).document.member("status") == "confirmed")
                let events = try await shop.world.rows(
                    "SELECT type FROM outbox WHERE key = $1 ORDER BY sequence", [.text(id.description)])
                #expect(
                    try events.map { try $0.text(0) } == [
                        "order:created", "inventory:reserved", "payment:queued", "payment:completed", "order:confirmed",
                    ])
            },
            Behavior("an order is canceled, refunded in parts, or fulfilled, and only once") { shop in
                try await shop.product("a", price: 500, stock: 20)
                let canceled = try #require(try await shop.place([("a", 2)], "canceled").order)
                #expect(try await shop.cancel(canceled).status == "canceled")
                guard case .refused(.invalidTransition) = try await shop.fulfill(canceled) else {
                    Issue.record("a canceled order was fulfilled")
                    return
                }
                let refunded = try #require(try await shop.place([("a", 2)], "refunded").order)
                #expect(try await shop.refund(refunded, 400, "r1").document != nil)
                #expect(try await shop.refund(refunded, 400, "r1").document != nil, "the same key is the same refund")
                guard case .refused = try await shop.refund(refunded, 601, "r2") else {
                    Issue.record("more than was left")
                    return
                }
                _ = try await shop.refund(refunded, nil, "r3")
                let rows = try await shop.world.rows(
                    "SELECT amount, reason, status FROM refunds WHERE order_id = $1 ORDER BY id", [.uuid(refunded.uuid)]
                )
                #expect(
                    rows.map(\.values) == [
                        [400, "it's 50% _off_", "succeeded"], [600, "it's 50% _off_", "succeeded"],
                    ])
                let fulfilled = try #require(try await shop.place([("a", 3)], "fulfilled").order)
                #expect(try await shop.fulfill(fulfilled).status == "fulfilled")
                #expect(try await shop.stock("a").onHand == 17)
            },
            Behavior("two servers that work on one order do not wait for each other in a circle") { shop in
                try await shop.product("a", price: 500, stock: 20)
                for round in 0..<6 { try await oneOfManyOperations(shop, round) }
            },
        ] + orderLists

    /// A cancel and a fulfilment on each of two servers. A saga's step that locked the saga before the order, which
    /// the requests lock before the saga, left the saga lying until its lease was over.
    private static func oneOfManyOperations(_ shop: Shop, _ round: Int) async throws {
        let order = try #require(try await shop.place([("a", 1)], "fought over \(round)").order)
        let contexts = [
            try await shop.context(on: shop.world.first), try await shop.context(on: shop.world.second),
        ]
        let heard = try await shop.world.drive { [world = shop.world] in
            await withTaskGroup(of: Heard.self) { group in
                for (server, context) in zip([world.first, world.second], contexts) {
                    group.addTask {
                        await Heard.of { () async throws(Refusal) in
                            try await server.orders.cancel(order, key: nil, in: context)
                        }
                    }
                    group.addTask {
                        await Heard.of { () async throws(Refusal) in
                            try await server.orders.fulfill(order, key: nil, in: context)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        let statuses = Set(heard.compactMap(\.status))
        #expect(statuses == ["canceled"] || statuses == ["fulfilled"], "\(heard)")
    }
}
