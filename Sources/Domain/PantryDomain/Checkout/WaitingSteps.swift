import Determinism
import Sagas
import Storage

/// Puts an order whose payment is known not to have happened into the queue, with its stock.
struct QueueOrder: OrderStep {
    enum Outcome: Sendable {
        case queued(document: String)
        /// Waiting orders would hold too much of a product.
        case noRoom
        case broken(StorageError)
    }
    let reason: String
    let terms: CheckoutTerms
    let seed: UInt64
    let touchesStock = true

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ saga: inout SagaTransition
    ) throws(StorageError) -> Verdict<Outcome> {
        let expiry = change.order.createdAt + terms.queueTime
        let isFirst = saga.record.attempts == 0 || !change.hasHolds(until: expiry, in: work)
        guard try change.queueStock(until: expiry, maxShare: terms.maxQueuedShare, in: &work) else {
            return .discard(.noRoom)
        }
        change.setPayment(.queued)
        saga.note(.failed, StepName.charge, reason)
        let due = min(saga.now + terms.pause(after: saga.record.attempts), expiry)
        saga.park(StepName.charge, until: due, reason)
        if isFirst { change.emitOrder("payment:queued", into: &work) }
        work.acceptOrderKey(change.order)
        return .commit(.queued(document: change.document()))
    }
    func broken(_ error: StorageError) -> Outcome { .broken(error) }
}

/// Takes a queued order up again: pins its stock and makes the charge's intent durable, before the provider is called.
struct PinQueuedOrder: OrderStep {
    enum Outcome: Sendable {
        case pinned
        /// A hold is gone or its time is up: the order has expired.
        case lapsed
        case broken(StorageError)
    }
    let seed: UInt64
    let touchesStock = true

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ saga: inout SagaTransition
    ) throws(StorageError) -> Verdict<Outcome> {
        guard try change.pinStock(in: &work) else {
            // For good, whatever the clock says next: money that came too late is given back on the strength of this.
            try change.releaseStock(.expired, in: &work)
            saga.note(.failed, StepName.charge, "the hold's time was up")
            return .commit(.lapsed)
        }
        change.setPayment(.processing)
        saga.handle(.resume)
        saga.note(.intended, StepName.charge, change.payment.providerKey)
        return .commit(.pinned)
    }
    func broken(_ error: StorageError) -> Outcome { .broken(error) }
}

/// Leaves a saga whose external step is still unknown for a later time; gives it to an operator after too many.
struct ParkSaga: SagaStep {
    let step: String
    let reason: String
    let terms: CheckoutTerms

    func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need] { [] }
    func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<Bool> {
        if saga.record.attempts + 1 >= terms.attemptLimit {
            saga.giveUp(step, reason)
        } else {
            saga.note(.unknown, step, reason)
            saga.park(step, until: saga.now + terms.pause(after: saga.record.attempts), reason)
        }
        return .commit(true)
    }
}

/// Notes that the caller of an order's key is told 202, so that a repeat is told the order's present state.
struct AcceptOrder: LaneCommand {
    enum Outcome: Sendable {
        case accepted
        /// It was settled at the last moment.
        case settled(Answer)
        /// It was undone at the last moment, and the key is free.
        case freed
    }
    let organization: Int64
    let scope: String

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(IdempotencyRecord.key(organization, scope))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        guard var row = work[IdempotencyRecord.key(organization, scope)] else { return .discard(.freed) }
        if row.kind == .accepted { return .discard(.accepted) }
        if let answer = row.answer { return .discard(.settled(answer)) }
        row.kind = .accepted
        work.put(row)
        return .commit(.accepted)
    }
}
