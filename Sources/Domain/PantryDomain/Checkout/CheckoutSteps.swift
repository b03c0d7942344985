import Determinism
import Sagas
import Storage
import StrictJSON

/// The second commit of an order: the charge's result, and the confirmation. The checkout's pivot.
struct ConfirmOrder: OrderAction {
    typealias State = CheckoutState
    let touchesStock = false

    /// The units of one that has waited are among those that wait.
    func touchesStock(_ state: CheckoutState) -> Bool { state.wasQueued }

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ state: inout CheckoutState, _ context: StepContext
    ) throws(StorageError) -> LocalResult {
        guard change.order.status == .pending else { return .refused("the order is \(change.order.status.rawValue)") }
        if state.wasQueued { try change.pinStock(in: &work) }
        change.setPayment(.captured)
        change.payment.captured = change.payment.amount.amount
        (change.payment.providerReference, state.receipt) = (state.receipt, nil)
        change.setStatus(.confirmed)
        change.order.saga = nil
        change.emitOrder("payment:completed", into: &work)
        change.emitOrder("order:confirmed", into: &work)
        let answer = Answer(kind: .created, document: change.document())
        work.settleOrderKey(change.order, answer)
        state.report = .answer(answer)
        return .done
    }
}

/// The end of an order that does not come about, which undoes what the first commit has reserved: stock back, payment
/// closed, the key settled or freed.
struct CloseOrder: OrderAction {
    typealias State = CheckoutState
    let touchesStock = true

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ state: inout CheckoutState, _ context: StepContext
    ) throws(StorageError) -> LocalResult {
        guard change.order.status == .pending else { return .refused("the order is \(change.order.status.rawValue)") }
        // Its stock and its owner wait until it is known that no money is taken.
        if context.stuck.contains(StepName.charge) { return .refused("nobody knows whether the charge took effect") }
        let ending = state.ending ?? CheckoutEnding(.expired)
        let (status, reason, paymentStatus, failureCode) = ending.effect
        try change.releaseStock(ending.cause == .expired ? .expired : .released, in: &work)
        if ending.wasRefunded {
            change.payment.captured = change.payment.amount.amount
            change.payment.refunding = change.payment.amount.amount
            change.payment.recordRefund(change.payment.amount.amount, at: change.now)
        } else {
            change.setPayment(paymentStatus, failureCode: failureCode)
        }
        change.setStatus(status, reason: reason)
        change.order.saga = nil
        let paymentEvent =
            ending.wasRefunded
            ? "payment:refunded" : paymentStatus == .voided ? "payment:voided" : "payment:failed"
        change.emitOrder(paymentEvent, into: &work)
        try change.emitInventory("inventory:released", into: &work)
        change.emitOrder("order:\(status.rawValue)", into: &work)
        state.report = settle(ending.cause, &change, &work)
        change.order.sagaScope = nil
        return .done
    }

    private func settle(
        _ cause: CheckoutEnding.Cause, _ change: inout OrderWork, _ work: inout WorkingSet
    ) -> CheckoutReport {
        switch cause {
        case .declined(let code):
            let answer = Answer(
                kind: .paymentDeclined, document: DeclineDocument.json(code: code, order: change.order.id))
            work.settleOrderKey(change.order, answer)
            return .answer(answer)
        case .unavailable(let reason):
            work.freeOrderKey(change.order)
            return .refused(.paymentUnavailable(reason))
        case .expired:
            work.freeOrderKey(change.order)
            return .refused(.paymentUnavailable("the hold's time was up before the payment could be made"))
        case .canceled:
            // The caller of the first request never heard of the order, or was told 202: the order's present state it
            // is.
            work.acceptOrderKey(change.order)
            work.settleOrderKey(change.order, Answer(kind: .accepted, document: ""))
            let answer = Answer(kind: .ok, document: change.document())
            work.settleOperationKey(change.order, answer)
            return .answer(answer)
        }
    }
}

extension CheckoutEnding {
    fileprivate var effect: (OrderStatus, reason: String, PaymentStatus, failureCode: String?) {
        switch cause {
        case .declined(let code): (.failed, "payment-declined", .failed, code)
        case .unavailable(let reason): (.failed, "payment-unavailable: \(reason)", .voided, "payment-unavailable")
        case .expired: (.expired, "the payment could not be made in time", .voided, nil)
        case .canceled: (.canceled, "canceled", .voided, nil)
        }
    }
}

/// The members that a declined payment adds to its answer.
enum DeclineDocument {
    static func json(code: String, order: OrderID) -> String {
        var json = JSONWriter()
        json.object {
            $0.member("declineCode", code)
            $0.member("orderId", order.description)
        }
        return json.string()
    }
}
