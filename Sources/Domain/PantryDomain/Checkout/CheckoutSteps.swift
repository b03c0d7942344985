import Determinism
import Sagas
import Storage
import StrictJSON

/// What the steps of an order's sagas have in common: order, payment, and the key that waits for the answer.
protocol OrderStep: SagaStep {
    /// Of the ids that the decision makes.
    var seed: UInt64 { get }
    /// Whether the step touches the order's stock rows.
    var touchesStock: Bool { get }
    /// The saga's input, if it need not be read from the row.
    var input: SagaInput? { get }
    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ saga: inout SagaTransition
    ) throws(StorageError) -> Verdict<Outcome>
    /// What the worker hears when the stored rows do not make sense.
    func broken(_ error: StorageError) -> Outcome
}

extension OrderStep {
    var input: SagaInput? { nil }

    func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need] {
        let orderKey = OrderRecord.key(saga.organization, OrderID(saga.subject))
        guard loaded.isLoaded(orderKey) else { return [.row(orderKey)] }
        guard let order = loaded[orderKey] else { return [] }
        var needs: [Need] = [.row(PaymentRecord.key(saga.organization, order.payment))]
        for scope in [order.idempotencyScope, order.sagaScope].compactMap({ $0 }) {
            needs.append(.row(IdempotencyRecord.key(saga.organization, scope)))
        }
        // A checkout gives nothing back by a refund of its own; its input need not be read for that.
        if saga.definition != SagaName.checkout, let refund = SagaInput(json: saga.input)?.refund {
            needs.append(.row(RefundRecord.key(saga.organization, refund)))
        }
        return touchesStock ? needs + OrderWork.stockNeeds(order) : needs
    }

    func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<Outcome> {
        let number = saga.record.organization
        guard let order = work[OrderRecord.key(number, OrderID(saga.record.subject))],
            let payment = work[PaymentRecord.key(number, order.payment)],
            let input = input ?? SagaInput(json: saga.record.input)
        else { return .discard(broken(.corrupt("saga \(saga.record.id) has no order, payment or input"))) }
        var change = OrderWork(
            order: order, payment: payment, input: input, now: saga.now,
            mint: IdentifierMint(seed: seed, slot: Slot.of(organization: number)))
        do {
            let verdict = try decide(&change, &work, &saga)
            if case .commit = verdict { change.store(in: &work) }
            return verdict
        } catch {
            return .discard(broken(error))
        }
    }
}

extension WorkingSet {
    /// Settles the key that made the order. A caller who was told 202 is told the order's present state from then on.
    mutating func settleOrderKey(_ order: OrderRecord, _ answer: Answer) {
        guard let scope = order.idempotencyScope, var row = self[IdempotencyRecord.key(order.organization, scope)]
        else { return }
        row.state = .settled
        if row.kind == .accepted {
            row.document = ""
        } else {
            (row.kind, row.document) = (answer.kind, answer.document)
        }
        put(row)
    }
    /// Frees the key that made the order, so that a repeat runs afresh; unless its caller knows the order already.
    mutating func freeOrderKey(_ order: OrderRecord) {
        guard let scope = order.idempotencyScope, let row = self[IdempotencyRecord.key(order.organization, scope)]
        else { return }
        if row.kind == .accepted {
            settleOrderKey(order, Answer(kind: .accepted, document: ""))
        } else {
            remove(row.key)
        }
    }
    /// Notes that the caller of the key that made the order is told 202.
    mutating func acceptOrderKey(_ order: OrderRecord) {
        guard let scope = order.idempotencyScope, var row = self[IdempotencyRecord.key(order.organization, scope)],
            row.state == .running, row.kind == nil
        else { return }
        row.kind = .accepted
        put(row)
    }
    /// Settles the key of the cancel or refund that a saga carries out.
    mutating func settleOperationKey(_ order: OrderRecord, _ answer: Answer) {
        guard let scope = order.sagaScope, var row = self[IdempotencyRecord.key(order.organization, scope)] else {
            return
        }
        (row.state, row.kind, row.document) = (.settled, answer.kind, answer.document)
        put(row)
    }
    /// Frees that key.
    mutating func freeOperationKey(_ order: OrderRecord) {
        guard let scope = order.sagaScope, let row = self[IdempotencyRecord.key(order.organization, scope)] else {
            return
        }
        remove(row.key)
    }
}

/// The second commit of an order: the charge's result, and the confirmation.
struct ConfirmOrder: OrderStep {
    typealias Outcome = CheckoutReport
    let receipt: ProviderReceipt
    let seed: UInt64
    var input: SagaInput?
    let touchesStock = false

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ saga: inout SagaTransition
    ) throws(StorageError) -> Verdict<CheckoutReport> {
        guard change.order.status == .pending else {
            return .discard(.refused(.busy("the order is \(change.order.status.rawValue) already")))
        }
        saga.note(.completed, StepName.charge, receipt.reference)
        change.setPayment(.captured)
        change.payment.captured = change.payment.amount.amount
        change.payment.providerReference = receipt.reference
        change.setStatus(.confirmed)
        change.order.saga = nil
        change.emitOrder("payment:completed", into: &work)
        change.emitOrder("order:confirmed", into: &work)
        saga.note(.completed, StepName.confirm)
        saga.succeed(StepName.confirm)
        let answer = Answer(kind: .created, document: change.document())
        work.settleOrderKey(change.order, answer)
        return .commit(.answer(answer))
    }
    func broken(_ error: StorageError) -> CheckoutReport { .refused(.shardUnavailable(error.description)) }
}

/// The end of an order that does not come about: stock back, payment closed, the key settled or freed.
struct CloseOrder: OrderStep {
    typealias Outcome = CheckoutReport
    enum Cause: Sendable, Hashable {
        /// The provider refuses the charge.
        case declined(code: String)
        /// The payment could not be made, and its owner does not want to wait or may not.
        case unavailable(String)
        /// The hold's time was up.
        case expired
        /// Its owner canceled it.
        case canceled
    }
    let cause: Cause
    /// Whether a charge that had been captured after all was given back in full.
    let wasRefunded: Bool
    let seed: UInt64
    let touchesStock = true

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ saga: inout SagaTransition
    ) throws(StorageError) -> Verdict<CheckoutReport> {
        guard change.order.status == .pending else {
            return .discard(.refused(.busy("the order is \(change.order.status.rawValue) already")))
        }
        let (status, reason, paymentStatus, failureCode) = ending
        try change.releaseStock(cause == .expired ? .expired : .released, in: &work)
        if wasRefunded {
            change.payment.captured = change.payment.amount.amount
            change.payment.refunding = change.payment.amount.amount
            change.payment.recordRefund(change.payment.amount.amount, at: change.now)
        } else {
            change.setPayment(paymentStatus, failureCode: failureCode)
        }
        change.setStatus(status, reason: reason)
        change.order.saga = nil
        saga.note(wasRefunded ? .compensated : .failed, StepName.charge, reason)
        saga.note(.compensated, StepName.reserve)
        saga.undone(StepName.release, reason)
        let paymentEvent =
            wasRefunded ? "payment:refunded" : paymentStatus == .voided ? "payment:voided" : "payment:failed"
        change.emitOrder(paymentEvent, into: &work)
        try change.emitInventory("inventory:released", into: &work)
        change.emitOrder("order:\(status.rawValue)", into: &work)
        let report = settle(&change, &work)
        change.order.sagaScope = nil
        return .commit(report)
    }

    private var ending: (OrderStatus, reason: String, PaymentStatus, failureCode: String?) {
        switch cause {
        case .declined(let code): (.failed, "payment-declined", .failed, code)
        case .unavailable(let reason): (.failed, "payment-unavailable: \(reason)", .voided, "payment-unavailable")
        case .expired: (.expired, "the payment could not be made in time", .voided, nil)
        case .canceled: (.canceled, "canceled", .voided, nil)
        }
    }

    private func settle(_ change: inout OrderWork, _ work: inout WorkingSet) -> CheckoutReport {
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
    func broken(_ error: StorageError) -> CheckoutReport { .refused(.shardUnavailable(error.description)) }
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
