import Determinism
import DeterminismTestKit
import Sagas
import Testing

@testable import PantryDomain

/// Orders that wait while nothing can be sent to the provider.
@Suite(.timeLimit(.minutes(2))) struct QueuedPaymentTests {
    private static let verbs = [Verb.authorize, .void, .lookup]

    /// Whatever was never sent needs no answer from anybody: it stays in the queue, and can be given up at any time.
    @Test func aWaitingOrderStaysQueuedThroughALongOutage() async throws {
        try await withCheckout { checkout in
            for verb in Self.verbs { checkout.script.always(verb, .unavailable) }
            let heard = try await checkout.place([("a", 4)], key: "k")
            let id = try #require(heard.order)
            #expect(heard.isAccepted && heard.paymentStatus == "queued")
            for _ in 0..<5 {
                try await checkout.store.pass(.seconds(150))
                let stock = try await checkout.shop.stock("a")
                #expect((stock.reserved, stock.queued) == (4, 4))
            }
            #expect(checkout.provider.calls.count { $0 == .authorize } >= 4, "it is tried again and again")
            #expect(!checkout.provider.calls.contains(.lookup), "there is nothing to be asked about")
            #expect(try await checkout.cancel(id, key: "c").status == .canceled)
            #expect(!checkout.provider.calls.contains(.void))
            #expect(try await checkout.shop.stock("a").available == 10)
        }
    }

    @Test func aWaitingOrderExpiresWithoutTheProvider() async throws {
        var terms = CheckoutTerms()
        terms.queueTime = .seconds(3_600)
        try await withCheckout(terms: terms) { checkout in
            for verb in Self.verbs { checkout.script.always(verb, .unavailable) }
            let id = try #require(try await checkout.place([("a", 4)], key: "k").order)
            try await checkout.store.pass(.seconds(3_000))
            #expect(try await checkout.shop.order(id).status == .pending)
            try await checkout.store.pass(.seconds(1_000))
            #expect(try await checkout.shop.order(id).status == .expired)
            #expect(try await checkout.shop.stock("a").available == 10)
            #expect(!checkout.provider.calls.contains(.void))
            #expect(try await checkout.store.findings() == [])
        }
    }

    /// An outage uses up no attempts: nothing was tried.
    @Test func aRefundWaitsAsLongAsTheOutage() async throws {
        var terms = CheckoutTerms()
        terms.attemptLimit = 3
        try await withCheckout(terms: terms) { checkout in
            let id = try #require(try await checkout.place([("a", 4)], key: "k").order)
            for verb in [Verb.refund, .lookup] { checkout.script.always(verb, .unavailable) }
            #expect(try await checkout.refund(id, 200, key: "r").isAccepted)
            for _ in 0..<10 { try await checkout.store.pass(.seconds(120)) }
            for verb in [Verb.refund, .lookup] { checkout.script.always(verb, nil) }
            try await checkout.store.pass(.seconds(120))
            #expect(try await checkout.shop.booked(id) == ["captured", "refunded"])
        }
    }

    /// Each time that it was let go of counted as an attempt: after an outage of hours one failure ended an order that
    /// had been promised a day.
    @Test func anOutageUsesUpNoAttemptsOfAnOrderThatWasSent() async throws {
        var terms = CheckoutTerms()
        terms.attemptLimit = 4
        try await withCheckout(terms: terms) { checkout in
            let lost = [Fate](repeating: .unknownAndLost, count: ExternalCallConfiguration().callLimit)
            for fate in lost { checkout.script.then(.authorize, fate) }
            let id = try #require(try await checkout.place([("a", 4)], key: "k").order)
            for verb in Self.verbs { checkout.script.always(verb, .unavailable) }
            for _ in 0..<20 { try await checkout.store.pass(.seconds(120)) }
            #expect(try await checkout.shop.stock("a").queued == 4)
            // It is back, and stumbles once.
            for verb in Self.verbs { checkout.script.always(verb, nil) }
            for fate in lost { checkout.script.then(.authorize, fate) }
            try await checkout.store.pass(.seconds(600))
            #expect(try await checkout.shop.order(id).status == .confirmed)
        }
    }

    /// Orders that had been sent to the provider once were `processing` for as long as they waited for their turn: with
    /// many of them some always were, and a demo of four thousand orders did not come to its end.
    @Test func anOrderThatWaitsForItsTurnIsQueued() async throws {
        var terms = CheckoutTerms()
        terms.queuedChargesPerSecond = 1
        try await withCheckout(terms: terms) { checkout in
            var ids: [OrderID] = []
            for key in 0..<10 {
                let item = (key % 2 == 0 ? "a" : "b", Int64(1))
                ids.append(try #require(try await checkout.place([item], key: "\(key)", method: "pm_error").order))
            }
            let processing = "SELECT COUNT(*) FROM payments WHERE status = 'processing'"
            let before = checkout.provider.calls.count { $0 == .authorize }
            var most: Int64 = 0
            for _ in 0..<300 {
                try await checkout.store.pass(.milliseconds(100))
                most = max(most, try await checkout.store.number(processing, []))
            }
            let calls = checkout.provider.calls.count { $0 == .authorize } - before
            #expect(calls >= 10, "they are tried again and again: \(calls)")
            // Those whose turns have come since the last sweep.
            #expect(most <= 5, "they have their turns, the others wait: \(most)")
            for id in ids { #expect(try await checkout.cancel(id).status == .canceled) }
            for sku in ["a", "b"] { #expect(try await checkout.shop.stock(sku).available == 10) }
        }
    }

    /// While it was being charged, others filled the queue, and then all waited: more than their share of the product.
    @Test func anAcceptedOrderKeepsItsPlaceInTheQueueWhileItIsCharged() async throws {
        try await withCheckout { checkout in
            checkout.script.then(.authorize, .unavailable, .hangThenUnavailable)
            let first = try #require(try await checkout.place([("a", 5)], key: "1").order)
            try await checkout.store.pass(.seconds(61))
            #expect(checkout.provider.hangingCount == 1, "it is tried again")
            #expect(try await checkout.shop.stock("a").queued == 5)
            checkout.script.then(.authorize, .unavailable)
            let second = try await checkout.place([("a", 1)], key: "2")
            #expect(second.order == nil && !second.isAccepted, "half of the product waits already")
            checkout.provider.resume()
            try await checkout.store.pass(.seconds(1))
            #expect(try await checkout.shop.order(first).status == .pending)
            #expect(try await checkout.shop.stock("a").queued == 5)
            #expect(try await checkout.store.findings() == [])
            try await checkout.store.pass(.seconds(600))
            #expect(try await checkout.shop.order(first).status == .confirmed)
            let stock = try await checkout.shop.stock("a")
            #expect((stock.reserved, stock.queued) == (5, 0), "what is charged waits no more")
            #expect(try await checkout.store.findings() == [])
            let pinned = "SELECT COUNT(*) FROM reservations WHERE state = 'pinned' AND expires_at < 4000000000000000"
            #expect(try await checkout.store.number(pinned) == 1)
        }
    }

    /// Its time was up while it was being charged: nobody else may take its units, and it is not charged again.
    @Test func aHoldDoesNotRunOutWhileItsOrderIsCharged() async throws {
        var terms = CheckoutTerms()
        terms.queueTime = .seconds(3_600)
        try await withCheckout(terms: terms) { checkout in
            checkout.script.then(.authorize, .unavailable, .hangThenUnavailable)
            let first = try #require(try await checkout.place([("a", 5)], key: "1").order)
            try await checkout.store.pass(.seconds(61))
            #expect(checkout.provider.hangingCount == 1, "it is tried again")
            checkout.store.time.advance(by: .seconds(4_000))
            let second = try await checkout.place([("a", 6)], key: "2")
            #expect(second.order == nil, "its units are not there")
            checkout.provider.resume()
            try await checkout.store.pass(.seconds(600))
            #expect(try await checkout.shop.order(first).status == .expired)
            #expect(try await checkout.shop.stock("a").available == 10)
            #expect(try await checkout.store.findings() == [])
        }
    }

    /// A provider says that something has changed: the saga asks now, not when its pause is over.
    @Test func aHurriedSagaAsksAtOnce() async throws {
        try await withCheckout { checkout in
            checkout.script.then(.authorize, .unknownButDone)
            checkout.script.always(.lookup, .unknownAndLost)
            let id = try #require(try await checkout.place([("a", 4)], key: "k").order)
            // So that its pause is longer than a worker waits for.
            try await checkout.store.pass(.seconds(60))
            #expect(try await checkout.shop.order(id).status == .pending)
            checkout.script.always(.lookup, nil)
            let saga = try #require(try await checkout.shop.order(id).saga)
            let runtime = checkout.server.shard.sagas.runtime
            let tenant = checkout.shop.tenant
            #expect(try await checkout.store.drive { try await runtime.hurry(saga, of: tenant) })
            try await checkout.store.pass(.seconds(1))
            #expect(try await checkout.shop.order(id).status == .confirmed)
            #expect(
                try await checkout.store.drive { try await runtime.hurry(saga, of: tenant) } == false, "it has ended")
        }
    }
}
