import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Testing

@testable import PantryDomain
@testable import Sagas

/// Cancel, refund and fulfilment begin, or are refused, by the order's status and the saga that holds it.
@Suite struct OrderOperationTests {
    private enum Expected: Hashable {
        case started(String)
        case answered
        case busy
        case illegal
        case broken
    }
    private enum Operation: CaseIterable { case cancel, refund, fulfill }

    /// The whole table. `saga` is the state of the saga that holds the order, or nil.
    private func expected(_ operation: Operation, _ status: OrderStatus, _ saga: SagaStateMachine.State?) -> Expected {
        switch (operation, status, saga) {
        case (.cancel, .pending, nil): .broken
        case (.cancel, .pending, .parked), (.cancel, .pending, .stuck): .started("checkout")
        case (.cancel, .pending, _): .busy
        case (.cancel, .confirmed, nil): .started("cancel")
        case (.refund, .confirmed, nil), (.refund, .fulfilled, nil): .started("refund")
        case (.fulfill, .confirmed, nil): .answered
        case (.cancel, .confirmed, _), (.refund, .confirmed, _), (.refund, .fulfilled, _), (.fulfill, .confirmed, _):
            .busy
        default: .illegal
        }
    }

    /// What the command knows of the order before.
    private enum Knowledge: CaseIterable {
        case none
        case exact
        /// The order has changed hands since.
        case stale
    }
    private func foresight(_ knowledge: Knowledge, of id: OrderID, in shop: Shop) async throws -> OrderForesight? {
        let order = try await shop.order(id)
        var foresight = OrderForesight(order, skus: order.skus)
        switch knowledge {
        case .none: return nil
        case .exact: return foresight
        case .stale:
            foresight.saga = order.saga == nil ? SagaID(id.uuid) : nil
            foresight.sagaScope = order.sagaScope == nil ? "earlier" : nil
            return foresight
        }
    }

    private func outcome(
        _ operation: Operation, _ id: OrderID, _ shop: Shop, _ foresight: OrderForesight? = nil
    ) async throws -> OperationOutcome {
        let (caller, store, tenant) = (shop.caller, shop.store, shop.tenant)
        switch operation {
        case .cancel:
            let command = CancelOrder(
                caller: caller, order: id, key: nil, seed: id.uuid.low, foresight: foresight,
                sagas: shop.refunds(SagaName.cancel), checkouts: shop.checkouts)
            return try await store.submit(command, tenant: tenant)
        case .refund:
            let command = RefundOrder(
                caller: caller, order: id, amount: 100, reason: nil, key: nil, seed: id.uuid.low, foresight: foresight,
                sagas: shop.refunds(SagaName.refund))
            return try await store.submit(command, tenant: tenant)
        case .fulfill:
            return try await store.submit(
                FulfillOrder(caller: caller, order: id, key: nil, seed: id.uuid.low, foresight: foresight),
                tenant: tenant)
        }
    }

    private func kind(_ outcome: OperationOutcome) -> Expected {
        switch outcome {
        case .started(let ticket): .started(ticket.definition)
        case .answer: .answered
        case .busy, .joins: .busy
        case .refused(.invalidTransition): .illegal
        case .refused: .broken
        }
    }

    /// An order of one unit of `a` in that status, with a payment that fits, held by a saga in that state.
    private func plant(
        _ status: OrderStatus, _ state: SagaStateMachine.State?, _ mint: inout IdentifierMint, in shop: Shop
    ) async throws -> OrderID {
        let now = shop.store.time.now()
        let (id, paymentID, sagaID) = (
            mint.next(OrderKind.self, at: now), mint.next(PaymentKind.self, at: now), mint.next(SagaKind.self, at: now)
        )
        let line = OrderLine(sku: "a", quantity: 1, unitPrice: Money(250, "USD"), amount: Money(250, "USD"))
        var order = OrderRecord(
            organization: shop.number, id: id, total: Money(250, "USD"), lines: OrderLine.encode([line]),
            metadata: nil, payment: paymentID, idempotencyScope: nil, saga: sagaID, now: now)
        (order.status, order.saga) = (status, state == nil ? nil : sagaID)
        _ = order.nextEvent()
        var payment = PaymentRecord(
            organization: shop.number, id: paymentID, order: id, amount: Money(250, "USD"), method: "pm_ok",
            onUnavailable: .queue, now: now)
        if status.stands { (payment.status, payment.captured) = (.captured, 250) }
        var saga = SagaRecord(
            organization: shop.number, id: sagaID, definition: "checkout", version: 1, subject: id.uuid,
            input: SagaInput(organizationID: shop.organizationID, traceparent: nil).json, step: "charge", now: now,
            lease: .seconds(30))
        saga.state = state ?? .running
        let hold = ReservationRecord(
            organization: shop.number, sku: "a", order: id, quantity: 1, state: .pinned, now: now, expiresAt: now)
        let (plantedOrder, plantedPayment, plantedSaga) = (order, payment, saga)
        _ = try await shop.store.submit(
            Plant { work in
                work.insert(plantedOrder)
                work.insert(plantedPayment)
                if state != nil { work.insert(plantedSaga) }
                if status.stands { work.insert(hold) }
            }, tenant: shop.tenant)
        if status.stands { try await shop.store.tamper("UPDATE stock SET reserved = reserved + 1") }
        return id
    }

    private func orderVersion(_ id: OrderID, _ store: Store) async throws -> Int64 {
        try await store.number("SELECT version FROM orders WHERE id = $1", [.uuid(id.uuid)])
    }

    /// Whatever is known of the order before, and whether it still holds: it only names rows.
    @Test(arguments: Knowledge.allCases)
    private func everyStatusAndSagaStateHasItsAnswer(_ knowledge: Knowledge) async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 1_000)
            var mint = IdentifierMint(seed: 5, slot: Slot.of(organization: 1))
            for operation in Operation.allCases {
                for status in OrderStatus.allCases {
                    for state in [nil] + SagaStateMachine.State.allCases.map(Optional.init) {
                        let id = try await plant(status, state, &mint, in: shop)
                        let before = try await orderVersion(id, store)
                        let foresight = try await foresight(knowledge, of: id, in: shop)
                        let outcome = try await outcome(operation, id, shop, foresight)
                        let words: Comment = "\(operation) of \(status) held by \(String(describing: state))"
                        #expect(kind(outcome) == expected(operation, status, state), words)
                        let after = try await orderVersion(id, store)
                        switch kind(outcome) {
                        case .started, .answered: #expect(after != before, words)
                        case .busy, .illegal, .broken: #expect(after == before, "changes nothing: \(words)")
                        }
                        if case .refused(.invalidTransition(let from, let allowed, _)) = outcome {
                            #expect(from == status.rawValue && allowed == status.next.map(\.rawValue), words)
                        }
                    }
                }
            }
        }
    }

    /// What a worker still wants to write.
    private struct Late: SagaStep {
        func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need] { [] }
        func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<Bool> {
            saga.succeed("confirm")
            return .commit(true)
        }
    }

    @Test func aTakeoverFencesTheWorkerBefore() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 10)
            var mint = IdentifierMint(seed: 6, slot: Slot.of(organization: 1))
            let id = try await plant(.pending, .parked, &mint, in: shop)
            guard case .started(let ticket) = try await outcome(.cancel, id, shop) else {
                Issue.record("a parked checkout is taken over")
                return
            }
            #expect(ticket.epoch == 2 && ticket.mayHaveBeenCalled)
            let saga = try #require(await shop.sagas(of: id).first)
            #expect(saga.state == .compensating && saga.epoch == 2 && saga.reason == "canceled")
            let command = SagaCommand(Late(), saga: saga.id, organization: shop.number, epoch: 1)
            guard case .fenced = try await store.submit(command, tenant: shop.tenant) else {
                Issue.record("the worker before changed something")
                return
            }
            #expect(try await shop.order(id).status == .pending)
        }
    }

    @Test func aRefundIsBoundedByWhatIsLeft() async throws {
        try await withCheckout { checkout in
            let placed = try await checkout.place([("a", 2)], key: "k")
            let id = try #require(placed.order)
            let tooMuch = try await checkout.refund(id, 501, key: "r0")
            guard case .refused(.invalid(let problems)) = tooMuch else {
                Issue.record("\(tooMuch)")
                return
            }
            #expect(problems.map(\.pointer) == ["/amount"] && problems.map(\.code) == ["too-large"])
            #expect(try await checkout.refund(id, 200, key: "r1").paymentStatus == "partiallyRefunded")
            #expect(try await checkout.fulfill(id).status == .fulfilled)
            let rest = try await checkout.refund(id, nil, key: "r2")
            #expect(rest.kind == .created && rest.paymentStatus == "refunded")
            #expect(rest.status == .fulfilled, "the units have left; the order stays fulfilled")
            guard case .refused(.invalidTransition) = try await checkout.refund(id, 1, key: "r3") else {
                Issue.record("nothing is left to refund")
                return
            }
            #expect(try await checkout.shop.payment(id).refunded == 500)
            #expect(try await checkout.shop.stock("a").onHand == 8)
        }
    }

    @Test func allMoneyBackBeforeTheUnitsLeaveGivesThemBack() async throws {
        try await withCheckout { checkout in
            let id = try #require(try await checkout.place([("a", 4)], key: "k").order)
            _ = try await checkout.refund(id, 400, key: "r1")
            #expect(try await checkout.shop.stock("a").reserved == 4)
            let rest = try await checkout.refund(id, nil, key: "r2")
            #expect(rest.status == .refunded)
            #expect(try await checkout.shop.stock("a").reserved == 0)
            #expect(try await checkout.shop.booked(id) == ["captured", "refunded", "refunded"])
        }
    }

    @Test func operationsRememberTheirKeys() async throws {
        try await withCheckout { checkout in
            let id = try #require(try await checkout.place([("a", 1)], key: "k").order)
            let refund = try await checkout.refund(id, 100, key: "r")
            let again = try await checkout.refund(id, 100, key: "r")
            #expect(again.isReplay && again.document == refund.document)
            #expect(try await checkout.shop.payment(id).refunded == 100)
            let cancel = try await checkout.cancel(id, key: "c")
            #expect(cancel.kind == .ok && cancel.status == .canceled && cancel.paymentStatus == "refunded")
            let repeated = try await checkout.cancel(id, key: "c")
            #expect(repeated.isReplay && repeated.document == cancel.document)
            let (server, shop) = (checkout.server, checkout.shop)
            let reused = RequestKey(route: "orders:cancel", key: "c", fingerprint: "another")
            let heard = try await checkout.store.drive { await server.cancel(id, key: reused, in: shop) }
            #expect(heard == .refused(.keyReused))
            let other = try #require(try await checkout.place([("b", 1)], key: "k2").order)
            let left = try await checkout.fulfill(other, key: "f")
            #expect(try await checkout.fulfill(other, key: "f").document == left.document)
        }
    }

    @Test func aRefundThatTheProviderRefusesLeavesTheOrderAsItWas() async throws {
        try await withCheckout { checkout in
            let id = try #require(try await checkout.place([("a", 1)], key: "k").order)
            checkout.script.then(.refund, .refuse("account-closed"))
            let heard = try await checkout.cancel(id, key: "c")
            guard case .refused(.paymentDeclined(code: "account-closed")) = heard else {
                Issue.record("the provider refused: \(heard)")
                return
            }
            let (order, payment) = (try await checkout.shop.order(id), try await checkout.shop.payment(id))
            #expect(order.status == .confirmed && order.saga == nil && order.sagaScope == nil)
            #expect(payment.status == .captured && payment.refunding == 0)
            #expect(try await checkout.cancel(id, key: "c").status == .canceled, "its key is free again")
        }
    }

    /// Its caller was told 202, and nothing in the order itself tells that no money is coming.
    @Test(arguments: [false, true])
    func aRefundRefusedAfterA202IsSeenInTheTimeline(_ isCancel: Bool) async throws {
        try await withCheckout { checkout in
            let id = try #require(try await checkout.place([("a", 1)], key: "k").order)
            checkout.script.then(.refund, .unavailable)
            checkout.script.always(.refund, .refuse("account-closed"))
            let heard = try await isCancel ? checkout.cancel(id, key: "r") : checkout.refund(id, 100, key: "r")
            #expect(heard.isAccepted, "\(heard)")
            try await checkout.store.pass(.seconds(120))
            let (server, shop) = (checkout.server, checkout.shop)
            let timeline = try await OrderQueries.timeline(id, .strong, in: server.context(shop)).document
            let saga = try #require(try JSONReader.parse(timeline).object?["data"]?.array?.last?.object)
            #expect(saga["saga"]?.string == (isCancel ? "cancel" : "refund"))
            #expect(saga["state"]?.string == "compensated")
            #expect(saga["reason"]?.string?.contains("account-closed") == true, "\(timeline)")
            let payment = try await shop.payment(id)
            #expect(payment.status == .captured && payment.refunding == 0)
            checkout.script.always(.refund, nil)
            let again = try await isCancel ? checkout.cancel(id, key: "r") : checkout.refund(id, 100, key: "r")
            #expect(again.kind != nil && !again.isReplay, "its key is free again: \(again)")
        }
    }
}
