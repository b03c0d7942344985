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
    let lease: Duration
    let touchesStock = false

    init(caller: Caller, order: OrderID, key: RequestKey?, seed: UInt64, lease: Duration) {
        (self.caller, self.order, self.key, self.seed, self.lease) = (caller, order, key, seed, lease)
    }

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet
    ) throws(StorageError) -> Verdict<OperationOutcome> {
        switch change.order.status {
        case .pending: return takeOver(&change, &work)
        case .confirmed:
            if let saga = change.order.saga { return .discard(.busy(saga)) }
            // A confirmed order always has something left: when all is given back, it is `refunded`.
            let ticket = beginRefund(
                of: change.payment.refundable, reason: "canceled", as: SagaName.cancel, &change, &work, lease: lease)
            return .commit(.started(ticket))
        case .fulfilled, .failed, .expired, .canceled, .refunded:
            return illegal(change.order.status, "an order that is \(change.order.status.rawValue) cannot be canceled")
        }
    }

    private func takeOver(_ change: inout OrderWork, _ work: inout WorkingSet) -> Verdict<OperationOutcome> {
        guard let id = change.order.saga, let saga = work[SagaRecord.key(number, id)] else {
            return .discard(.refused(.shardUnavailable("order \(order) is pending without a saga")))
        }
        // One that is at work now is about to settle the order by itself; so is one that is being undone.
        guard saga.state == .parked || saga.state == .stuck else { return .discard(.busy(id)) }
        var transition = SagaTransition(saga, at: change.now)
        transition.handle(.compensate)
        transition.record.reason = "canceled"
        transition.record.dueAt = change.now
        transition.claim(lease: lease, "canceled by its owner")
        transition.note(.intended, StepName.release, change.payment.providerKey)
        transition.store(in: &work)
        // A cancel before this one was stuck: the order itself tells its caller what became of it.
        if let earlier = change.order.sagaScope.map({ IdempotencyRecord.key(number, $0) }), work.isLoaded(earlier) {
            work.remove(earlier)
        }
        change.order.sagaScope = key?.scope
        rememberKey(&work, change.now, saga: id)
        let brief = CheckoutBrief(
            payment: change.payment, order: order, sagaState: .compensating, holdsUntil: change.now)
        return .commit(
            .started(
                SagaTicket(
                    tenant: caller.tenant, id: id, definition: saga.definition, subject: order.uuid,
                    epoch: transition.record.epoch, mayHaveBeenCalled: true, memo: brief)))
    }
}
