import Determinism
import Sagas
import Storage

/// What a POST of an order comes to.
package enum PlacedOrder: Sendable {
    case answer(Answer, isReplay: Bool)
    /// Not settled yet: the order as it is now.
    case accepted(document: String, isReplay: Bool)
}

/// Orders from the outside: begins their sagas, and waits for them as long as the caller may wait.
package struct OrderService: Sendable {
    private let terms: CheckoutTerms
    private let time: any TimeSource
    private let random: any RandomSource

    package init(terms: CheckoutTerms, time: any TimeSource, random: any RandomSource) {
        (self.terms, self.time, self.random) = (terms, time, random)
    }

    /// Places an order. A repeat of a key joins the first attempt wherever that is, and hears its answer.
    package func place(
        _ order: OrderRequest, key: RequestKey, in context: TenantContext
    ) async throws(Refusal) -> PlacedOrder {
        let deadline = min(context.deadline, time.instant() + terms.wait)
        var pause = Self.firstPause
        while true {
            let command = PlaceOrder(
                caller: context.caller, order: order, key: key, terms: terms, sagas: context.checkouts,
                seed: random.next())
            switch try await context.submit(command) {
            case .started(let ticket):
                return try await settle(ticket, key, until: deadline, in: context)
            case .replay(let answer): return .answer(answer, isReplay: true)
            case .kept(let answer): return .answer(answer, isReplay: false)
            case .refused(let refusal): throw refusal
            // Each time there are fewer; once the request's time is up the lane refuses it.
            case .cleared: continue
            case .running(let order, let saga, let isAccepted):
                if isAccepted { return .accepted(document: try await document(order, in: context), isReplay: true) }
                try await waitFor(saga, &pause, until: deadline, in: context)
            }
        }
    }

    private func settle(
        _ ticket: SagaTicket, _ key: RequestKey, until deadline: Instant, in context: TenantContext
    ) async throws(Refusal) -> PlacedOrder {
        switch await context.report(on: ticket, until: deadline) {
        case .answer(let answer): return .answer(answer, isReplay: false)
        case .refused(let refusal): throw refusal
        case .waiting, nil:
            // Not settled in time. From now on a repeat is told the order's present state, not a first answer.
            let accept = AcceptOrder(
                organization: context.number, scope: key.scope, order: OrderID(ticket.subject))
            switch try await context.submit(accept) {
            case .accepted: break
            case .settled(let answer): return .answer(answer, isReplay: false)
            case .freed: throw .paymentUnavailable("the payment could not be made, and the order was undone")
            }
        }
        return .accepted(document: try await document(OrderID(ticket.subject), in: context), isReplay: false)
    }

    /// Cancels an order; nil in `accepted` when its money is not back yet.
    package func cancel(
        _ order: OrderID, key: RequestKey?, in context: TenantContext
    ) async throws(Refusal) -> PlacedOrder {
        try await operate(order, in: context) { foresight in
            CancelOrder(
                caller: context.caller, order: order, key: key, seed: random.next(), foresight: foresight,
                sagas: context.refunds(context.shard.sagas.cancel), checkouts: context.allCheckouts)
        }
    }

    /// Gives back `amount` minor units, or all that is left.
    package func refund(
        _ order: OrderID, amount: Int64?, currency: String? = nil, reason: String?, key: RequestKey,
        in context: TenantContext
    ) async throws(Refusal) -> PlacedOrder {
        try await operate(order, in: context) { foresight in
            RefundOrder(
                caller: context.caller, order: order, amount: amount, currency: currency, reason: reason, key: key,
                seed: random.next(), foresight: foresight, sagas: context.refunds(context.shard.sagas.refund))
        }
    }

    package func fulfill(
        _ order: OrderID, key: RequestKey?, in context: TenantContext
    ) async throws(Refusal) -> PlacedOrder {
        try await operate(order, in: context) { foresight in
            FulfillOrder(caller: context.caller, order: order, key: key, seed: random.next(), foresight: foresight)
        }
    }

    private func operate<Operation: OrderOperation>(
        _ order: OrderID, in context: TenantContext, _ operation: (OrderForesight?) -> Operation
    ) async throws(Refusal) -> PlacedOrder {
        let deadline = min(context.deadline, time.instant() + terms.wait)
        var pause = Self.firstPause
        while true {
            // The lane is held for one trip less; where there are none, a look would only cost.
            let foresight =
                context.shard.lane.loadsAreRemote ? await OrderQueries.foresight(of: order, in: context) : nil
            switch try await context.submit(operation(foresight)) {
            case .answer(let answer, let isReplay): return .answer(answer, isReplay: isReplay)
            case .refused(let refusal): throw refusal
            case .busy(let saga):
                do { try await waitFor(saga, &pause, until: deadline, in: context) } catch {
                    throw .busy("another operation on the order has not ended yet")
                }
            case .joins(let saga): try await waitFor(saga, &pause, until: deadline, in: context)
            case .started(let ticket):
                switch await context.report(on: ticket, until: deadline) {
                case .answer(let answer): return .answer(answer, isReplay: false)
                case .refused(let refusal): throw refusal
                case .waiting, nil: return .accepted(document: try await document(order, in: context), isReplay: false)
                }
            }
        }
    }

    private static let (firstPause, longestPause) = (Duration.milliseconds(25), Duration.milliseconds(400))

    /// Waits for a saga that is at work, here or on another server; ever longer, since it may be one that nobody moves,
    /// and each look is a command of the lane.
    private func waitFor(
        _ saga: SagaID, _ pause: inout Duration, until deadline: Instant, in context: TenantContext
    ) async throws(Refusal) {
        if await context.report(of: saga, until: deadline) != nil { return }
        guard time.instant() + Self.firstPause < deadline else { throw .keyInProgress }
        do { try await time.sleep(until: min(time.instant() + pause, deadline)) } catch { throw .keyInProgress }
        pause = min(pause * 2, Self.longestPause)
    }

    private func document(_ order: OrderID, in context: TenantContext) async throws(Refusal) -> String {
        try await OrderQueries.order(order, .strong, in: context).document
    }
}

extension TenantContext {
    /// What begins checkouts; nil when there is no room for another one.
    fileprivate var checkouts: SagaClaimant<CheckoutState>? { shard.sagas.runtime.hasRoom ? allCheckouts : nil }
    fileprivate var allCheckouts: SagaClaimant<CheckoutState> {
        shard.sagas.runtime.claimant(of: shard.sagas.checkout, for: caller.tenant)
    }
    fileprivate func refunds(_ definition: SagaDefinition<RefundState>) -> SagaClaimant<RefundState> {
        shard.sagas.runtime.claimant(of: definition, for: caller.tenant)
    }

    /// Works on a saga that has just been begun or taken over; what it comes to, or nil when `deadline` has passed.
    fileprivate func report(on ticket: SagaTicket, until deadline: Instant) async -> CheckoutReport? {
        heard(await shard.sagas.runtime.startAndReport(ticket, until: deadline))
    }
    /// What a saga that is at work here comes to; nil when none is, or when `deadline` has passed.
    fileprivate func report(of saga: SagaID, until deadline: Instant) async -> CheckoutReport? {
        heard(await shard.sagas.runtime.report(of: saga, until: deadline))
    }
    private func heard(_ report: SagaReport?) -> CheckoutReport? {
        if let report {
            if let position = report.position { trail.note(position) } else { trail.lose() }
        }
        return report?.checkout
    }
}
