import Determinism
import Sagas
import Storage

/// Puts an order whose payment is known not to have happened into the queue, with its stock; unless its owner does not
/// want to wait, or waiting orders would hold too much of a product.
struct QueueOrder: OrderAction {
    typealias State = CheckoutState
    let terms: CheckoutTerms
    let touchesStock = true

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ state: inout CheckoutState, _ context: StepContext
    ) throws(StorageError) -> LocalResult {
        let trouble = context.trouble ?? "the payment cannot be made now"
        guard change.payment.onUnavailable == .queue else {
            state.ending = CheckoutEnding(.unavailable(trouble))
            return .refused("its owner does not want to wait")
        }
        let expiry = change.order.createdAt + terms.queueTime
        // One that an earlier build has queued is known by its holds' time.
        let isFirst =
            !state.wasQueued && (terms.holdTime == terms.queueTime || !change.hasHolds(until: expiry, in: work))
        // One that has been accepted once stays, whoever has taken the place of those that an earlier build has queued.
        let share = isFirst ? terms.maxQueuedShare : 100
        guard try change.queueStock(until: expiry, maxShare: share, in: &work) else {
            let why = "waiting orders hold \(terms.maxQueuedShare) % of a product already"
            state.ending = CheckoutEnding(.unavailable("\(why); \(trouble)"))
            return .refused(why)
        }
        change.setPayment(.queued)
        if isFirst { change.emitOrder("payment:queued", into: &work) }
        work.acceptOrderKey(change.order)
        (state.brief, state.wasQueued) = (nil, true)
        return .done
    }
}

/// Takes a queued order up again: its stock cannot run out any more, from the commit on that makes the charge's intent
/// durable once more.
struct PinQueuedOrder: OrderAction {
    typealias State = CheckoutState
    let touchesStock = true

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ state: inout CheckoutState, _ context: StepContext
    ) throws(StorageError) -> LocalResult {
        guard change.payment.status == .queued else { return .done }
        guard try change.putOffStock(in: &work) else {
            // For good, whatever the clock says next: the saga has turned back with this commit.
            state.ending = CheckoutEnding(.expired)
            return .refused("the hold's time was up")
        }
        change.setPayment(.processing)
        // An earlier build did not say so.
        state.wasQueued = true
        return .done
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
    let order: OrderID

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(IdempotencyRecord.key(organization, scope))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        // A key that was freed may be another order's already.
        guard var row = work[IdempotencyRecord.key(organization, scope)], row.subject == order.uuid else {
            return .discard(.freed)
        }
        if row.kind == .accepted { return .discard(.accepted) }
        if let answer = row.answer { return .discard(.settled(answer)) }
        row.kind = .accepted
        work.put(row)
        return .commit(.accepted)
    }
}
