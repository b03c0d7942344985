import Storage

/// Gives money back, in part or in full.
struct RefundOrder: OrderOperation {
    let caller: Caller
    let order: OrderID
    /// Minor units; nil for all that is left.
    let amount: Int64?
    let reason: String?
    let key: RequestKey?
    let seed: UInt64
    let lease: Duration
    let touchesStock = false

    init(
        caller: Caller, order: OrderID, amount: Int64?, reason: String?, key: RequestKey?, seed: UInt64, lease: Duration
    ) {
        (self.caller, self.order, self.amount, self.reason) = (caller, order, amount, reason)
        (self.key, self.seed, self.lease) = (key, seed, lease)
    }

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet
    ) throws(StorageError) -> Verdict<OperationOutcome> {
        guard change.order.status.stands else {
            return illegal(change.order.status, "only a confirmed or fulfilled order can be refunded")
        }
        if let saga = change.order.saga { return .discard(.busy(saga)) }
        let left = change.payment.refundable
        guard left > 0 else { return illegal(change.order.status, "all of the payment has been refunded") }
        let amount = amount ?? left
        guard amount <= left else {
            let detail =
                "at most \(left) can be refunded: \(change.payment.captured) captured, "
                + "\(change.payment.refunded) refunded already"
            return .discard(.refused(.invalid([FieldProblem("/amount", "too-large", detail)])))
        }
        let ticket = beginRefund(of: amount, reason: reason, as: SagaName.refund, &change, &work, lease: lease)
        return .commit(.started(ticket))
    }
}
