import Determinism
import DeterminismTestKit
import Sagas
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

/// What was wrong once.
@Suite struct RegressionDomainTests {
    /// A worker voided the charge of an order that could not be paid, and died before it wrote that down. Recovery
    /// took the provider's “voided” for a decline, and the key answered 402 ever after.
    @Test(arguments: 1..<12) func aChargeThatWeGaveUpIsNoDecline(_ steps: Int) async throws {
        try await withCheckout { checkout in
            checkout.script.then(.authorize, .notSent, .notSent, .notSent)
            checkout.server.life.die(after: steps)
            _ = try await checkout.place([("a", 1)], key: "k", onUnavailable: .fail)
            let next = try await checkout.restarted()
            try await next.server.recover()
            let declined = "SELECT COUNT(*) FROM idempotency_keys WHERE kind = 'paymentDeclined'"
            #expect(try await next.store.number(declined) == 0, "after \(steps) steps")
            let heard = try await next.place([("a", 1)], key: "k", onUnavailable: .fail)
            #expect(heard.kind == .created || heard.isAccepted, "after \(steps) steps: \(heard)")
            let kept = "SELECT COUNT(*) FROM orders WHERE status IN ('confirmed', 'pending')"
            #expect(try await next.store.number(kept) == 1)
            try await next.server.stop()
        }
    }

    /// A worker that was paused before it read the order's rows read another worker's: a payment that had been
    /// captured, and a hold whose time was up. It gave back the money of an order that stands.
    @Test func aWorkerThatWasPausedBeforeItReadGivesNothingBack() async throws {
        try await withCheckout { checkout in
            checkout.server.life.die(after: 0)
            let (store, shop) = (checkout.store, checkout.shop)
            let order = OrderRequest(items: [("a", 1)], method: "pm_ok", onUnavailable: .queue, metadata: nil)
            let place = PlaceOrder(
                caller: shop.caller, order: order, key: shop.key("k"), terms: checkout.terms,
                sagas: shop.checkouts, seed: 1)
            guard case .started(let ticket) = try await store.submit(place, tenant: shop.tenant) else {
                Issue.record("the order did not begin")
                return
            }
            store.time.advance(by: .seconds(31))
            // It looks for what is due, claims it, and is paused.
            let paused = Server(store, provider: checkout.provider, seed: 2)
            paused.life.die(after: 2)
            try await store.pass(.seconds(31))
            let second = Server(store, provider: checkout.provider, seed: 3)
            try await store.pass(.seconds(31))
            let id = OrderID(ticket.subject)
            #expect(try await shop.sagas(of: id).map(\.epoch) == [3])
            #expect(try await shop.order(id).status == .confirmed)
            try await store.leap(.seconds(16 * 60))
            try await paused.stop()
            #expect(try await shop.booked(id) == ["captured"])
            try await second.stop()
        }
    }

    /// A hold had lapsed, the clock stepped back, the next worker pinned it again and confirmed the order; then the
    /// first one, paused before its refund, gave the money back.
    @Test func aHoldThatHasLapsedStaysLapsedWhenTheClockStepsBack() async throws {
        var terms = CheckoutTerms()
        terms.queueTime = .seconds(3_600)
        try await withCheckout(terms: terms) { checkout in
            checkout.script.then(.authorize, .notSent, .delayed, .notSent)
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            checkout.server.life.die(after: 0)
            await checkout.provider.deliver()
            checkout.store.time.advance(by: .seconds(3_600))
            checkout.script.then(.refund, .hang)
            let paused = Server(checkout.store, provider: checkout.provider, terms: terms, seed: 5)
            try await checkout.store.pass(.seconds(3))
            #expect(checkout.provider.hangingCount == 1)
            paused.life.die(after: 0)
            checkout.store.time.stepWallClock(by: .seconds(-2_000))
            let next = try await checkout.restarted()
            try await next.server.recover()
            let status = try await next.shop.order(id).status
            checkout.provider.resume()
            try await paused.stop()
            #expect(try await next.shop.order(id).status == status)
            #expect(try await next.shop.booked(id) == ["captured", "refunded"])
            #expect(status == .expired)
            try await next.server.stop()
        }
    }

    /// An order that was promised a day in the queue was given up at its first unknown outcome, because the time of a
    /// hold that never began its charge was taken for that of the queue.
    @Test(arguments: [false, true]) func aQueuedOrderOutlivesTheHoldTime(_ isCrash: Bool) async throws {
        try await withCheckout { checkout in
            checkout.script.always(.authorize, .notSent)
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            try await checkout.store.leap(.seconds(3_600))
            #expect(try await checkout.shop.order(id).status == .pending)
            var current = checkout
            if isCrash {
                checkout.script.always(.authorize, .hang)
                try await checkout.store.leap(.seconds(400))
                #expect(try await checkout.shop.payment(id).status == .processing)
                current = try await checkout.restarted()
                checkout.script.always(.authorize, nil)
                try await current.server.recover()
            } else {
                checkout.script.always(.authorize, .unknownAndLost)
                checkout.script.always(.lookup, .unknownAndLost)
                try await checkout.store.leap(.seconds(400))
                try await checkout.store.pass(.seconds(20))
                #expect(try await checkout.shop.payment(id).status == .processing)
                checkout.script.always(.authorize, nil)
                checkout.script.always(.lookup, nil)
                try await checkout.store.leap(.seconds(400))
            }
            #expect(try await current.shop.order(id).status == .confirmed)
            #expect(try await current.shop.booked(id) == ["captured"])
            checkout.provider.resume()
            if isCrash { try await current.server.stop() }
        }
    }

    /// Only a hundred expired holds were ever released for a buyer; the one who needed more was told that there was
    /// too little. Later all of them were, in one transaction, however many there were.
    @Test func aBuyerGetsTheUnitsOfAnyNumberOfExpiredHolds() async throws {
        var terms = CheckoutTerms()
        terms.maxQueuedShare = 100
        try await withCheckout(terms: terms) { checkout in
            try await checkout.shop.product("popular", price: 1, stock: 250)
            checkout.script.always(.authorize, .notSent)
            let (server, shop) = (checkout.server, checkout.shop)
            try await checkout.store.drive {
                await withTaskGroup(of: Void.self) { group in
                    for buyer in 0..<250 {
                        group.addTask {
                            _ = await server.place([("popular", 1)], key: shop.key("\(buyer)"), in: shop)
                        }
                    }
                }
            }
            #expect(try await shop.stock("popular").queued == 250)
            server.life.die(after: 0)
            checkout.store.time.advance(by: .seconds(24 * 3_600))
            let all = OrderRequest(items: [("popular", 250)], method: "pm_ok", onUnavailable: .queue, metadata: nil)
            let place = PlaceOrder(
                caller: shop.caller, order: all, key: shop.key("all"), terms: terms, sagas: shop.checkouts, seed: 1)
            guard case .cleared = try await checkout.store.submit(place, tenant: shop.tenant) else {
                Issue.record("one transaction has taken back more than it may")
                return
            }
            let stock = try await shop.stock("popular")
            #expect((stock.queued, stock.reserved) == (150, 150))
            let next = try await checkout.restarted()
            checkout.script.always(.authorize, nil)
            let heard = try await next.place([("popular", 250)], key: "all")
            #expect(heard.kind == .created, "\(heard)")
            try await next.server.stop()
        }
    }

    /// A slow authorization whose time had come could be refunded, though nothing had been captured.
    @Test func anAuthorizationIsNotRefundable() async throws {
        try await withStore { store in
            let provider = SandboxProvider(lane: store.booksLane, time: store.time)
            let charge = ProviderCharge(key: "k", reference: "o", amount: Money(5, "USD"), method: "pm_slow")
            _ = try await store.booksLane.submit(
                SandboxCommand(request: .authorize(charge, capture: false)), tenant: nil,
                deadline: store.time.instant() + .seconds(9))
            store.time.advance(by: .seconds(9))
            let refund = ProviderRefund(key: "r", charge: charge, amount: Money(5, "USD"))
            guard case .refused("not-refundable", _) = await provider.refund(refund) else {
                Issue.record("nothing had been taken")
                return
            }
            #expect(try await store.number("SELECT COUNT(*) FROM entries WHERE kind = 'refunded'", in: .books) == 0)
        }
    }

    /// An order that agreed again by the third look was reported with those that did not.
    @Test func onlyWhatStaysWrongIsReported() async throws {
        try await withCheckout { checkout in
            let one = try #require(try await checkout.place([("a", 1)], key: "1").order)
            let two = try #require(try await checkout.place([("a", 1)], key: "2").order)
            let store = checkout.store
            @Sendable func shift(_ amount: Int64, _ order: OrderID) async throws {
                let text = "UPDATE entries SET amount = amount + \(amount) WHERE key = $1"
                try await store.tamper(text, [.text("\(order)/charge")], in: .books)
            }
            try await shift(-1, one)
            try await shift(-1, two)
            let provider = ChangingDatabase(inner: store.books, after: 3) { try? await shift(1, one) }
            let report = try await Verifier(
                shards: [(name: "shard-0", database: store.shard, dialect: .sqlite)], provider: provider,
                time: PauselessTime()
            ).run()
            #expect(report.findings.count == 1 && report.findings.first?.rows.count == 1)
            #expect(report.findings.first?.rows.first?.contains(two.description) == true)
            try await shift(1, two)
        }
    }

    /// A key was read, then revoked, then remembered: it went on working for five seconds.
    @Test func aRevocationIsNotUndoneByAReadFromBeforeIt() async throws {
        try await Registry.with { registry in
            _ = try await registry.create("One")
            let made = try await registry.newKey(.write)
            let (text, id) = (try #require(made["apiKey"]?.string), try #require(APIKeyID(made["id"]?.string ?? "")))
            let gate = Gate()
            registry.control.holdNextAnswer(at: gate)
            let service = registry.service
            async let early = service.authenticate(text)
            while gate.waitingCount == 0 { await Task.yield() }
            _ = try await service.revokeKey(organization: 0, id: id, key: nil)
            gate.open()
            _ = try await early
            #expect(try await service.authenticate(text) == nil)
        }
    }

    /// One organization that was moving away kept every other one's sagas from being found.
    @Test func aFencedOrganizationHoldsNobodyUp() async throws {
        try await withCheckout { checkout in
            let moving = try await Shop.open(in: checkout.store, number: 2)
            try await moving.product("a", stock: 3)
            let (server, provider) = (checkout.server, checkout.provider)
            checkout.script.always(.authorize, .hang)
            _ = try await checkout.store.drive { await server.place([("a", 1)], key: moving.key("k"), in: moving) }
            let heard = try await checkout.place([("a", 1)], key: "k")
            try await checkout.store.tamper("UPDATE fences SET state = 'fenced' WHERE organization = 2")
            let next = try await checkout.restarted()
            checkout.script.always(.authorize, nil)
            try await next.server.recover()
            #expect(try await next.shop.order(try #require(heard.order)).status == .confirmed)
            try await checkout.store.tamper("UPDATE fences SET state = 'active' WHERE organization = 2")
            try await next.server.recover()
            #expect(try await checkout.store.number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'") == 2)
            provider.resume()
            try await next.server.stop()
        }
    }

    /// A second cancel of a cancel that was stuck left the first one's key running for ever.
    @Test func aSecondCancelLeavesNoKeyBehind() async throws {
        var terms = CheckoutTerms()
        terms.attemptLimit = 3
        try await withCheckout(terms: terms) { checkout in
            checkout.script.then(.authorize, .unknownAndLost, .notSent, .notSent)
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            for verb in [Verb.void, .lookup] { checkout.script.always(verb, .unknownAndLost) }
            #expect(try await checkout.cancel(id, key: "first").isAccepted)
            try await checkout.store.pass(.seconds(60))
            #expect(try await checkout.shop.sagas(of: id).map(\.state) == [.stuck])
            for verb in [Verb.void, .lookup] { checkout.script.always(verb, nil) }
            #expect(try await checkout.cancel(id, key: "second").status == .canceled)
            #expect(try await checkout.store.findings() == [])
            #expect(try await checkout.cancel(id, key: "second").isReplay)
        }
    }

    /// An order that was queued only after an unknown outcome told nobody that it was.
    @Test func anOrderTellsThatItIsQueuedWheneverThatIs() async throws {
        try await withCheckout { checkout in
            checkout.script.then(.authorize, .unknownAndLost, .notSent, .notSent, .notSent)
            checkout.script.then(.lookup, .unknownAndLost, .unknownAndLost, .unknownAndLost)
            checkout.script.then(.lookup, .unknownAndLost, .unknownAndLost, .unknownAndLost)
            let heard = try await checkout.place([("a", 2)], key: "k")
            try await checkout.store.pass(.seconds(60))
            let events = try await checkout.shop.events(of: try #require(heard.order))
            #expect(events.filter { $0 == "payment:queued" }.count == 1)
            #expect(events.last == "order:confirmed")
        }
    }

    /// A code that is no plain word made the answer something that is not JSON.
    @Test func anyDeclineCodeIsJSON() throws {
        let order = OrderID(UUIDv7(high: 1, low: 2))
        let document = DeclineDocument.json(code: "do \"not\" honor\n", order: order)
        #expect(try JSONReader.parse(document).object?["declineCode"] == "do \"not\" honor\n")
    }

    /// After a crash with the provider away, a repeat was told to come back until the next sweep, minutes later; it was
    /// never told of its order.
    @Test func aRepeatOfAParkedUnknownOrderHearsOfIt() async throws {
        try await withCheckout { checkout in
            checkout.script.always(.authorize, .hang)
            checkout.script.always(.lookup, .unknownAndLost)
            _ = try await checkout.place([("a", 1)], key: "k")
            let next = try await checkout.restarted()
            try await next.server.recover()
            #expect(try await checkout.store.text("SELECT state FROM sagas") == "parked")
            let before = checkout.store.time.instant()
            let again = try await next.place([("a", 1)], key: "k")
            #expect(again.isAccepted && again.status == .pending)
            #expect(checkout.store.time.instant() - before < .seconds(1), "it need not wait for what nobody works on")
            checkout.script.always(.authorize, nil)
            checkout.script.always(.lookup, nil)
            try await checkout.store.leap(.seconds(400))
            let id = try #require(again.order)
            #expect(try await next.shop.order(id).status == .confirmed)
            checkout.provider.resume()
            try await next.server.stop()
        }
    }
}
