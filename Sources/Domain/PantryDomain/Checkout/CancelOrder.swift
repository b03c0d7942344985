import Determinism
import Sagas
import Storage

/// Cancels an order: a confirmed one by a saga that gives the money back first; a waiting one by taking its checkout
/// over.
struct CancelOrder: OrderOperation {
    let caller: Caller
    let order: OrderID
    let key: RequestKey?
    let seed: UInt64
    let foresight: OrderForesight?
    /// Begins the saga that gives a confirmed order's money back.
    let sagas: SagaClaimant<RefundState>
    /// Turns the checkout of a waiting order back.
    let checkouts: SagaClaimant<CheckoutState>
    let touchesStock = false
    let touchesEarlierKey = true

    init(
        caller: Caller, order: OrderID, key: RequestKey?, seed: UInt64, foresight: OrderForesight? = nil,
        sagas: SagaClaimant<RefundState>, checkouts: SagaClaimant<CheckoutState>
    ) {
        (self.caller, self.order, self.key, self.seed, self.foresight) = (caller, order, key, seed, foresight)
        (self.sagas, self.checkouts) = (sagas, checkouts)
    }

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet
    ) throws(StorageError) -> Verdict<OperationOutcome> {
        switch change.order.status {
        case .pending: return try takeOver(&change, &work)
        case .confirmed:
            if let saga = change.order.saga { return .discard(.busy(saga)) }
            // A confirmed order always has something left: when all is given back, it is `refunded`.
            let ticket = try beginRefund(
                of: change.payment.refundable, reason: "canceled", by: sagas, &change, &work)
            return .commit(.started(ticket))
        case .fulfilled, .failed, .expired, .canceled, .refunded:
            return illegal(change.order.status, "an order that is \(change.order.status.rawValue) cannot be canceled")
        }
    }

    private func takeOver(
        _ change: inout OrderWork, _ work: inout WorkingSet
    ) throws(StorageError) -> Verdict<OperationOutcome> {
        guard let id = change.order.saga, let saga = work[SagaRecord.key(number, id)] else {
            return .discard(.refused(.shardUnavailable("order \(order) is pending without a saga")))
        }
        // One that is at work now is about to settle the order by itself; so is one that is being undone.
        guard saga.state == .parked || saga.state == .stuck else { return .discard(.busy(id)) }
        var canceled = change.order
        canceled.sagaScope = key?.scope
        let ticket = try checkouts.turnBack(saga, because: "canceled", in: &work, at: change.now, seed: seed) { state in
            state.ending = CheckoutEnding(.canceled)
            state.companions = OrderCompanions(canceled, skus: canceled.skus)
        }
        guard let ticket else { return .discard(.busy(id)) }
        // A cancel before this one was stuck: the order itself tells its caller what became of it.
        if let earlier = change.order.sagaScope { work.remove(IdempotencyRecord.key(number, earlier)) }
        change.order = canceled
        rememberKey(&work, change.now, saga: id)
        return .commit(.started(ticket))
    }
}
