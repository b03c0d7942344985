import Determinism
import Sagas
import Storage

/// The end of a cancel or refund saga: the provider has given the money back.
struct FinishRefund: OrderStep {
    typealias Outcome = CheckoutReport
    let receipt: ProviderReceipt
    let seed: UInt64
    let touchesStock = true

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ saga: inout SagaTransition
    ) throws(StorageError) -> Verdict<CheckoutReport> {
        guard let id = saga.input?.refund, var refund = work[RefundRecord.key(change.order.organization, id)] else {
            throw .corrupt("saga \(saga.record.id) has no refund")
        }
        (refund.status, refund.updatedAt) = (.succeeded, change.now)
        work.put(refund)
        change.payment.recordRefund(refund.amount, at: change.now)
        saga.note(.completed, StepName.refund, receipt.reference)
        change.emitOrder("payment:refunded", into: &work)
        let isCancel = saga.record.definition == SagaName.cancel
        // Money that is all back before the units have left: the units are the shop's again.
        if change.order.status == .confirmed, isCancel || change.payment.status == .refunded {
            try change.releaseStock(.released, in: &work)
            change.setStatus(isCancel ? .canceled : .refunded, reason: refund.reason)
            try change.emitInventory("inventory:released", into: &work)
            change.emitOrder(isCancel ? "order:canceled" : "order:refunded", into: &work)
        }
        change.order.saga = nil
        change.order.updatedAt = change.now
        saga.succeed(StepName.finish)
        let answer = Answer(kind: isCancel ? .ok : .created, document: change.document())
        work.settleOperationKey(change.order, answer)
        change.order.sagaScope = nil
        return .commit(.answer(answer))
    }
    func broken(_ error: StorageError) -> CheckoutReport { .refused(.shardUnavailable(error.description)) }
}

/// The end of a cancel or refund saga that the provider refuses: nothing has changed.
struct DropRefund: OrderStep {
    typealias Outcome = CheckoutReport
    let code: String
    let reason: String
    let seed: UInt64
    let touchesStock = false

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ saga: inout SagaTransition
    ) throws(StorageError) -> Verdict<CheckoutReport> {
        guard let id = saga.input?.refund, var refund = work[RefundRecord.key(change.order.organization, id)] else {
            throw .corrupt("saga \(saga.record.id) has no refund")
        }
        (refund.status, refund.failureCode, refund.updatedAt) = (.failed, code, change.now)
        work.put(refund)
        change.payment.refunding -= refund.amount
        change.payment.updatedAt = change.now
        change.order.saga = nil
        saga.note(.failed, StepName.refund, "\(code): \(reason)")
        saga.undone(StepName.finish, "the provider refused the refund: \(code)")
        work.freeOperationKey(change.order)
        change.order.sagaScope = nil
        return .commit(.refused(.paymentDeclined(code: code)))
    }
    func broken(_ error: StorageError) -> CheckoutReport { .refused(.shardUnavailable(error.description)) }
}

extension SagaTransition {
    var input: SagaInput? { SagaInput(json: record.input) }
}
