import Storage

/// Marks an order's units as gone: one commit, no saga.
struct FulfillOrder: OrderOperation {
    let caller: Caller
    let order: OrderID
    let key: RequestKey?
    let seed: UInt64
    let foresight: OrderForesight?
    let touchesStock = true

    init(caller: Caller, order: OrderID, key: RequestKey?, seed: UInt64, foresight: OrderForesight? = nil) {
        (self.caller, self.order, self.key, self.seed, self.foresight) = (caller, order, key, seed, foresight)
    }

    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet
    ) throws(StorageError) -> Verdict<OperationOutcome> {
        guard change.order.status == .confirmed else {
            return illegal(change.order.status, "only a confirmed order can be fulfilled")
        }
        if let saga = change.order.saga { return .discard(.busy(saga)) }
        try change.consumeStock(in: &work)
        change.setStatus(.fulfilled)
        try change.emitInventory("inventory:consumed", into: &work)
        change.emitOrder("order:fulfilled", into: &work)
        let answer = Answer(kind: .ok, document: change.document())
        rememberKey(&work, change.now, answer: answer)
        return .commit(.answer(answer, isReplay: false))
    }
}
