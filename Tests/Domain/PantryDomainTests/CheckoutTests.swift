import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Testing

@testable import PantryDomain

/// Whole checkouts, one at a time, with a provider that does as it is told.
@Suite struct CheckoutTests {
    @Test func aChargedOrderIsConfirmedInTwoCommits() async throws {
        try await withCheckout { checkout in
            let heard = try await checkout.place([("a", 2), ("b", 1)], key: "k")
            let id = try #require(heard.order)
            #expect(heard.kind == .created && heard.status == .confirmed && heard.paymentStatus == "captured")
            let order = try await checkout.shop.order(id)
            #expect(order.status == .confirmed && order.saga == nil)
            #expect(try await checkout.shop.booked(id) == ["captured"])
            #expect(
                try await checkout.shop.events(of: id) == [
                    "order:created", "inventory:reserved", "payment:completed", "order:confirmed",
                ])
            #expect(checkout.provider.calls == [.authorize])
            #expect(try await checkout.shop.sagas(of: id).map(\.state) == [.succeeded])
            let again = try await checkout.place([("a", 2), ("b", 1)], key: "k")
            #expect(again.isReplay && again.kind == .created && again.document == heard.document)
        }
    }

    @Test func aDeclineGivesTheStockBackBeforeTheAnswer() async throws {
        try await withCheckout { checkout in
            let heard = try await checkout.place([("a", 2)], key: "k", method: "pm_declined")
            #expect(heard.kind == .paymentDeclined)
            let id = try #require(heard.order)
            #expect(try await checkout.shop.stock("a").available == 10)
            let (order, payment) = (try await checkout.shop.order(id), try await checkout.shop.payment(id))
            #expect(order.status == .failed && order.reason == "payment-declined")
            #expect(payment.status == .failed && payment.failureCode == "card-declined")
            #expect(
                try await checkout.shop.events(of: id).suffix(3) == [
                    "payment:failed", "inventory:released", "order:failed",
                ])
            let again = try await checkout.place([("a", 2)], key: "k", method: "pm_declined")
            #expect(again.isReplay && again.document == heard.document)
        }
    }

    @Test func anOrderThatCannotBePaidWaitsAndIsPaidLater() async throws {
        try await withCheckout { checkout in
            checkout.script.always(.authorize, .notSent)
            let heard = try await checkout.place([("a", 2)], key: "k")
            let id = try #require(heard.order)
            #expect(heard.isAccepted && heard.paymentStatus == "queued" && heard.status == .pending)
            let stock = try await checkout.shop.stock("a")
            #expect((stock.reserved, stock.queued) == (2, 2))
            try await checkout.store.pass(.seconds(60))
            #expect(try await checkout.shop.order(id).status == .pending)
            #expect(try await checkout.store.findings() == [])
            checkout.script.always(.authorize, nil)
            try await checkout.store.pass(.seconds(120))
            #expect(try await checkout.shop.order(id).status == .confirmed)
            let events = try await checkout.shop.events(of: id)
            #expect(events.filter { $0 == "payment:queued" }.count == 1)
            let again = try await checkout.place([("a", 2)], key: "k")
            #expect(again.isAccepted && again.isReplay && again.order == id && again.status == .confirmed)
            #expect(try await checkout.shop.booked(id) == ["captured"])
        }
    }

    @Test func anOwnerWhoDoesNotWaitHasNothingTaken() async throws {
        try await withCheckout { checkout in
            checkout.script.then(.authorize, .notSent, .delayed, .notSent)
            let heard = try await checkout.place([("a", 2)], key: "k", onUnavailable: .fail)
            guard case .refused(.paymentUnavailable) = heard else {
                Issue.record("\(heard)")
                return
            }
            #expect(try await checkout.shop.stock("a").available == 10)
            let first = OrderID(try await checkout.store.rows("SELECT id FROM orders")[0].uuid(0))
            await checkout.provider.deliver()
            #expect(try await checkout.shop.booked(first) == ["voided"], "the late charge is refused")
            let again = try await checkout.place([("a", 2)], key: "k", onUnavailable: .fail)
            #expect(again.kind == .created && !again.isReplay && again.order != first, "the key runs afresh")
        }
    }

    /// The script of the charge and of the questions about it; whether the order is confirmed at once.
    static let unknowns: [(charge: [Fate], lookup: [Fate], atOnce: Bool)] = [
        ([.unknownButDone], [], true),
        ([.unknownAndLost], [], true),
        ([.delayed], [], true),
        ([.unknownAndLost, .unknownButDone], [], true),
        ([.delayed, .delayed], [.unknownAndLost], true),
        ([.unknownButDone], [.unknownAndLost, .unknownAndLost, .unknownAndLost], true),
        ([.unknownButDone], Array(repeating: .unknownAndLost, count: 6), false),
        ([.unknownAndLost], Array(repeating: .unknownAndLost, count: 8), false),
        ([.delayed, .delayed, .delayed], [], false),
    ]

    @Test(arguments: unknowns.indices) func anUnknownChargeIsAskedForAndTakenOnce(_ index: Int) async throws {
        let (charge, lookup, atOnce) = Self.unknowns[index]
        try await withCheckout { checkout in
            for fate in charge { checkout.script.then(.authorize, fate) }
            for fate in lookup { checkout.script.then(.lookup, fate) }
            let heard = try await checkout.place([("a", 2)], key: "k")
            #expect(atOnce ? heard.kind == .created : heard.isAccepted)
            await checkout.provider.deliver()
            try await checkout.store.pass(.seconds(90))
            await checkout.provider.deliver()
            let id = try #require(heard.order)
            #expect(try await checkout.shop.order(id).status == .confirmed)
            #expect(try await checkout.shop.booked(id) == ["captured"])
        }
    }

    @Test func aSlowChargeIsAnsweredInTime() async throws {
        try await withCheckout { checkout in
            let before = checkout.store.time.instant()
            let heard = try await checkout.place([("a", 1)], key: "k", method: "pm_slow")
            #expect(heard.isAccepted && heard.paymentStatus == "processing")
            #expect(checkout.store.time.instant() - before <= checkout.terms.wait + .seconds(1))
            try await checkout.store.pass(.seconds(3))
            let again = try await checkout.place([("a", 1)], key: "k", method: "pm_slow")
            #expect(again.isAccepted && again.isReplay && again.status == .confirmed && again.order == heard.order)
        }
    }

    @Test(arguments: ["pm_lost", "pm_flaky"]) func whatGoesWrongOnceIsPaidOnce(_ method: String) async throws {
        try await withCheckout { checkout in
            let heard = try await checkout.place([("a", 1)], key: "k", method: method)
            #expect(heard.kind == .created)
            #expect(try await checkout.shop.booked(try #require(heard.order)) == ["captured"])
        }
    }

    @Test func aThousandRepeatsAreOneOrder() async throws {
        try await withCheckout { checkout in
            let (server, shop) = (checkout.server, checkout.shop)
            let heard = try await checkout.store.drive {
                await withTaskGroup(of: Heard.self) { group in
                    for _ in 0..<100 {
                        group.addTask { await server.place([("a", 1)], key: shop.key("k"), in: shop) }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(heard.count { $0.kind == .created && !$0.isReplay } == 1)
            #expect(Set(heard.map(\.document)).count == 1)
            #expect(try await checkout.store.number("SELECT COUNT(*) FROM orders") == 1)
            #expect(checkout.provider.calls == [.authorize])
        }
    }

    @Test func oneUnitHasOneBuyer() async throws {
        try await withCheckout { checkout in
            try await checkout.shop.product("last", price: 900, stock: 1)
            let (server, shop) = (checkout.server, checkout.shop)
            let heard = try await checkout.store.drive {
                await withTaskGroup(of: Heard.self) { group in
                    for buyer in 0..<200 {
                        group.addTask {
                            await server.place([("last", 1)], key: shop.key("buyer \(buyer)"), in: shop)
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(heard.count { $0.kind == .created } == 1)
            #expect(heard.count { $0.kind == .outOfStock } == 199)
            #expect(try await checkout.store.number("SELECT COUNT(*) FROM entries", in: .books) == 1)
        }
    }

    @Test func aThousandLinesAreOneOrder() async throws {
        try await withCheckout { checkout in
            try await checkout.shop.product("many", price: 1, stock: 2_000)
            let heard = try await checkout.place((0..<1_000).map { _ in ("many", 2) }, key: "k")
            #expect(heard.kind == .created)
            #expect(try await checkout.shop.stock("many").available == 0)
        }
    }
}

/// The server dies between any two of its steps; the next one brings the order to its end.
@Suite struct CrashTests {
    private func afterwards(_ checkout: Checkout, _ body: (Checkout) async throws -> Void) async throws {
        let next = try await checkout.restarted()
        try await next.server.recover()
        #expect(try await next.store.findings() == [])
        try await body(next)
        // The first server was only paused: what it still does changes nothing.
        let before = try await next.store.rows("SELECT * FROM orders ORDER BY id")
        try await checkout.server.stop()
        #expect(try await next.store.rows("SELECT * FROM orders ORDER BY id") == before)
        #expect(try await next.store.findings() == [])
        try await next.server.stop()
    }
    private func withOpenStore(_ body: (Checkout) async throws -> Void) async throws {
        try await withStore { store in
            let checkout = try await Checkout.open(in: store)
            try await checkout.shop.product("a", price: 250, stock: 10)
            try await body(checkout)
        }
    }

    @Test(arguments: 0..<9, ["pm_ok", "pm_lost", "pm_declined"])
    func aPlaceThatWasCutOffIsOneOrder(_ steps: Int, _ method: String) async throws {
        try await withOpenStore { checkout in
            checkout.server.life.die(after: steps)
            let first = try await checkout.place([("a", 2)], key: "k", method: method)
            if steps == 0 { #expect(first == .nothing) }
            try await afterwards(checkout) { next in
                let heard = try await next.place([("a", 2)], key: "k", method: method)
                #expect(heard.kind == (method == "pm_declined" ? .paymentDeclined : .created), "after \(steps) steps")
                if let document = first.document { #expect(heard.document == document) }
                #expect(try await next.store.number("SELECT COUNT(*) FROM orders") == 1)
                let captures = "SELECT COUNT(*) FROM entries WHERE kind = 'captured'"
                #expect(try await next.store.number(captures, in: .books) == (method == "pm_declined" ? 0 : 1))
            }
        }
    }

    @Test(arguments: 0..<6) func aCancelThatWasCutOffGivesTheMoneyBackOnce(_ steps: Int) async throws {
        try await withOpenStore { checkout in
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            checkout.server.life.die(after: steps)
            _ = try await checkout.cancel(id, key: "c")
            try await afterwards(checkout) { next async throws in
                #expect(try await next.cancel(id, key: "c").status == .canceled)
                #expect(try await next.shop.booked(id) == ["captured", "refunded"])
                #expect(try await next.shop.stock("a").available == 10)
            }
        }
    }

    @Test(arguments: 0..<6) func aRefundThatWasCutOffIsMadeOnce(_ steps: Int) async throws {
        try await withOpenStore { checkout in
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            checkout.server.life.die(after: steps)
            _ = try await checkout.refund(id, 200, key: "r")
            try await afterwards(checkout) { next async throws in
                #expect(try await next.refund(id, 200, key: "r").paymentStatus == "partiallyRefunded")
                #expect(try await next.shop.booked(id) == ["captured", "refunded"])
                #expect(try await next.shop.payment(id).refunded == 200)
            }
        }
    }

    @Test(arguments: 0..<8) func aCancelOfAWaitingOrderThatWasCutOffIsUndone(_ steps: Int) async throws {
        try await withOpenStore { checkout in
            checkout.script.then(.authorize, .notSent, .delayed, .notSent)
            checkout.script.always(.authorize, .notSent)
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            checkout.server.life.die(after: steps)
            _ = try await checkout.cancel(id, key: "c")
            try await afterwards(checkout) { next async throws in
                #expect(try await next.cancel(id, key: "c").status == .canceled)
                await next.provider.deliver()
                #expect(try await next.shop.booked(id) == ["voided"])
                #expect(try await next.shop.stock("a").available == 10)
                #expect(try await next.place([("a", 2)], key: "k").status == .canceled)
            }
        }
    }
}
