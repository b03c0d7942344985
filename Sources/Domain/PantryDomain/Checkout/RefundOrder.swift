import Sagas
import Storage

/// Gives money back, in part or in full.
struct RefundOrder: OrderOperation {
    let caller: Caller
    let order: OrderID
    /// Minor units; nil for all that is left.
    let amount: Int64?
    /// The currency that `amount` was given in; nil for the order's.
    let currency: String?
    let reason: String?
    let key: RequestKey?
    let seed: UInt64
    let foresight: OrderForesight?
    /// Begins the saga.
    let sagas: SagaClaimant<RefundState>
    let touchesStock = false

    init(
        caller: Caller, order: OrderID, amount: Int64?, currency: String? = nil, reason: String?, key: RequestKey?,
        seed: UInt64, foresight: OrderForesight? = nil, sagas: SagaClaimant<RefundState>
    ) {
        (self.caller, self.order, self.amount, self.currency) = (caller, order, amount, currency)
        (self.reason, self.key, self.seed, self.foresight, self.sagas) = (reason, key, seed, foresight, sagas)
    }

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet
    ) throws(StorageError) -> Verdict<OperationOutcome> {
        guard change.order.status.stands else {
            return illegal(change.order.status, "only a confirmed or fulfilled order can be refunded")
        }
        if let saga = change.order.saga { return .discard(.busy(saga)) }
        if let currency, currency != change.order.total.currency {
            let detail = "the order was paid in \(change.order.total.currency)"
            return .discard(.refused(.invalid([FieldProblem("/amount/currency", "wrong-currency", detail)])))
        }
        let left = change.payment.refundable
        guard left > 0 else { return illegal(change.order.status, "all of the payment has been refunded") }
        let amount = amount ?? left
        guard amount <= left else {
            let detail =
                "at most \(left) can be refunded: \(change.payment.captured) captured, "
                + "\(change.payment.refunded) refunded already"
            return .discard(.refused(.invalid([FieldProblem("/amount", "too-large", detail)])))
        }
        let ticket = try beginRefund(of: amount, reason: reason, by: sagas, &change, &work)
        return .commit(.started(ticket))
    }
}
