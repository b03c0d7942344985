import Determinism
import Messaging
import Sagas
import Storage

/// How a cancel, refund or fulfilment begins, or why it does not.
enum OperationOutcome: Sendable {
    /// A saga carries it out.
    case started(SagaTicket)
    case answer(Answer, isReplay: Bool)
    /// A saga holds the order; the operation may be tried again when it has let go.
    case busy(SagaID)
    /// The first attempt with this key is carried out by that saga.
    case joins(SagaID)
    case refused(Refusal)
}

/// An operation on one order: loads the order, its payment and, where one holds the order, the saga.
protocol OrderOperation: LaneCommand where Outcome == OperationOutcome {
    var caller: Caller { get }
    var order: OrderID { get }
    var key: RequestKey? { get }
    var seed: UInt64 { get }
    /// What is known of the order's rows before; see ``OrderForesight``.
    var foresight: OrderForesight? { get }
    var touchesStock: Bool { get }
    /// Whether it may settle the key of an operation that has not ended.
    var touchesEarlierKey: Bool { get }
    /// What the operation is called in a refusal, such as “be canceled”.
    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet
    ) throws(StorageError) -> Verdict<OperationOutcome>
}

extension OrderOperation {
    var number: Int64 { caller.tenant.organization }
    var touchesEarlierKey: Bool { false }

    func needs(_ loaded: WorkingSet) -> [Need] {
        var needs: [Need] = []
        if let key { needs.append(.row(IdempotencyRecord.key(number, key.scope))) }
        let orderKey = OrderRecord.key(number, order)
        needs.append(.row(orderKey))
        let record = loaded.isLoaded(orderKey) ? loaded[orderKey] : nil
        let found = record.map { OrderForesight($0, skus: touchesStock ? $0.skus : []) }
        let known = loaded.isLoaded(orderKey) ? found : foresight
        guard let known else { return needs }
        needs.append(.row(PaymentRecord.key(number, known.payment)))
        if let saga = known.saga { needs.append(.row(SagaRecord.key(number, saga))) }
        if touchesEarlierKey, let scope = known.sagaScope {
            needs.append(.row(IdempotencyRecord.key(number, scope)))
        }
        return touchesStock ? needs + OrderWork.stockNeeds(of: known.skus, order, number) : needs
    }

    /// What was not foreseen, it asks for when it decides.
    func hasNamedAll(_ loaded: WorkingSet) -> Bool {
        foresight != nil || loaded.isLoaded(OrderRecord.key(number, order))
    }

    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<OperationOutcome> {
        if let key, let first = work[IdempotencyRecord.key(number, key.scope)] {
            if first.fingerprint != key.fingerprint { return .discard(.refused(.keyReused)) }
            if let answer = first.answer { return .discard(.answer(answer, isReplay: true)) }
            return .discard(first.saga.map { .joins(SagaID($0)) } ?? .refused(.keyInProgress))
        }
        guard let record = work[OrderRecord.key(number, order)] else {
            return .discard(.refused(.notFound("there is no order “\(order)”")))
        }
        let needs = needs(work)
        guard needs.allSatisfy(work.has) else { return .more(needs) }
        guard let payment = work[PaymentRecord.key(number, record.payment)] else {
            return .discard(.refused(.shardUnavailable("order \(order) has no payment")))
        }
        var change = OrderWork(
            order: record, payment: payment,
            input: SagaInput(organizationID: caller.organizationID, traceparent: caller.traceparent), now: now,
            mint: IdentifierMint(seed: seed, slot: Slot.of(organization: number)))
        do {
            let verdict = try decide(&change, &work)
            if case .commit = verdict { change.store(in: &work) }
            return verdict
        } catch {
            return .discard(.refused(.shardUnavailable(error.description)))
        }
    }

    func illegal(_ status: OrderStatus, _ detail: String) -> Verdict<OperationOutcome> {
        .discard(
            .refused(
                .invalidTransition(from: status.rawValue, allowed: status.next.map(\.rawValue), detail: detail)))
    }

    func rememberKey(_ work: inout WorkingSet, _ now: Timestamp, saga: SagaID? = nil, answer: Answer? = nil) {
        guard let key else { return }
        work.put(
            IdempotencyRecord(
                organization: number, request: key, now: now, state: answer == nil ? .running : .settled,
                answer: answer,
                subject: order.uuid, saga: saga?.uuid))
    }

    /// Begins the saga that gives `amount` back: its intent, and the provider's key, are in this commit.
    func beginRefund(
        of amount: Int64, reason: String?, by sagas: SagaClaimant<RefundState>, _ change: inout OrderWork,
        _ work: inout WorkingSet
    ) throws(StorageError) -> SagaTicket {
        let saga = change.nextID(SagaKind.self)
        let refund = RefundRecord(
            organization: number, id: change.nextID(), order: order, amount: amount, reason: reason,
            idempotencyScope: key?.scope, now: change.now)
        work.insert(refund)
        change.payment.refunding += amount
        change.payment.updatedAt = change.now
        (change.order.saga, change.order.sagaScope) = (saga, key?.scope)
        let input = SagaInput(
            organizationID: caller.organizationID, traceparent: caller.traceparent, refund: refund.id)
        var state = RefundState(input)
        state.brief = RefundBrief(refund: refund, payment: change.payment)
        state.companions = OrderCompanions(change.order, skus: change.order.skus)
        rememberKey(&work, change.now, saga: saga)
        switch try sagas.opening(id: saga, about: order.uuid, state).begin(afterFirstStepIn: &work, at: change.now) {
        case .began(let ticket): return ticket
        case .existing: throw .corrupt("saga \(saga) has begun before its refund")
        }
    }
}
