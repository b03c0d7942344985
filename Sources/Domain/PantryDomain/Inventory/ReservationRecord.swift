import Determinism
import Storage

/// The units of one product that one order holds.
package struct ReservationRecord: Record, Hashable {
    package enum State: String, Sendable, CaseIterable {
        /// Live; its order waits in the queue, or is being charged after it has. May expire, but while it is put off. →
        /// `pinned`, `released`, `expired`
        case held
        /// Live; the order's first charge has begun, or the order is confirmed, so it does not expire. → `held` (the
        /// charge is known not to have happened and the order waits in the queue), `consumed`, `released`
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
    /// When a hold's time is up; a century later while it is put off.
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

    /// Longer than anything is held.
    private static let century = Duration.seconds(100 * 365 * 86_400)

    /// Whether the hold cannot run out, because its order is being charged.
    private var isPutOff: Bool { expiresAt > createdAt + Self.century }

    /// When the hold's time is up, were it not put off.
    package var promisedUntil: Timestamp {
        isPutOff ? Timestamp(microseconds: expiresAt.microseconds - Self.century.inMicroseconds) : expiresAt
    }

    /// Keeps a hold from running out. Its units stay those of an order that waits, so that no other order takes its
    /// place in the queue meanwhile.
    package mutating func putOff() {
        if !isPutOff { expiresAt = expiresAt + Self.century }
    }

    /// Makes a hold one that does not run out, of an order that does not wait any more.
    package mutating func pin() { (state, expiresAt) = (.pinned, promisedUntil) }

    /// How many expired holds of a product one commit takes back at most.
    package static let expiredLimit = 100

    /// Holds of a product whose time is up, the oldest first: whoever needs the stock may release them. If there are
    /// ``expiredLimit``, there may be more.
    package static func expired(_ organization: Int64, _ sku: String, at now: Timestamp) -> Selection<ReservationRecord>
    {
        Selection(
            "organization = $1 AND sku = $2 AND state = 'held' AND expires_at <= $3 ORDER BY expires_at LIMIT $4",
            [.integer(organization), .text(sku), .integer(now.microseconds), .integer(Int64(expiredLimit))])
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
