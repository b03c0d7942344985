import Determinism
import Storage

/// What the sandbox provider knows of one idempotency key, in its own file.
package struct SandboxOperation: Record, Hashable {
    package enum Kind: String, Sendable {
        case charge
        case authorization
        case refund
    }
    package enum Status: String, Sendable {
        /// `pm_slow` until its time has come.
        case processing
        /// `pm_flaky` after an attempt that failed.
        case failed
        case authorized
        case captured
        case voided
        case declined
        case refunded
    }
    package static let table = Table(
        "operations", rank: 10, key: [.text("key")],
        fixed: ["kind", "reference", "parent", "amount", "currency", "method", "created_at"],
        mutable: ["status", "refunded", "completes_at", "entries"],
        // Made by whoever sends the key first; of two servers that send it the second hears what became of it.
        locksAbsentRows: true)

    package let name: String
    package let kind: Kind
    package let reference: String
    package let parent: String?
    package let amount: Money
    package let method: String
    package let createdAt: Timestamp
    package var status: Status
    package var refunded: Int64
    package var completesAt: Timestamp?
    package var entries: Int64

    package init(
        name: String, kind: Kind, reference: String, parent: String?, amount: Money, method: String, status: Status,
        completesAt: Timestamp?, now: Timestamp
    ) {
        (self.name, self.kind, self.reference, self.parent) = (name, kind, reference, parent)
        (self.amount, self.method, self.status, self.completesAt) = (amount, method, status, completesAt)
        (createdAt, refunded, entries) = (now, 0, 0)
    }
    package static func key(_ name: String) -> Key<SandboxOperation> { Key(text: name) }
    package var key: Key<SandboxOperation> { Self.key(name) }

    package init(from row: any ColumnReader) throws {
        name = try row.text()
        kind = try row.value()
        reference = try row.text()
        parent = try row.optionalText()
        amount = Money(try row.integer(), try row.text())
        method = try row.text()
        createdAt = try row.timestamp()
        status = try row.value()
        refunded = try row.integer()
        completesAt = try row.optionalTimestamp()
        entries = try row.integer()
    }
    package func write(to row: any ColumnWriter) {
        row.text(name)
        row.value(kind)
        row.text(reference)
        row.text(parent)
        row.integer(amount.amount)
        row.text(amount.currency)
        row.text(method)
        row.timestamp(createdAt)
        row.value(status)
        row.integer(refunded)
        row.timestamp(completesAt)
        row.integer(entries)
    }
}

/// A line of the sandbox provider's books: append-only.
package struct SandboxEntry: Record, Hashable {
    package static let table = Table(
        "entries", rank: 20, key: [.text("key"), .number("number")], fixed: ["kind", "amount", "at"])

    package let name: String
    package let number: Int64
    package let kind: SandboxOperation.Status
    package let amount: Int64
    package let at: Timestamp

    package init(name: String, number: Int64, kind: SandboxOperation.Status, amount: Int64, at: Timestamp) {
        (self.name, self.number, self.kind, self.amount, self.at) = (name, number, kind, amount, at)
    }
    package var key: Key<SandboxEntry> { Key(text: name, number: number) }
    package init(from row: any ColumnReader) throws {
        name = try row.text()
        number = try row.integer()
        kind = try row.value()
        amount = try row.integer()
        at = try row.timestamp()
    }
    package func write(to row: any ColumnWriter) {
        row.text(name)
        row.integer(number)
        row.value(kind)
        row.integer(amount)
        row.timestamp(at)
    }
}

/// The sandbox provider's file.
package enum SandboxSchema {
    package static let migrations = [
        Migration(
            1, "operations and entries",
            [
                """
                CREATE TABLE operations (
                  key TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('charge', 'authorization',
                  'refund')),
                  reference TEXT NOT NULL, parent TEXT, amount {int} NOT NULL CHECK (amount >= 0),
                  currency TEXT NOT NULL,
                  method TEXT NOT NULL, created_at {int} NOT NULL, status TEXT NOT NULL,
                  refunded {int} NOT NULL CHECK (refunded BETWEEN 0 AND amount), completes_at {int},
                  entries {int} NOT NULL,
                  version {int} NOT NULL
                ) {table}
                """,
                "CREATE INDEX operations_reference ON operations (reference)",
                """
                CREATE TABLE entries (
                  key TEXT NOT NULL, number {int} NOT NULL, kind TEXT NOT NULL, amount {int} NOT NULL,
                  at {int} NOT NULL,
                  PRIMARY KEY (key, number)
                ) {table}
                """,
            ]),
        Migration(
            2, "checks without lists",
            Migration.rebuild(
                "operations",
                columns: """
                    key, kind, reference, parent, amount, currency, method, created_at, status, refunded, completes_at,
                    entries, version
                    """,
                as: """
                    (
                      key TEXT NOT NULL PRIMARY KEY,
                      kind TEXT NOT NULL CHECK (kind = 'charge' OR kind = 'authorization' OR kind = 'refund'),
                      reference TEXT NOT NULL, parent TEXT, amount {int} NOT NULL CHECK (amount >= 0),
                      currency TEXT NOT NULL, method TEXT NOT NULL, created_at {int} NOT NULL, status TEXT NOT NULL,
                      refunded {int} NOT NULL CHECK (refunded BETWEEN 0 AND amount), completes_at {int},
                      entries {int} NOT NULL, version {int} NOT NULL
                    ) {table}
                    """,
                indexes: ["CREATE INDEX operations_reference ON operations (reference)"])),
    ]
}
