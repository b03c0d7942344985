import Determinism
import Storage
import Synchronization
import Testing

@testable import PantryDomain

@Suite struct VerifierTests {
    struct Violation: Sendable, CustomTestStringConvertible {
        var invariant: String
        var statement: String
        var file: Store.File = .shard
        var testDescription: String { "\(invariant): \(statement)" }
    }
    private static let confirmed = "(SELECT id FROM orders WHERE status = 'confirmed' LIMIT 1)"
    private static let canceled = "(SELECT id FROM orders WHERE status = 'canceled' LIMIT 1)"
    private static let charge = "(SELECT key FROM operations WHERE kind = 'charge' AND status = 'captured' LIMIT 1)"

    static let violations: [Violation] = [
        Violation(invariant: "stock-balance", statement: "UPDATE stock SET reserved = on_hand + 1 WHERE sku = 'a'"),
        Violation(invariant: "stock-balance", statement: "UPDATE stock SET queued = -1 WHERE sku = 'a'"),
        Violation(invariant: "stock-balance", statement: "UPDATE stock SET queued = reserved + 1 WHERE sku = 'a'"),
        Violation(invariant: "ledger-sum", statement: "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'a'"),
        Violation(invariant: "ledger-sum", statement: "DELETE FROM stock_ledger WHERE delta < 0"),
        Violation(invariant: "ledger-sum", statement: "DELETE FROM stock WHERE sku = 'a'"),
        Violation(invariant: "reservations-sum", statement: "UPDATE stock SET reserved = reserved - 1 WHERE sku = 'b'"),
        Violation(invariant: "reservations-sum", statement: "UPDATE reservations SET quantity = 9"),
        Violation(invariant: "reservations-sum", statement: "UPDATE reservations SET state = 'pinned'"),
        Violation(
            invariant: "reservation-of-order",
            statement: "UPDATE reservations SET state = 'released' WHERE order_id = \(confirmed)"),
        Violation(
            invariant: "reservation-of-order",
            statement: "UPDATE reservations SET state = 'pinned' WHERE order_id = \(canceled)"),
        Violation(invariant: "reservation-of-order", statement: "DELETE FROM orders WHERE id = \(confirmed)"),
        Violation(
            invariant: "payment-of-order",
            statement: "UPDATE payments SET captured = captured - 1 WHERE order_id = \(confirmed)"),
        Violation(
            invariant: "payment-of-order",
            statement: "UPDATE payments SET refunded = 0 WHERE order_id = \(canceled)"),
        Violation(invariant: "payment-of-order", statement: "DELETE FROM payments WHERE order_id = \(confirmed)"),
        Violation(invariant: "payment-of-order", statement: "UPDATE orders SET total = total + 1"),
        Violation(
            invariant: "payment-of-order",
            statement: """
                UPDATE payments SET captured = 1 WHERE order_id IN (SELECT id FROM orders WHERE status = 'pending')
                """),
        Violation(invariant: "refunds-sum", statement: "UPDATE refunds SET amount = amount + 1"),
        Violation(invariant: "refunds-sum", statement: "UPDATE refunds SET status = 'processing'"),
        Violation(invariant: "refunds-sum", statement: "UPDATE payments SET refunding = 1 WHERE captured > refunded"),
        Violation(
            invariant: "key-of-order",
            statement: "UPDATE idempotency_keys SET state = 'running' WHERE subject = \(confirmed)"),
        Violation(invariant: "saga-of-order", statement: "UPDATE orders SET saga = NULL WHERE status = 'pending'"),
        Violation(
            invariant: "saga-of-order",
            statement: "UPDATE sagas SET state = 'succeeded' WHERE state = 'parked'"),
        Violation(
            invariant: "saga-of-order",
            statement: "UPDATE orders SET saga = (SELECT id FROM sagas WHERE state = 'succeeded') WHERE status <> 'x'"),
        Violation(invariant: "saga-log", statement: "DELETE FROM saga_log WHERE entry > 1"),
        Violation(invariant: "saga-log", statement: "DELETE FROM saga_log"),
        Violation(invariant: "saga-log", statement: "UPDATE saga_log SET last_entry = entry, further = NULL"),
        Violation(invariant: "saga-log", statement: "UPDATE saga_log SET further = NULL"),
        Violation(invariant: "saga-log", statement: "UPDATE saga_log SET further = '['"),
        Violation(invariant: "saga-log", statement: "UPDATE saga_log SET last_entry = 9223372036854775807"),
        Violation(invariant: "event-sequence", statement: "DELETE FROM outbox WHERE sequence = 1"),
        Violation(invariant: "event-sequence", statement: "DELETE FROM outbox WHERE sequence = 2"),
        Violation(
            invariant: "event-position",
            statement: "UPDATE outbox SET position = 2 WHERE sequence = 1 AND key = (SELECT MIN(key) FROM outbox)"),
        Violation(
            invariant: "event-position",
            statement: """
                UPDATE outbox SET position = sequence + CASE WHEN sequence > 1 THEN 1 ELSE 0 END
                WHERE key = (SELECT key FROM outbox WHERE sequence = 2 LIMIT 1)
                """),
        Violation(
            invariant: "event-order",
            statement: "UPDATE outbox SET position = 1 WHERE key = (SELECT key FROM outbox WHERE sequence = 2 LIMIT 1)"
                + " AND sequence = 2"),
        Violation(
            invariant: "event-order",
            statement: """
                UPDATE outbox SET position = 3 - sequence
                WHERE key = (SELECT key FROM outbox WHERE sequence = 2 LIMIT 1) AND sequence <= 2
                """),
        Violation(invariant: "event-of-order", statement: "UPDATE orders SET events = 0"),
        Violation(
            invariant: "events-sum",
            statement: "DELETE FROM outbox WHERE sequence = (SELECT MAX(sequence) FROM outbox)"),
        Violation(
            invariant: "units-of-order",
            statement: """
                DELETE FROM reservations WHERE state = 'consumed'
                """),
        Violation(
            invariant: "units-of-order",
            statement: "UPDATE orders SET lines = replace(lines, '\"quantity\":2', '\"quantity\":3')"),
        Violation(
            invariant: "units-of-order", statement: "UPDATE orders SET lines = '[{' WHERE status = 'confirmed'"),
        Violation(invariant: "total-of-order", statement: "UPDATE orders SET total = total + 1"),
        Violation(invariant: "total-of-order", statement: "UPDATE orders SET lines = '[]' WHERE status = 'canceled'"),
        Violation(invariant: "fence", statement: "DELETE FROM fences"),
        Violation(
            invariant: "books", statement: "INSERT INTO entries VALUES (\(charge), 99, 'captured', 250, 1)",
            file: .books),
        Violation(invariant: "books", statement: "DELETE FROM entries WHERE kind = 'captured'", file: .books),
        Violation(invariant: "books", statement: "DELETE FROM entries WHERE kind = 'refunded'", file: .books),
        Violation(
            invariant: "books", statement: "UPDATE entries SET amount = amount - 1 WHERE kind = 'captured'",
            file: .books),
        Violation(
            invariant: "books",
            statement: """
                UPDATE operations SET reference = 'ord_01arz3ndektsv4rrffq69g5fav' WHERE kind = 'charge'
                """, file: .books),
    ]

    /// One order of each kind: confirmed, partly refunded, fulfilled, canceled, declined, and one that waits.
    private func withOrders(_ body: (Store) async throws -> Void) async throws {
        try await withStore { store in
            let checkout = try await Checkout.open(in: store)
            for sku in ["a", "b"] { try await checkout.shop.product(sku, price: 250, stock: 20) }
            _ = try await checkout.place([("a", 1), ("b", 2)], key: "confirmed")
            let refunded = try #require(try await checkout.place([("a", 2)], key: "refunded").order)
            _ = try await checkout.refund(refunded, 100, key: "r")
            let fulfilled = try #require(try await checkout.place([("a", 1)], key: "fulfilled").order)
            _ = try await checkout.fulfill(fulfilled)
            let canceled = try #require(try await checkout.place([("b", 1)], key: "canceled").order)
            _ = try await checkout.cancel(canceled)
            _ = try await checkout.place([("b", 1)], key: "declined", method: "pm_declined")
            checkout.script.then(.authorize, .notSent, .notSent, .notSent)
            #expect(try await checkout.place([("a", 3)], key: "queued").isAccepted)
            checkout.server.life.die(after: 0)
            try await body(store)
            checkout.server.life.release()
            try await checkout.server.stop()
        }
    }

    @Test func storesThatAreInOrderAreFoundInOrder() async throws {
        try await withStore { store in
            #expect(try await store.verify().isClean)
            let report = try await store.verify()
            #expect(report.checked == ShardInvariants.all.count + 1 && report.orders == 0)
        }
        try await withOrders { store async throws in
            #expect(try await store.findings() == [])
            #expect(try await store.verify().orders == 6)
        }
    }

    @Test func everyInvariantIsPlanted() {
        let planted = Set(Self.violations.map(\.invariant))
        #expect(planted == Set(ShardInvariants.all.map(\.name) + ["books"]))
    }

    @Test func everyPlantedViolationIsFound() async throws {
        for part in 0..<(Self.violations.count + 4) / 5 {
            try await withOrders { store in
                // Each violation in a copy of the rows would be slower: a savepoint that is rolled back is enough.
                for violation in Self.violations.dropFirst(part * 5).prefix(5) {
                    try await plant(violation, in: store)
                }
            }
        }
    }

    /// Copies every table, tampers, verifies and puts the rows back.
    private func plant(_ violation: Violation, in store: Store) async throws {
        let file = violation.file
        let tables = try await store.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'kept_%'", in: file
        ).map { try $0.text(0) }
        for table in tables { try await store.tamper("CREATE TABLE kept_\(table) AS SELECT * FROM \(table)", in: file) }
        try await store.tamper(violation.statement, in: file)
        let report = try await store.verify()
        let finding = report.findings.first { $0.invariant == violation.invariant }
        #expect(finding != nil, "not found: \(violation.testDescription)")
        #expect(finding?.rows.allSatisfy { $0.contains("=") } == true)
        for table in tables {
            try await store.tamper("DELETE FROM \(table)", in: file)
            try await store.tamper("INSERT INTO \(table) SELECT * FROM kept_\(table)", in: file)
            try await store.tamper("DROP TABLE kept_\(table)", in: file)
        }
        #expect(try await store.findings() == [], "put back after \(violation.testDescription)")
    }

    /// What does not fit into 64 bits is a finding with its numbers, not an error.
    @Test func sumsBeyondSixtyFourBitsAreFound() async throws {
        try await withOrders { store in
            // Three deliveries and what has left: more than one row for `a`.
            let rows = try await store.number("SELECT COUNT(*) FROM stock_ledger WHERE sku = 'a'")
            #expect(rows > 1)
            try await store.tamper("UPDATE stock_ledger SET delta = 9223372036854775807 WHERE sku = 'a'")
            try await store.tamper("UPDATE entries SET amount = 9223372036854775807", in: .books)
            let report = try await store.verify()
            let ledger = try #require(report.findings.first { $0.invariant == "ledger-sum" })
            let sum = Int128(Int64.max) * Int128(rows)
            #expect(ledger.rows.contains { $0.contains("sku=a") && $0.contains("ledger=\(sum)") }, "\(ledger.rows)")
            #expect(report.findings.contains { $0.invariant == "books" })
        }
    }

    @Test func theTwoBooksAreComparedInEveryPart() {
        func ours(
            _ status: OrderStatus = .confirmed, captured: Int64 = 500, refunded: Int64 = 0, underWay: Bool = false
        ) -> OrderMoney {
            OrderMoney(
                status: status, payment: .captured, total: 500, captured: captured, refunded: refunded,
                isUnderWay: underWay)
        }
        let once = BookedMoney(captures: 1, captured: 500, refunded: 0)
        let twice = BookedMoney(captures: 2, captured: 1_000, refunded: 0)
        let back = BookedMoney(captures: 1, captured: 500, refunded: 500)
        let tooMuch = BookedMoney(captures: 1, captured: 500, refunded: 501)
        let rows: [(OrderMoney, BookedMoney, String?)] = [
            (ours(), once, nil), (ours(refunded: 500), back, nil),
            (ours(.failed, captured: 0), BookedMoney(), nil),
            (ours(captured: 0, underWay: true), once, nil), (ours(captured: 0, underWay: true), BookedMoney(), nil),
            (ours(refunded: 100, underWay: true), back, nil),
            (ours(), BookedMoney(), "differ"), (ours(captured: 0), once, "differ"),
            (ours(), back, "differ"), (ours(refunded: 500), once, "differ"),
            (ours(.failed, captured: 0), once, "differ"),
            (ours(), twice, "more than once"), (ours(underWay: true), twice, "more than once"),
            (ours(refunded: 500), tooMuch, "more than was taken"),
            (ours(underWay: true), tooMuch, "more than was taken"),
        ]
        for (ours, booked, words) in rows {
            let found = Verifier.mismatch(ours, booked)
            #expect((found == nil) == (words == nil), "\(ours) \(booked)")
            if let words { #expect(found?.contains(words) == true, "\(found ?? "")") }
        }
        // An order in the queue is known not to have been charged, whatever its saga is about to do.
        var queued = ours(.pending, captured: 0, underWay: true)
        queued.payment = .queued
        #expect(Verifier.mismatch(queued, once)?.contains("waits to be charged") == true)
        #expect(Verifier.mismatch(queued, BookedMoney()) == nil)
    }

    @Test func anOrderThatMovesOnMeanwhileIsNoFinding() async throws {
        try await withOrders { store in
            let tampered = "UPDATE entries SET amount = amount - 1 WHERE kind = 'captured'"
            try await store.tamper(tampered, in: .books)
            let provider = ChangingDatabase(inner: store.books, after: 2) {
                try? await store.tamper("UPDATE entries SET amount = amount + 1 WHERE kind = 'captured'", in: .books)
            }
            let report = try await Verifier(
                shards: [(name: "shard-0", database: store.shard, dialect: .sqlite)], provider: provider,
                time: PauselessTime()
            ).run()
            #expect(report.isClean)
        }
    }
}

/// A database in which something happens after some reads.
final class ChangingDatabase: Database {
    private let inner: any Database
    private let change: @Sendable () async -> Void
    private let readsLeft: Mutex<Int>

    init(inner: any Database, after reads: Int, _ change: @escaping @Sendable () async -> Void) {
        (self.inner, self.change) = (inner, change)
        readsLeft = Mutex(reads)
    }
    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        let isTime = readsLeft.withLock { left in
            left -= 1
            return left == -1
        }
        if isTime { await change() }
        return try await inner.read(statements, consistency, for: organization)
    }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value { try await inner.write(body) }
}
