import Determinism
import Storage

/// The units of one product that one order holds.
package struct ReservationRecord: Record, Hashable {
    package enum State: String, Sendable, CaseIterable {
        /// Live; may expire. → `pinned`, `released`, `expired`
        case held
        /// Live; a charge has begun or is done, so it does not expire. → `held` (the charge is known not to have
        /// happened and the order waits in the queue), `consumed`, `released`
        case pinned
        /// Settled: the units have left.
        case consumed
        /// Settled: the units are back.
        case released
        /// Settled: the units are back, because the hold's time was up.
        case expired

        package var isLive: Bool { self == .held || self == .pinned }
    }
    package static let table = Table(
        "reservations", rank: 40, key: [.organization, .text("sku"), .id("order_id")],
        fixed: ["quantity", "created_at"],
        mutable: ["state", "expires_at"])

    package let organization: Int64
    package let sku: String
    package let order: OrderID
    package let quantity: Int64
    package let createdAt: Timestamp
    package var state: State
    package var expiresAt: Timestamp

    package init(
        organization: Int64, sku: String, order: OrderID, quantity: Int64, state: State, now: Timestamp,
        expiresAt: Timestamp
    ) {
        (self.organization, self.sku, self.order, self.quantity) = (organization, sku, order, quantity)
        (self.state, createdAt, self.expiresAt) = (state, now, expiresAt)
    }
    package static func key(_ organization: Int64, _ sku: String, _ order: OrderID) -> Key<ReservationRecord> {
        Key(organization: organization, text: sku, id: order.uuid)
    }
    package var key: Key<ReservationRecord> { Self.key(organization, sku, order) }

    /// Holds of a product whose time is up: whoever needs the stock may release them.
    package static func expired(_ organization: Int64, _ sku: String, at now: Timestamp) -> Selection<ReservationRecord>
    {
        Selection(
            "organization = $1 AND sku = $2 AND state = 'held' AND expires_at <= $3 ORDER BY expires_at",
            [.integer(organization), .text(sku), .integer(now.microseconds)])
    }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        sku = try row.text()
        order = OrderID(try row.uuid())
        quantity = try row.integer()
        createdAt = try row.timestamp()
        state = try row.value()
        expiresAt = try row.timestamp()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(sku)
        row.uuid(order.uuid)
        row.integer(quantity)
        row.timestamp(createdAt)
        row.value(state)
        row.timestamp(expiresAt)
    }
}
