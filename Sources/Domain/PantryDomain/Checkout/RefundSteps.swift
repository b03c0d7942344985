import Determinism
import Sagas
import Storage

/// The end of a cancel or refund: the provider has given the money back.
struct FinishRefund: OrderAction {
    typealias State = RefundState
    let isCancel: Bool
    let touchesStock = true

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ state: inout RefundState, _ context: StepContext
    ) throws(StorageError) -> LocalResult {
        var refund = try change.refund(state.input, in: work)
        (refund.status, refund.updatedAt) = (.succeeded, change.now)
        work.put(refund)
        change.payment.recordRefund(refund.amount, at: change.now)
        change.emitOrder("payment:refunded", into: &work)
        // Money that is all back before the units have left: the units are the shop's again.
        if change.order.status == .confirmed, isCancel || change.payment.status == .refunded {
            try change.releaseStock(.released, in: &work)
            change.setStatus(isCancel ? .canceled : .refunded, reason: refund.reason)
            try change.emitInventory("inventory:released", into: &work)
            change.emitOrder(isCancel ? "order:canceled" : "order:refunded", into: &work)
        }
        change.order.saga = nil
        change.order.updatedAt = change.now
        let answer = Answer(kind: isCancel ? .ok : .created, document: change.document())
        work.settleOperationKey(change.order, answer)
        change.order.sagaScope = nil
        state.report = .answer(answer)
        return .done
    }
}

/// The end of a cancel or refund that the provider refuses, which undoes what the first commit has noted: nothing has
/// changed.
struct DropRefund: OrderAction {
    typealias State = RefundState
    let touchesStock = false

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ state: inout RefundState, _ context: StepContext
    ) throws(StorageError) -> LocalResult {
        var refund = try change.refund(state.input, in: work)
        let code = state.refusal ?? "refused"
        (refund.status, refund.failureCode, refund.updatedAt) = (.failed, code, change.now)
        work.put(refund)
        change.payment.refunding -= refund.amount
        change.payment.updatedAt = change.now
        change.order.saga = nil
        work.freeOperationKey(change.order)
        change.order.sagaScope = nil
        state.report = .refused(.paymentDeclined(code: code))
        return .done
    }
}

extension OrderWork {
    fileprivate func refund(_ input: SagaInput, in work: WorkingSet) throws(StorageError) -> RefundRecord {
        guard let id = input.refund, let refund = work[RefundRecord.key(order.organization, id)] else {
            throw .corrupt("order \(order.id) has no such refund")
        }
        return refund
    }
}
