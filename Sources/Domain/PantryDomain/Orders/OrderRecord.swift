import Determinism
import Sagas
import Storage

/// An order. Its lines are fixed when it is made and stored with it as JSON: they are always wanted together.
package struct OrderRecord: Record, Hashable {
    package static let table = Table(
        "orders", rank: 10, key: [.organization, .id("id")],
        fixed: ["created_at", "currency", "total", "lines", "metadata", "payment_id", "idempotency_scope"],
        mutable: ["status", "reason", "saga", "saga_scope", "events", "updated_at"], cacheBytes: 2 << 20)

    package let organization: Int64
    package let id: OrderID
    package let createdAt: Timestamp
    package let total: Money
    /// See ``OrderLine/decode(_:)``.
    package let lines: String
    /// A JSON object, as the caller gave it.
    package let metadata: String?
    package let payment: PaymentID
    /// The idempotency key that made it, to settle or to free.
    package let idempotencyScope: String?
    package var status: OrderStatus
    /// Why it failed, expired or was canceled.
    package var reason: String?
    /// The saga that works on the order now. While there is one, no other operation changes the order: a semantic lock
    /// (Garcia-Molina & Salem).
    package var saga: SagaID?
    /// The idempotency key of the operation that `saga` carries out, if it has one; to be settled with it.
    package var sagaScope: String?
    /// The last sequence of the order's events.
    package private(set) var events: Int64
    package var updatedAt: Timestamp

    package init(
        organization: Int64, id: OrderID, total: Money, lines: String, metadata: String?, payment: PaymentID,
        idempotencyScope: String?, saga: SagaID, now: Timestamp
    ) {
        (self.organization, self.id, self.total, self.lines) = (organization, id, total, lines)
        (self.metadata, self.payment, self.idempotencyScope) = (metadata, payment, idempotencyScope)
        (status, reason, self.saga, sagaScope, events) = (.pending, nil, saga, nil, 0)
        (createdAt, updatedAt) = (now, now)
    }
    package static func key(_ organization: Int64, _ id: OrderID) -> Key<OrderRecord> {
        Key(organization: organization, id: id.uuid)
    }
    package var key: Key<OrderRecord> { Self.key(organization, id) }
    package mutating func nextEvent() -> Int64 {
        events += 1
        return events
    }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        id = OrderID(try row.uuid())
        createdAt = try row.timestamp()
        let currency = try row.text()
        total = Money(try row.integer(), currency)
        lines = try row.text()
        metadata = try row.optionalText()
        payment = PaymentID(try row.uuid())
        idempotencyScope = try row.optionalText()
        status = try row.value()
        reason = try row.optionalText()
        saga = try row.optionalUUID().map(SagaID.init)
        sagaScope = try row.optionalText()
        events = try row.integer()
        updatedAt = try row.timestamp()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(id.uuid)
        row.timestamp(createdAt)
        row.text(total.currency)
        row.integer(total.amount)
        row.text(lines)
        row.text(metadata)
        row.uuid(payment.uuid)
        row.text(idempotencyScope)
        row.value(status)
        row.text(reason)
        row.uuid(saga?.uuid)
        row.text(sagaScope)
        row.integer(events)
        row.timestamp(updatedAt)
    }
}
