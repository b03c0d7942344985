import Storage

/// The balance of one product: the only row that holds one. `0 ≤ queued ≤ reserved ≤ onHand`, checked by the database
/// too.
package struct StockRecord: Record, Hashable {
    package static let table = Table(
        "stock", rank: 30, key: [.organization, .text("sku")], mutable: ["on_hand", "reserved", "queued", "events"],
        cacheBytes: 8 << 20)

    package let organization: Int64
    package let sku: String
    /// Units on the shelf, those of confirmed orders that have not left included. Equals the sum of the ledger.
    package private(set) var onHand: Int64
    /// Units that live reservations hold.
    package private(set) var reserved: Int64
    /// Units of those that queued orders hold.
    package private(set) var queued: Int64
    /// The last sequence of the product's own events.
    package private(set) var events: Int64

    package init(organization: Int64, sku: String) {
        (self.organization, self.sku) = (organization, sku)
        (onHand, reserved, queued, events) = (0, 0, 0, 0)
    }
    package static func key(_ organization: Int64, _ sku: String) -> Key<StockRecord> {
        Key(organization: organization, text: sku)
    }
    package var key: Key<StockRecord> { Self.key(organization, sku) }
    package var available: Int64 { onHand - reserved }

    /// Holds units for an order; false, and nothing changed, when there are not so many.
    package mutating func reserve(_ quantity: Int64) -> Bool {
        guard quantity > 0, quantity <= available else { return false }
        reserved += quantity
        return true
    }
    /// Gives held units back.
    package mutating func release(_ quantity: Int64, queued isQueued: Bool) {
        reserved -= quantity
        if isQueued { queued -= quantity }
    }
    /// Takes held units off the shelf.
    package mutating func consume(_ quantity: Int64) {
        reserved -= quantity
        onHand -= quantity
    }
    package mutating func moveIntoQueue(_ quantity: Int64) { queued += quantity }
    package mutating func moveOutOfQueue(_ quantity: Int64) { queued -= quantity }

    /// Changes what is on the shelf; false, and nothing changed, when held units would no longer be covered, or when
    /// there would be more units than can be counted.
    package mutating func adjust(by delta: Int64) -> Bool {
        let (sum, overflow) = onHand.addingReportingOverflow(delta)
        guard !overflow, sum >= reserved, sum <= Money.largestAmount else { return false }
        onHand = sum
        return true
    }
    package mutating func nextEvent() -> Int64 {
        events += 1
        return events
    }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        sku = try row.text()
        onHand = try row.integer()
        reserved = try row.integer()
        queued = try row.integer()
        events = try row.integer()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(sku)
        row.integer(onHand)
        row.integer(reserved)
        row.integer(queued)
        row.integer(events)
    }
}
