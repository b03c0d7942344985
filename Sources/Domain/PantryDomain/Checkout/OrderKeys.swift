import Storage

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
