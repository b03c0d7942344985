import Determinism
import DeterminismTestKit
import Testing

@testable import PantryDomain
@testable import Sagas
@testable import Storage

/// Commands that meet in one transaction.
@Suite struct SharedBatchTests {
    /// Two commands that wait when the lane begins to run share a batch, in the order in which they came.
    private func inOneBatch<A: LaneCommand, B: LaneCommand>(
        _ first: A, _ second: B, in checkout: Checkout
    ) async throws -> (A.Outcome, B.Outcome) {
        let store = checkout.store
        let (tenant, deadline) = (checkout.shop.tenant, store.time.instant() + .seconds(60))
        let lane = WriteLane(engine: store.shard, time: store.time)
        async let one = lane.submit(first, tenant: tenant, deadline: deadline)
        while lane.waitingCount < 1 { await Task.yield() }
        async let two = lane.submit(second, tenant: tenant, deadline: deadline)
        while lane.waitingCount < 2 { await Task.yield() }
        let loop = Task { await lane.run() }
        let outcomes = try await (one, two)
        lane.stop()
        await loop.value
        return outcomes
    }

    /// An order under the key `k`.
    private func placing(_ seed: UInt64, in checkout: Checkout) -> PlaceOrder {
        PlaceOrder(
            caller: checkout.shop.caller,
            order: OrderRequest(items: [("a", 1)], method: "pm_ok", onUnavailable: .fail, metadata: nil),
            key: checkout.shop.key("k"), terms: checkout.terms, sagas: checkout.shop.checkouts, seed: seed)
    }

    /// The key was asked for behind order and saga: a repeat on another server, which comes through the key to the
    /// saga, and the confirmation waited for each other until a lock's patience was over; and each went for rows twice.
    @Test func whatAnOrderLocksIsNamedAtOnce() async throws {
        try await withCheckout { checkout in
            guard case .answer = try await checkout.place([("a", 1), ("b", 1)], key: "k") else {
                Issue.record("the order was not confirmed")
                return
            }
            #expect(checkout.server.trips.seen.all == [1, 1])
            _ = try await checkout.place([("a", 1)], key: "declined", method: "pm_declined")
            // The stock that is given back is what the order's first commit has held.
            #expect(checkout.server.trips.seen.all == [1, 1, 1, 1])
        }
    }

    /// A cancel, a refund or a fulfilment went for the order, and then for what the order named: the locks were held
    /// for a trip more. Where there are trips, a look before tells.
    @Test func anOperationNamesAllAtOnceWhereLoadsAreTrips() async throws {
        try await withCheckout(loadsAreRemote: true) { checkout in
            let first = try #require(try await checkout.place([("a", 1), ("b", 1)], key: "1").order)
            let second = try #require(try await checkout.place([("a", 1)], key: "2").order)
            #expect(checkout.server.trips.seen.all == [1, 1, 1, 1])
            #expect(try await checkout.fulfill(first).status == .fulfilled)
            #expect(try await checkout.refund(first, 100, key: "r").kind == .created)
            #expect(try await checkout.cancel(second, key: "c").status == .canceled)
            #expect(checkout.server.trips.seen.all == [1, 1, 1, 1, 1, 1, 1, 1, 1])
        }
    }

    /// A saga that another run has begun went for its order, and then for what the order named, in each of its commits.
    @Test func aSagaThatIsTakenUpNamesAllAtOnceWhereLoadsAreTrips() async throws {
        try await withCheckout(loadsAreRemote: true) { checkout in
            checkout.script.then(.authorize, .unavailable)
            let id = try #require(try await checkout.place([("a", 2), ("b", 1)], key: "1").order)
            try await checkout.store.pass(.seconds(600))
            #expect(try await checkout.shop.order(id).status == .confirmed)
            for verb in [Verb.refund, .lookup] { checkout.script.always(verb, .unavailable) }
            #expect(try await checkout.cancel(id, key: "c").isAccepted)
            try await checkout.store.pass(.seconds(120))
            for verb in [Verb.refund, .lookup] { checkout.script.always(verb, nil) }
            try await checkout.store.pass(.seconds(600))
            #expect(try await checkout.shop.order(id).status == .canceled)
            let trips = checkout.server.trips.seen.all
            #expect(trips.count >= 6 && trips.allSatisfy { $0 <= 1 }, "\(trips)")
        }
    }

    /// A stock change names all its rows at once, but behind its key nobody heard of it: it was asked again and again,
    /// and kept its batch from being under way beside others.
    @Test func aKeyedStockChangeNamesItsRowsAtOnce() {
        let change = AdjustStock(
            organization: 1, sku: "a", delta: 1, reason: "delivery", reference: nil, seed: 1, traceparent: nil)
        let keys: [RequestKey?] = [RequestKey(route: "stock:adjust", key: "k", fingerprint: "f"), nil]
        for request in keys {
            let command = IdempotentCommand(change, organization: 1, request: request)
            let submission = Submission.of(command, tenant: nil, deadline: Instant(nanoseconds: 0)) { _ in }
            #expect(submission.firstNeeds.count == (request == nil ? 2 : 3))
            #expect(submission.hasNamedAllAtFirst && !submission.mayNameMore)
        }
    }

    /// Somebody else held a product's row, and the repeat of an order that was answered long ago waited for it.
    @Test func aRepeatNeedsNothingOfTheProducts() async throws {
        try await withCheckout { checkout in
            let (number, key) = (checkout.shop.caller.tenant.organization, checkout.shop.key("k"))
            let (place, row) = (placing(1, in: checkout), IdempotencyRecord.key(number, key.scope))
            for known in [true, false] {
                var work = WorkingSet()
                let first = IdempotencyRecord(
                    organization: number, request: key, now: checkout.store.time.now(),
                    state: .settled, answer: Answer(kind: .outOfStock, document: "[]"))
                _ = work.ask(for: .row(row))
                work.absorb(.row(row), known ? [RecordBox(first)] : [])
                #expect(place.needs(work).isEmpty == known)
            }
        }
    }

    /// A key that a command before it in the batch has freed, while the repeat had waited for no product's row: it read
    /// what was not loaded, and the process ended.
    @Test func aRepeatWhoseKeyWasFreedAsksForItsProducts() async throws {
        try await withCheckout { checkout in
            let (number, key) = (checkout.shop.caller.tenant.organization, checkout.shop.key("k"))
            let (place, row) = (placing(1, in: checkout), IdempotencyRecord.key(number, key.scope))
            var work = WorkingSet()
            _ = work.ask(for: .row(row))
            work.absorb(.row(row), [])
            guard case .more(let needs) = place.decide(&work, at: checkout.store.time.now()) else {
                Issue.record("it has decided over rows that are not there")
                return
            }
            #expect(needs.count == 3)
        }
    }

    /// The key is there when the rows are loaded, and gone when the repeat decides: it runs afresh.
    @Test func aRepeatInTheBatchThatFreesItsKey() async throws {
        try await withCheckout { checkout in
            let begun = try await checkout.store.submit(placing(1, in: checkout), tenant: checkout.shop.tenant)
            guard case .started(let ticket) = begun else {
                Issue.record("\(begun)")
                return
            }
            let refused = ExternalOutcome<CheckoutState>.refused("voided") { state in
                state.ending = CheckoutEnding(.unavailable("down"))
            }
            let close = AdvanceSaga(
                definition: checkout.store.nobody.checkout, terms: SagaTerms(), move: .finished(1, refused), known: nil,
                busy: BusySteps(), chance: 2)
            let (closed, again) = try await inOneBatch(
                SagaCommand(close, saga: ticket.id, organization: 1, epoch: 1), placing(3, in: checkout), in: checkout)
            guard case .done(.advanced(let situation)) = closed, case .refused = situation.state.report,
                case .started(let second) = again
            else {
                Issue.record("\(closed), then \(again)")
                return
            }
            #expect(second.subject != ticket.subject)
            #expect(try await checkout.shop.stock("a").reserved == 1)
            try await checkout.store.pass(.seconds(40))
            #expect(try await checkout.shop.order(OrderID(second.subject)).status == .confirmed)
        }
    }
}
