import Determinism
import Storage

/// Where a payment stands.
package enum PaymentStatus: String, Sendable, CaseIterable {
    /// The charge is under way, or its outcome is not known yet. → `captured`, `failed`, `queued`, `voided`
    case processing
    /// Known not to have happened; to be tried again. → `processing`, `failed`, `voided`
    case queued
    /// Money is held, not taken. → `captured`, `voided`
    case authorized
    /// Money is taken. → `partiallyRefunded`, `refunded`
    case captured
    case partiallyRefunded
    case refunded
    case failed
    /// Given up before any money was taken; the provider refuses a late charge.
    case voided
}

/// The payment of an order; one for each order.
package struct PaymentRecord: Record, Hashable {
    package static let table = Table(
        "payments", rank: 12, key: [.organization, .id("id")],
        fixed: ["order_id", "amount", "currency", "method", "on_unavailable", "provider_key", "created_at"],
        mutable: ["status", "captured", "refunded", "refunding", "provider_reference", "failure_code", "updated_at"],
        cacheBytes: 1 << 20)

    package let organization: Int64
    package let id: PaymentID
    package let order: OrderID
    package let amount: Money
    package let method: String
    package let onUnavailable: OnPaymentUnavailable
    /// The idempotency key that every call for this charge carries.
    package let providerKey: String
    package let createdAt: Timestamp
    package var status: PaymentStatus
    package var captured: Int64
    package var refunded: Int64
    /// The part of `captured` that a refund under way has claimed.
    package var refunding: Int64
    package var providerReference: String?
    package var failureCode: String?
    package var updatedAt: Timestamp

    package init(
        organization: Int64, id: PaymentID, order: OrderID, amount: Money, method: String,
        onUnavailable: OnPaymentUnavailable, now: Timestamp
    ) {
        (self.organization, self.id, self.order, self.amount) = (organization, id, order, amount)
        (self.method, self.onUnavailable, providerKey) = (method, onUnavailable, "\(order)/charge")
        (createdAt, updatedAt, status) = (now, now, .processing)
        (captured, refunded, refunding, providerReference, failureCode) = (0, 0, 0, nil, nil)
    }
    package static func key(_ organization: Int64, _ id: PaymentID) -> Key<PaymentRecord> {
        Key(organization: organization, id: id.uuid)
    }
    package var key: Key<PaymentRecord> { Self.key(organization, id) }
    /// What may still be given back.
    package var refundable: Int64 { captured - refunded - refunding }

    package mutating func recordRefund(_ amount: Int64, at now: Timestamp) {
        refunding -= amount
        refunded += amount
        status = refunded == captured ? .refunded : .partiallyRefunded
        updatedAt = now
    }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        id = PaymentID(try row.uuid())
        order = OrderID(try row.uuid())
        amount = Money(try row.integer(), try row.text())
        method = try row.text()
        onUnavailable = try row.value()
        providerKey = try row.text()
        createdAt = try row.timestamp()
        status = try row.value()
        captured = try row.integer()
        refunded = try row.integer()
        refunding = try row.integer()
        providerReference = try row.optionalText()
        failureCode = try row.optionalText()
        updatedAt = try row.timestamp()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(id.uuid)
        row.uuid(order.uuid)
        row.integer(amount.amount)
        row.text(amount.currency)
        row.text(method)
        row.value(onUnavailable)
        row.text(providerKey)
        row.timestamp(createdAt)
        row.value(status)
        row.integer(captured)
        row.integer(refunded)
        row.integer(refunding)
        row.text(providerReference)
        row.text(failureCode)
        row.timestamp(updatedAt)
    }
}

/// What becomes of an order whose payment cannot be made now.
package enum OnPaymentUnavailable: String, Sendable, CaseIterable {
    /// It waits with its stock, for a time.
    case queue
    /// It fails at once and its stock is released.
    case fail
}
