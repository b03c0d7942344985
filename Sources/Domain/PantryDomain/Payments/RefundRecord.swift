import Determinism
import Sagas
import Storage

/// Money that is given back, in part or in full.
package struct RefundRecord: Record, Hashable {
    package enum Status: String, Sendable {
        /// The provider has been or is about to be asked.
        case processing
        case succeeded
        /// The provider refused.
        case failed
    }
    package static let table = Table(
        "refunds", rank: 13, key: [.organization, .id("id")],
        fixed: ["order_id", "amount", "reason", "provider_key", "created_at", "idempotency_scope"],
        mutable: ["status", "failure_code", "updated_at"])

    package let organization: Int64
    package let id: RefundID
    package let order: OrderID
    package let amount: Int64
    package let reason: String?
    package let providerKey: String
    package let createdAt: Timestamp
    package let idempotencyScope: String?
    package var status: Status
    package var failureCode: String?
    package var updatedAt: Timestamp

    package init(
        organization: Int64, id: RefundID, order: OrderID, amount: Int64, reason: String?, idempotencyScope: String?,
        now: Timestamp
    ) {
        (self.organization, self.id, self.order, self.amount, self.reason) = (organization, id, order, amount, reason)
        (providerKey, self.idempotencyScope) = ("\(order)/refund/\(id)", idempotencyScope)
        (createdAt, updatedAt, status, failureCode) = (now, now, .processing, nil)
    }
    package static func key(_ organization: Int64, _ id: RefundID) -> Key<RefundRecord> {
        Key(organization: organization, id: id.uuid)
    }
    package var key: Key<RefundRecord> { Self.key(organization, id) }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        id = RefundID(try row.uuid())
        order = OrderID(try row.uuid())
        amount = try row.integer()
        reason = try row.optionalText()
        providerKey = try row.text()
        createdAt = try row.timestamp()
        idempotencyScope = try row.optionalText()
        status = try row.value()
        failureCode = try row.optionalText()
        updatedAt = try row.timestamp()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(id.uuid)
        row.uuid(order.uuid)
        row.integer(amount)
        row.text(reason)
        row.text(providerKey)
        row.timestamp(createdAt)
        row.text(idempotencyScope)
        row.value(status)
        row.text(failureCode)
        row.timestamp(updatedAt)
    }
}
