import Determinism
import Storage
import Testing

@testable import PantryDomain

extension DomainConformance {
    private struct Damage: Sendable {
        var invariant: String
        var statement: String
        init(_ invariant: String, _ statement: String) { (self.invariant, self.statement) = (invariant, statement) }
    }
    private struct Undo: Error {}
    private static let confirmed = "(SELECT id FROM orders WHERE status = 'confirmed' ORDER BY id LIMIT 1)"
    private static let canceled = "(SELECT id FROM orders WHERE status = 'canceled' ORDER BY id LIMIT 1)"
    private static let charge = "(SELECT key FROM operations WHERE kind = 'charge' AND status = 'captured' LIMIT 1)"
    /// Of a key with more than one event.
    private static let someKey = "(SELECT MIN(key) FROM outbox WHERE sequence = 2)"

    private static let damages = [
        Damage("stock-balance", "UPDATE stock SET reserved = on_hand + 1 WHERE sku = 'a'"),
        Damage("stock-balance", "UPDATE stock SET queued = -1 WHERE sku = 'a'"),
        Damage("ledger-sum", "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'a'"),
        Damage("ledger-sum", "DELETE FROM stock WHERE sku = 'a'"),
        Damage("reservations-sum", "UPDATE stock SET reserved = reserved - 1 WHERE sku = 'b'"),
        Damage("reservations-sum", "UPDATE reservations SET state = 'pinned'"),
        Damage("reservation-of-order", "UPDATE reservations SET state = 'released' WHERE order_id = \(confirmed)"),
        Damage("reservation-of-order", "DELETE FROM orders WHERE id = \(confirmed)"),
        Damage("payment-of-order", "UPDATE payments SET captured = captured - 1 WHERE order_id = \(confirmed)"),
        Damage("payment-of-order", "UPDATE payments SET refunded = 0 WHERE order_id = \(canceled)"),
        Damage("payment-of-order", "UPDATE orders SET total = total + 1"),
        Damage("refunds-sum", "UPDATE refunds SET amount = amount + 1"),
        Damage("refunds-sum", "UPDATE payments SET refunding = 1 WHERE captured > refunded"),
        // Sums that need more than 64 bits are found as well.
        Damage("ledger-sum", "UPDATE stock_ledger SET delta = 9223372036854775807"),
        Damage("reservations-sum", "UPDATE reservations SET quantity = 9223372036854775807, state = 'pinned'"),
        Damage("refunds-sum", "UPDATE payments SET refunded = 9223372036854775807, refunding = 9223372036854775807"),
        Damage("key-of-order", "UPDATE idempotency_keys SET state = 'running' WHERE subject = \(confirmed)"),
        Damage("saga-of-order", "UPDATE orders SET saga = NULL WHERE status = 'pending'"),
        Damage("saga-of-order", "UPDATE sagas SET state = 'succeeded' WHERE state = 'parked'"),
        Damage("saga-log", "DELETE FROM saga_log WHERE entry > 1"),
        Damage("saga-log", "UPDATE saga_log SET further = NULL"),
        Damage("saga-log", "UPDATE saga_log SET last_entry = 9223372036854775807"),
        Damage("saga-log", "UPDATE sagas SET entries = 9223372036854775807"),
        Damage("saga-log", "DELETE FROM sagas WHERE state = 'succeeded'"),
        Damage("event-sequence", "DELETE FROM outbox WHERE sequence = 1"),
        Damage("event-position", "UPDATE outbox SET position = 2 WHERE sequence = 1 AND key = \(someKey)"),
        Damage("event-position", "UPDATE outbox SET position = sequence * 2 - 1 WHERE key = \(someKey)"),
        Damage("event-order", "UPDATE outbox SET position = 1 WHERE sequence = 2 AND key = \(someKey)"),
        Damage("event-order", "UPDATE outbox SET position = 3 - sequence WHERE sequence <= 2 AND key = \(someKey)"),
        Damage("event-of-order", "UPDATE orders SET events = 0"),
        Damage("events-sum", "DELETE FROM outbox WHERE sequence = (SELECT MAX(sequence) FROM outbox)"),
        Damage("units-of-order", "DELETE FROM reservations WHERE state = 'consumed'"),
        Damage("units-of-order", "UPDATE orders SET lines = replace(lines, '\"quantity\":2', '\"quantity\":3')"),
        Damage("units-of-order", "UPDATE reservations SET quantity = 9223372036854775807"),
        Damage("total-of-order", "UPDATE orders SET lines = '[]' WHERE status = 'canceled'"),
        Damage("total-of-order", "UPDATE orders SET total = 9223372036854775807"),
        Damage("fence", "DELETE FROM fences"),
        Damage("books", "INSERT INTO entries VALUES (\(charge), 99, 'captured', 250, 1)"),
        Damage("books", "DELETE FROM entries WHERE kind = 'captured'"),
        Damage("books", "UPDATE entries SET amount = amount - 1 WHERE kind = 'captured'"),
        Damage("books", "UPDATE entries SET amount = 9223372036854775807"),
        Damage(
            "books", "UPDATE operations SET reference = 'ord_01arz3ndektsv4rrffq69g5fav' WHERE kind = 'charge'"),
    ]

    static let verifier: [Behavior<Shop>] = [
        Behavior("every damage to the rows is found") { shop in
            #expect(Set(damages.map(\.invariant)) == Set(ShardInvariants.all.map(\.name) + ["books"]))
            for sku in ["a", "b"] { try await shop.product(sku, stock: 20) }
            try await shop.place([("a", 1), ("b", 2)], "confirmed")
            let refunded = try #require(try await shop.place([("a", 2)], "refunded").order)
            try await shop.refund(refunded, 100, "r")
            try await shop.fulfill(try #require(try await shop.place([("a", 1)], "fulfilled").order))
            try await shop.cancel(try #require(try await shop.place([("b", 1)], "canceled").order))
            try await shop.place([("b", 1)], "declined", method: "pm_declined")
            for server in [shop.world.first, shop.world.second] { server.provider.isDown = true }
            guard case .accepted = try await shop.place([("a", 3)], "queued") else { throw Unexpected() }
            #expect(try await shop.world.findings() == [])
            for damage in damages { try await isFound(damage, shop) }
            for server in [shop.world.first, shop.world.second] { server.provider.isDown = false }
        }
    ]

    /// Damages the rows in a transaction that is taken back, and verifies what is seen in it.
    private static func isFound(_ damage: Damage, _ shop: Shop) async throws {
        let world = shop.world
        let isBooks = damage.invariant == "books"
        let database = isBooks ? world.first.books : world.first.database
        await #expect(throws: Undo.self, "\(damage.statement)") {
            try await database.write { transaction in
                try await withoutChecks(transaction, world.dialect) {
                    try await transaction.execute(SQLStatement(damage.statement))
                }
                let inside = OpenTransaction(transaction: transaction)
                let report = try await Verifier(
                    shards: [
                        (name: "shard-0", database: isBooks ? world.first.database : inside, dialect: world.dialect)
                    ],
                    provider: isBooks ? inside : world.first.books, time: PauselessTime()
                ).run()
                let finding = report.findings.first { $0.invariant == damage.invariant }
                #expect(finding?.rows.allSatisfy { $0.contains("=") } == true, "not found: \(damage.statement)")
                throw Undo()
            }
        }
    }

    /// Does what the tables' own checks would refuse. In PostgreSQL they are gone until the transaction is taken back.
    private static func withoutChecks(
        _ transaction: any Transaction, _ dialect: Dialect, _ body: () async throws -> Void
    ) async throws {
        switch dialect {
        case .sqlite:
            try await transaction.execute(SQLStatement("PRAGMA ignore_check_constraints = ON"))
            try await body()
            try await transaction.execute(SQLStatement("PRAGMA ignore_check_constraints = OFF"))
        case .postgres:
            let checks = try await transaction.execute(
                SQLStatement(
                    "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c'"
                        + " AND connamespace = 'public'::regnamespace"))
            for check in checks {
                try await transaction.execute(
                    SQLStatement("ALTER TABLE \(try check.text(0)) DROP CONSTRAINT \(try check.text(1))"))
            }
            try await body()
        }
    }
}

/// What an open transaction sees, as a database to be verified.
private struct OpenTransaction: Database {
    let transaction: any Transaction

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        var rows: [[SQLRow]] = []
        for statement in statements { rows.append(try await transaction.execute(statement)) }
        return ReadResult(rows: rows, servedBy: "a transaction")
    }
    func write<Value: Sendable>(_ body: @Sendable (any Transaction) async throws -> Value) async throws -> Value {
        try await body(transaction)
    }
}
