import Determinism
import Storage

/// What can be ordered, and for how much.
package struct ProductRecord: Record, Hashable {
    package enum State: String, Sendable {
        case active
        /// Deleted for customers; orders, stock and ledger keep referring to it.
        case archived
    }
    package static let table = Table(
        "products", rank: 20, key: [.organization, .text("sku")], fixed: ["created_at"],
        mutable: ["name", "amount", "currency", "category", "attributes", "state", "updated_at"],
        cacheBytes: 8 << 20, lock: .none)

    package let organization: Int64
    package let sku: String
    package let createdAt: Timestamp
    package var name: String
    package var unitPrice: Money
    package var category: String?
    /// A JSON object.
    package var attributes: String?
    package var state: State
    package var updatedAt: Timestamp

    package init(
        organization: Int64, sku: String, name: String, unitPrice: Money, category: String?, attributes: String?,
        now: Timestamp
    ) {
        (self.organization, self.sku, self.name, self.unitPrice) = (organization, sku, name, unitPrice)
        (self.category, self.attributes, state) = (category, attributes, .active)
        (createdAt, updatedAt) = (now, now)
    }
    package static func key(_ organization: Int64, _ sku: String) -> Key<ProductRecord> {
        Key(organization: organization, text: sku)
    }
    package var key: Key<ProductRecord> { Self.key(organization, sku) }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        sku = try row.text()
        createdAt = try row.timestamp()
        name = try row.text()
        unitPrice = Money(try row.integer(), try row.text())
        category = try row.optionalText()
        attributes = try row.optionalText()
        state = try row.value()
        updatedAt = try row.timestamp()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(sku)
        row.timestamp(createdAt)
        row.text(name)
        row.integer(unitPrice.amount)
        row.text(unitPrice.currency)
        row.text(category)
        row.text(attributes)
        row.value(state)
        row.timestamp(updatedAt)
    }
}
