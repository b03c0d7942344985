import Determinism
import Storage

/// The tables of the reserving command. They have the shape of Pantry's own, without what belongs to payments; stock is
/// kept in memory as it is there, what no command reads again is not.
enum BenchmarkSchema {
    static let migrations = [
        Migration(
            1, "lane benchmark",
            [
                """
                CREATE TABLE fences (
                  organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL, state TEXT NOT NULL,
                  version {int} NOT NULL
                ) {table}
                """,
                """
                CREATE TABLE keys (
                  organization {int} NOT NULL, scope TEXT NOT NULL, subject {id} NOT NULL, version {int} NOT NULL,
                  PRIMARY KEY (organization, scope)
                ) {table}
                """,
                """
                CREATE TABLE stock (
                  organization {int} NOT NULL, sku TEXT NOT NULL, on_hand {int} NOT NULL, reserved {int} NOT NULL,
                  version {int} NOT NULL, CHECK (0 <= reserved AND reserved <= on_hand),
                  PRIMARY KEY (organization, sku)
                ) {table}
                """,
                """
                CREATE TABLE orders (
                  organization {int} NOT NULL, id {id} NOT NULL, created_at {int} NOT NULL, lines TEXT NOT NULL,
                  PRIMARY KEY (organization, id)
                ) {table}
                """,
                """
                CREATE TABLE events (
                  organization {int} NOT NULL, key {id} NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,
                  PRIMARY KEY (organization, key)
                ) {table}
                """,
            ])
    ]
}

/// The memory of a key.
struct KeyRecord: Record {
    static let table = Table(
        "keys", rank: 5, key: [.organization, .text("scope")], fixed: [], mutable: ["subject"], locksAbsentRows: true)
    let organization: Int64
    let scope: String
    let subject: UUIDv7

    init(_ organization: Int64, _ scope: String, subject: UUIDv7) {
        (self.organization, self.scope, self.subject) = (organization, scope, subject)
    }
    static func key(_ organization: Int64, _ scope: String) -> Key<KeyRecord> {
        Key(organization: organization, text: scope)
    }
    var key: Key<KeyRecord> { Self.key(organization, scope) }
    init(from row: any ColumnReader) throws {
        (organization, scope) = (try row.integer(), try row.text())
        subject = try row.uuid()
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(scope)
        row.uuid(subject)
    }
}

/// A product's units.
struct StockRecord: Record {
    static let table = Table(
        "stock", rank: 30, key: [.organization, .text("sku")], fixed: [], mutable: ["on_hand", "reserved"],
        cacheBytes: 8 << 20)
    let organization: Int64
    let sku: String
    var onHand: Int64
    var reserved: Int64

    init(_ organization: Int64, _ sku: String, onHand: Int64) {
        (self.organization, self.sku, self.onHand, reserved) = (organization, sku, onHand, 0)
    }
    static func key(_ organization: Int64, _ sku: String) -> Key<StockRecord> {
        Key(organization: organization, text: sku)
    }
    var key: Key<StockRecord> { Self.key(organization, sku) }
    init(from row: any ColumnReader) throws {
        (organization, sku) = (try row.integer(), try row.text())
        (onHand, reserved) = (try row.integer(), try row.integer())
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(sku)
        row.integer(onHand)
        row.integer(reserved)
    }
}

/// An order with its lines.
struct OrderRecord: Record {
    static let table = Table("orders", rank: 10, key: [.organization, .id("id")], fixed: ["created_at", "lines"])
    let organization: Int64
    let id: UUIDv7
    let createdAt: Timestamp
    let lines: String

    init(_ organization: Int64, _ id: UUIDv7, at now: Timestamp, lines: String) {
        (self.organization, self.id, createdAt, self.lines) = (organization, id, now, lines)
    }
    var key: Key<OrderRecord> { Key(organization: organization, id: id) }
    init(from row: any ColumnReader) throws {
        (organization, id) = (try row.integer(), try row.uuid())
        (createdAt, lines) = (try row.timestamp(), try row.text())
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(id)
        row.timestamp(createdAt)
        row.text(lines)
    }
}

/// The order's event.
struct EventRecord: Record {
    static let table = Table("events", rank: 90, key: [.organization, .id("key")], fixed: ["type", "data"])
    let organization: Int64
    let order: UUIDv7
    let type: String
    let data: String

    init(_ organization: Int64, _ order: UUIDv7, type: String, data: String) {
        (self.organization, self.order, self.type, self.data) = (organization, order, type, data)
    }
    var key: Key<EventRecord> { Key(organization: organization, id: order) }
    init(from row: any ColumnReader) throws {
        (organization, order) = (try row.integer(), try row.uuid())
        (type, data) = (try row.text(), try row.text())
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(order)
        row.text(type)
        row.text(data)
    }
}
