import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Testing

@testable import PantryDomain

@Suite struct HoldTests {
    private var hour: CheckoutTerms {
        var terms = CheckoutTerms()
        terms.queueTime = .seconds(3_600)
        return terms
    }
    /// A purchase decided without a server: nobody but it touches the rows.
    private func buy(_ quantity: Int64, _ name: String, in shop: Shop) async throws -> PlaceOrder.Outcome {
        let order = OrderRequest(items: [("a", quantity)], method: "pm_ok", onUnavailable: .queue, metadata: nil)
        return try await shop.store.submit(
            PlaceOrder(
                caller: shop.caller, order: order, key: shop.key(name), terms: CheckoutTerms(),
                sagas: shop.checkouts, seed: shop.store.random.next()), tenant: shop.tenant)
    }

    @Test func aQueuedOrdersStockGoesToTheNextBuyerWhenItsTimeIsUp() async throws {
        try await withCheckout(terms: hour) { checkout in
            checkout.script.then(.authorize, .notSent, .delayed, .notSent)
            let late = try #require(try await checkout.place([("a", 5)], key: "late").order)
            checkout.server.life.die(after: 0)
            guard case .kept(let answer) = try await buy(6, "too early", in: checkout.shop) else {
                Issue.record("five units are held")
                return
            }
            #expect(answer.document.contains(#""available":5"#))
            checkout.store.time.advance(by: .seconds(3_600))
            guard case .started = try await buy(6, "next", in: checkout.shop) else {
                Issue.record("the hold's time is up")
                return
            }
            let stock = try await checkout.shop.stock("a")
            #expect((stock.onHand, stock.reserved, stock.queued) == (10, 6, 0))
            let state = "SELECT state FROM reservations WHERE order_id = $1"
            #expect(try await checkout.store.text(state, [.uuid(late.uuid)]) == "expired")
            #expect(try await checkout.shop.order(late).status == .pending, "finds out when it is next tried")
            #expect(try await checkout.store.findings() == [])

            let next = try await checkout.restarted()
            try await next.server.recover()
            #expect(try await next.shop.order(late).status == .expired)
            #expect(try await next.shop.payment(late).status == .voided)
            await next.provider.deliver()
            #expect(try await next.shop.booked(late) == ["voided"], "the late charge is refused")
            #expect(try await next.shop.stock("a").reserved == 6)
            #expect(try await next.shop.events(of: late).last == "order:expired")
            let heard = try await next.place([("a", 5)], key: "late")
            #expect(heard.isAccepted && heard.status == .expired, "its caller knows the order")
            try await next.server.stop()
        }
    }

    @Test func aChargeThatArrivesInTheQueueIsGivenBackWhenTheOrderExpires() async throws {
        try await withCheckout(terms: hour) { checkout in
            checkout.script.then(.authorize, .notSent, .delayed, .notSent)
            let id = try #require(try await checkout.place([("a", 5)], key: "k").order)
            checkout.server.life.die(after: 0)
            await checkout.provider.deliver()
            #expect(try await checkout.shop.booked(id) == ["captured"])
            checkout.store.time.advance(by: .seconds(3_600))
            let next = try await checkout.restarted()
            try await next.server.recover()
            #expect(try await next.shop.order(id).status == .expired)
            #expect(try await next.shop.booked(id) == ["captured", "refunded"])
            #expect(try await next.shop.stock("a").available == 10)
            try await next.server.stop()
        }
    }

    @Test func pinnedHoldsNeverExpire() async throws {
        try await withCheckout(terms: hour) { checkout in
            checkout.script.then(.authorize, .hang)
            let (server, shop) = (checkout.server, checkout.shop)
            let heard = try await checkout.store.drive {
                await server.place([("a", 8)], key: shop.key("k"), in: shop)
            }
            #expect(heard.isAccepted && heard.paymentStatus == "processing")
            server.life.die(after: 0)
            checkout.store.time.advance(by: .seconds(365 * 24 * 3_600))
            guard case .kept = try await buy(3, "next", in: shop) else {
                Issue.record("the units of a charge under way were sold")
                return
            }
            #expect(try await shop.stock("a").reserved == 8)
            checkout.provider.resume()
        }
    }

    @Test func waitingOrdersHoldNoMoreThanTheirShare() async throws {
        try await withCheckout { checkout in
            checkout.script.always(.authorize, .notSent)
            let tooMany = try await checkout.place([("a", 6)], key: "1")
            guard case .refused(.paymentUnavailable(let reason)) = tooMany else {
                Issue.record("\(tooMany)")
                return
            }
            #expect(reason.contains("50 %"))
            #expect(try await checkout.place([("a", 3)], key: "2").isAccepted)
            #expect(try await checkout.place([("a", 2), ("b", 1)], key: "3").isAccepted)
            guard case .refused(.paymentUnavailable) = try await checkout.place([("b", 1), ("a", 1)], key: "4") else {
                Issue.record("five of ten wait already")
                return
            }
            let (a, b) = (try await checkout.shop.stock("a"), try await checkout.shop.stock("b"))
            #expect((a.reserved, a.queued, b.reserved, b.queued) == (5, 5, 1, 1))
            checkout.script.always(.authorize, nil)
            try await checkout.store.pass(.seconds(30))
            #expect(try await checkout.store.number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'") == 2)
            #expect(try await checkout.shop.stock("a").queued == 0)
        }
    }

    /// minutes that the server is away, whether the money had been taken, what becomes of the order
    static let recoveries: [(minutes: Int64, isCaptured: Bool, status: OrderStatus, books: [String])] = [
        (14, false, .confirmed, ["captured"]), (16, false, .expired, ["voided"]),
        (14, true, .confirmed, ["captured"]), (16, true, .confirmed, ["captured"]),
    ]

    @Test(arguments: recoveries.indices) func aCrashedCheckoutIsJudgedByItsHold(_ index: Int) async throws {
        let (minutes, isCaptured, status, books) = Self.recoveries[index]
        try await withCheckout { checkout in
            guard case .started(let ticket) = try await buy(2, "k", in: checkout.shop) else {
                Issue.record("the order did not begin")
                return
            }
            let id = OrderID(ticket.subject)
            checkout.server.life.die(after: 0)
            if isCaptured {
                let charge = ProviderCharge(
                    key: "\(id)/charge", reference: id.description, amount: Money(500, "USD"), method: "pm_ok")
                _ = await checkout.provider.authorize(charge, capture: true)
            }
            checkout.store.time.advance(by: .seconds(minutes * 60))
            let next = try await checkout.restarted()
            try await next.server.recover()
            #expect(try await next.shop.order(id).status == status)
            #expect(try await next.shop.booked(id) == books)
            let heard = try await next.place([("a", 2)], key: "k")
            #expect(heard.kind == .created)
            #expect((heard.order == id) == (status == .confirmed), "an attempt that was undone does not burn its key")
            try await next.server.stop()
        }
    }

    @Test(arguments: [false, true]) func aWaitingOrderThatIsCanceledIsCompensated(_ hasArrived: Bool) async throws {
        try await withCheckout { checkout in
            checkout.script.then(.authorize, .delayed, .notSent, .notSent)
            let id = try #require(try await checkout.place([("a", 4)], key: "k").order)
            if hasArrived { await checkout.provider.deliver() }
            let heard = try await checkout.cancel(id, key: "c")
            #expect(heard.kind == .ok && heard.status == .canceled)
            #expect(heard.paymentStatus == (hasArrived ? "refunded" : "voided"))
            await checkout.provider.deliver()
            #expect(try await checkout.shop.booked(id) == (hasArrived ? ["captured", "refunded"] : ["voided"]))
            #expect(try await checkout.shop.stock("a").available == 10)
            #expect(try await checkout.shop.sagas(of: id).map(\.state) == [.compensated])
            let again = try await checkout.place([("a", 4)], key: "k")
            #expect(again.isAccepted && again.isReplay && again.status == .canceled)
            guard case .refused(.invalidTransition(from: "canceled", allowed: [], _)) = try await checkout.cancel(id)
            else {
                Issue.record("it is canceled already")
                return
            }
        }
    }

    /// What was never sent needs nobody to void it: not a provider that is away, above all.
    @Test func aWaitingOrderIsCanceledWithoutTheProvider() async throws {
        try await withCheckout { checkout in
            checkout.script.always(.authorize, .notSent)
            for verb in [Verb.void, .lookup] { checkout.script.always(verb, .unknownAndLost) }
            let id = try #require(try await checkout.place([("a", 4)], key: "k").order)
            let heard = try await checkout.cancel(id, key: "c")
            #expect(heard.kind == .ok && heard.status == .canceled && heard.paymentStatus == "voided")
            #expect(try await checkout.shop.stock("a").available == 10)
            #expect(!checkout.provider.calls.contains(.void))
            #expect(try await checkout.store.findings() == [])
        }
    }

    /// Its owner does not want to wait, and the provider is away: the stock is back before the answer.
    @Test func aFailingOrderThatWasNeverSentIsUndoneWithoutTheProvider() async throws {
        try await withCheckout { checkout in
            checkout.script.always(.authorize, .notSent)
            for verb in [Verb.void, .lookup] { checkout.script.always(verb, .unknownAndLost) }
            let heard = try await checkout.place([("a", 4)], key: "k", onUnavailable: .fail)
            guard case .refused(.paymentUnavailable) = heard else {
                Issue.record("\(heard)")
                return
            }
            #expect(try await checkout.shop.stock("a").available == 10)
            #expect(!checkout.provider.calls.contains(.void))
        }
    }

    @Test func aCancelWhoseVoidHasNoAnswerIsFinishedLater() async throws {
        try await withCheckout { checkout in
            checkout.script.then(.authorize, .unknownAndLost, .notSent, .notSent)
            let id = try #require(try await checkout.place([("a", 4)], key: "k").order)
            checkout.script.always(.void, .unknownAndLost)
            checkout.script.always(.lookup, .unknownAndLost)
            let heard = try await checkout.cancel(id, key: "c")
            #expect(heard.isAccepted && heard.status == .pending)
            #expect(try await checkout.store.findings() == [])
            checkout.script.always(.void, nil)
            checkout.script.always(.lookup, nil)
            try await checkout.store.pass(.seconds(60))
            #expect(try await checkout.shop.order(id).status == .canceled)
            let repeated = try await checkout.cancel(id, key: "c")
            #expect(repeated.kind == .ok && repeated.isReplay && repeated.status == .canceled)
        }
    }

    /// How long the first worker is paused, and what the second makes of the order.
    static let pauses: [(seconds: Int64, status: OrderStatus)] = [(45, .confirmed), (1_000, .expired)]

    @Test(arguments: pauses)
    func aPausedWorkerChangesNothing(_ seconds: Int64, _ status: OrderStatus) async throws {
        try await withCheckout { checkout in
            checkout.script.then(.authorize, .hang)
            let heard = try await checkout.place([("a", 2)], key: "k")
            let id = try #require(heard.order)
            #expect(heard.isAccepted && checkout.provider.hangingCount == 1)
            checkout.store.time.advance(by: .seconds(seconds))
            let second = Server(checkout.store, provider: checkout.provider, seed: 3)
            try await checkout.store.pass(.seconds(5))
            let order = try await checkout.shop.order(id)
            #expect(order.status == status)
            let log = try await checkout.store.number("SELECT COUNT(*) FROM saga_log")
            checkout.provider.resume()
            try await checkout.store.pass(.seconds(5))
            #expect(try await checkout.shop.order(id) == order)
            #expect(try await checkout.store.number("SELECT COUNT(*) FROM saga_log") == log)
            #expect(try await checkout.shop.booked(id) == [status == .confirmed ? "captured" : "voided"])
            try await second.stop()
        }
    }

    @Test func aSagaThatNeverEndsWaitsForAnOperator() async throws {
        var terms = hour
        terms.attemptLimit = 3
        try await withCheckout(terms: terms) { checkout in
            checkout.script.always(.authorize, .unknownAndLost)
            checkout.script.always(.lookup, .unknownAndLost)
            checkout.script.always(.void, .unknownAndLost)
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            try await checkout.store.pass(.seconds(120))
            let saga = try #require(await checkout.shop.sagas(of: id).first)
            #expect(saga.state == .stuck && saga.reason == "the compensation of “charge” was given up")
            #expect(try await checkout.shop.stock("a").reserved == 2, "held as long as nobody knows")
            #expect(try await checkout.store.findings() == [])
            checkout.script.always(.authorize, nil)
            checkout.script.always(.void, nil)
            checkout.script.always(.lookup, nil)
            #expect(try await checkout.cancel(id, key: "c").status == .canceled, "its owner's way out")
        }
    }
}
