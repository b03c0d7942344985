import Determinism
import Storage

/// A line of the stock ledger: append-only deltas, never a running balance.
package struct StockMovementRecord: Record, Hashable {
    package static let table = Table(
        "stock_ledger", rank: 92, key: [.organization, .text("sku"), .id("id")],
        fixed: ["at", "delta", "reason", "reference"])

    package let organization: Int64
    package let sku: String
    package let id: MovementID
    package let at: Timestamp
    package let delta: Int64
    package let reason: String
    /// An order's id, or what the caller gave.
    package let reference: String?

    package init(
        organization: Int64, sku: String, id: MovementID, at: Timestamp, delta: Int64, reason: String,
        reference: String?
    ) {
        (self.organization, self.sku, self.id, self.at) = (organization, sku, id, at)
        (self.delta, self.reason, self.reference) = (delta, reason, reference)
    }
    package var key: Key<StockMovementRecord> { Key(organization: organization, text: sku, id: id.uuid) }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        sku = try row.text()
        id = MovementID(try row.uuid())
        at = try row.timestamp()
        delta = try row.integer()
        reason = try row.text()
        reference = try row.optionalText()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(sku)
        row.uuid(id.uuid)
        row.timestamp(at)
        row.integer(delta)
        row.text(reason)
        row.text(reference)
    }
}
