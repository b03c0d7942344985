import Storage

/// An invariant of the stored data, as the statement that finds the rows which break it.
package struct StoredInvariant: Sendable {
    /// A short name, such as `stock-balance`.
    package let name: String
    /// What always holds.
    package let promise: String
    /// Finds offending rows; none is right. The columns are shown as they are, under these names. ``lines`` and
    /// ``furtherEntries`` in it stand for what each engine has its own words for.
    package let statement: String
    package let columns: [String]
    /// Those of the columns that are sums, and come as the two columns of a ``WideSum``.
    package var sums: Set<String> = []

    /// Stands in a statement for the rows `l(value)` of the JSON array `o.lines`.
    static let lines = "{lines}"

    /// Stands in a statement for the number of a saga's entries that the JSON array `l.further` holds.
    static let furtherEntries = "{further}"

    /// Whether it looks into what is stored as JSON, and so may come upon what is none.
    var readsJSON: Bool { statement.contains(Self.lines) || statement.contains(Self.furtherEntries) }

    package func statement(for dialect: Dialect) -> SQLStatement {
        let (lines, further) =
            dialect == .sqlite
            ? ("json_each(o.lines) l", "l.further") : ("json_array_elements(o.lines::json) l", "l.further::json")
        return SQLStatement(
            statement.replacing(Self.lines, with: lines)
                .replacing(Self.furtherEntries, with: "COALESCE(json_array_length(\(further)), 0)"))
    }
}

/// The invariants of one shard. Each is one statement, so that the database does the work, and sees one snapshot, so
/// that a server may go on beside.
package enum ShardInvariants {
    package static let all = stock + orders + sagas + events

    private static let stock = [
        StoredInvariant(
            name: "stock-balance", promise: "0 ≤ queued ≤ reserved ≤ onHand",
            statement: """
                SELECT organization, sku, on_hand, reserved, queued FROM stock
                WHERE NOT (0 <= queued AND queued <= reserved AND reserved <= on_hand) LIMIT 100
                """, columns: ["organization", "sku", "onHand", "reserved", "queued"]),
        StoredInvariant(
            name: "ledger-sum", promise: "the sum of the ledger's deltas is what is on hand",
            statement: """
                SELECT organization, sku, MAX(balance), \(WideSum.columns("delta")) FROM (
                  SELECT organization, sku, on_hand AS balance, 0 AS delta FROM stock
                  UNION ALL SELECT organization, sku, 0, delta FROM stock_ledger) t
                GROUP BY organization, sku HAVING \(WideSum.differ("balance", "delta")) LIMIT 100
                """, columns: ["organization", "sku", "onHand", "ledger"], sums: ["ledger"]),
        StoredInvariant(
            name: "reservations-sum",
            promise: "the live reservations add up to what is reserved, the held ones to what is queued",
            statement: """
                SELECT organization, sku, \(WideSum.columns("reserved", "live", "queued", "held")) FROM (
                  SELECT organization, sku, reserved, queued, 0 AS live, 0 AS held FROM stock
                  UNION ALL SELECT organization, sku, 0, 0, quantity, CASE WHEN state = 'held' THEN quantity ELSE 0 END
                    FROM reservations WHERE state IN ('held', 'pinned')) t
                GROUP BY organization, sku
                HAVING \(WideSum.differ("reserved", "live")) OR \(WideSum.differ("queued", "held")) LIMIT 100
                """, columns: ["organization", "sku", "reserved", "live", "queued", "held"],
            sums: ["reserved", "live", "queued", "held"]),
        StoredInvariant(
            name: "reservation-of-order",
            promise: "an order that stands and has not left holds its units, one that is settled holds none",
            statement: """
                SELECT r.organization, r.order_id, r.sku, r.state, o.status FROM reservations r
                LEFT JOIN orders o ON o.organization = r.organization AND o.id = r.order_id
                WHERE o.id IS NULL OR (o.status = 'confirmed' AND r.state <> 'pinned')
                  OR (o.status = 'fulfilled' AND r.state <> 'consumed')
                  OR (o.status IN ('failed', 'expired', 'canceled', 'refunded') AND r.state NOT IN ('released',
                  'expired'))
                LIMIT 100
                """, columns: ["organization", "order", "sku", "reservation", "order status"]),
        StoredInvariant(
            name: "units-of-order", promise: "what an order that stands holds, or has taken, is what its lines say",
            statement: """
                SELECT organization, id, sku, \(WideSum.columns("ordered", "held")) FROM (
                  SELECT o.organization, o.id, l.value->>'sku' AS sku, CAST(l.value->>'quantity' AS BIGINT) AS ordered,
                    0 AS held
                  FROM orders o, \(StoredInvariant.lines) WHERE o.status IN ('confirmed', 'fulfilled')
                  UNION ALL
                  SELECT o.organization, o.id, r.sku, 0, r.quantity
                  FROM orders o JOIN reservations r ON r.organization = o.organization AND r.order_id = o.id
                  WHERE o.status IN ('confirmed', 'fulfilled')) t
                GROUP BY organization, id, sku HAVING \(WideSum.differ("ordered", "held")) LIMIT 100
                """, columns: ["organization", "order", "sku", "ordered", "held"], sums: ["ordered", "held"]),
    ]

    private static let orders = [
        StoredInvariant(
            name: "payment-of-order",
            promise: "captured − refunded is the value of the orders that stand; of others, nothing",
            statement: """
                SELECT o.organization, o.id, o.status, o.total, p.status, p.captured, p.refunded FROM orders o
                LEFT JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id
                WHERE p.id IS NULL OR p.amount <> o.total OR p.order_id <> o.id
                  OR (o.status IN ('confirmed', 'fulfilled') AND p.captured <> o.total)
                  OR (o.status IN ('failed', 'expired', 'canceled', 'refunded') AND p.captured <> p.refunded)
                  OR (o.status = 'pending' AND p.captured <> 0)
                LIMIT 100
                """, columns: ["organization", "order", "status", "total", "payment", "captured", "refunded"]),
        StoredInvariant(
            name: "total-of-order", promise: "an order's total is the sum of its lines",
            statement: """
                SELECT organization, id, \(WideSum.columns("total", "lines")) FROM (
                  SELECT organization, id, total, 0 AS lines FROM orders
                  UNION ALL
                  SELECT o.organization, o.id, 0, CAST(l.value->'amount'->>'amount' AS BIGINT)
                  FROM orders o, \(StoredInvariant.lines)) t
                GROUP BY organization, id HAVING \(WideSum.differ("total", "lines")) LIMIT 100
                """, columns: ["organization", "order", "total", "lines"], sums: ["total", "lines"]),
        StoredInvariant(
            name: "refunds-sum",
            promise: "the refunds that succeeded add up to what is refunded, those under way to what is claimed",
            statement: """
                SELECT organization, order_id, \(WideSum.columns("refunded", "done", "refunding", "claimed")) FROM (
                  SELECT organization, order_id, refunded, refunding, 0 AS done, 0 AS claimed FROM payments p
                  WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.organization = p.organization AND o.id = p.order_id
                    AND o.status IN ('canceled', 'failed', 'expired') AND p.refunding = 0)
                  UNION ALL
                  SELECT r.organization, r.order_id, 0, 0, CASE WHEN r.status = 'succeeded' THEN r.amount ELSE 0 END,
                    CASE WHEN r.status = 'processing' THEN r.amount ELSE 0 END
                  FROM refunds r JOIN orders o ON o.organization = r.organization AND o.id = r.order_id
                  WHERE o.status NOT IN ('canceled', 'failed', 'expired')) t
                GROUP BY organization, order_id
                HAVING \(WideSum.differ("refunded", "done")) OR \(WideSum.differ("refunding", "claimed")) LIMIT 100
                """, columns: ["organization", "order", "refunded", "done", "refunding", "claimed"],
            sums: ["refunded", "done", "refunding", "claimed"]),
        StoredInvariant(
            name: "key-of-order", promise: "a settled order has left no key behind that is still running",
            statement: """
                SELECT k.organization, k.scope, o.id, o.status FROM idempotency_keys k
                JOIN orders o ON o.organization = k.organization AND o.id = k.subject
                WHERE k.state = 'running' AND o.saga IS NULL LIMIT 100
                """, columns: ["organization", "key", "order", "status"]),
    ]

    private static let sagas = [
        StoredInvariant(
            name: "saga-of-order",
            promise: "a pending order has a saga that has not ended, and only such a saga holds an order",
            statement: """
                SELECT o.organization, o.id, o.status, s.id, s.state FROM orders o
                LEFT JOIN sagas s ON s.organization = o.organization AND s.id = o.saga
                WHERE (o.saga IS NOT NULL AND (s.id IS NULL OR s.state IN ('succeeded', 'compensated')))
                  OR (o.status = 'pending' AND o.saga IS NULL) LIMIT 100
                """, columns: ["organization", "order", "status", "saga", "saga state"]),
        StoredInvariant(
            name: "saga-log", promise: "a saga's log has every entry that its row counts",
            statement: """
                SELECT organization, id, \(WideSum.columns("entries", "found")) FROM (
                  SELECT organization, id, entries, 0 AS found FROM sagas
                  UNION ALL SELECT l.organization, l.saga, 0,
                    CASE WHEN COALESCE(l.last_entry, l.entry) - l.entry = \(StoredInvariant.furtherEntries)
                      THEN 1 + \(StoredInvariant.furtherEntries) ELSE 0 END FROM saga_log l) t
                GROUP BY organization, id HAVING \(WideSum.differ("entries", "found")) LIMIT 100
                """, columns: ["organization", "saga", "entries", "found"], sums: ["entries", "found"]),
    ]

    private static let events = [
        StoredInvariant(
            name: "event-sequence", promise: "the events of a key are numbered 1, 2, 3 … without gaps",
            statement: """
                SELECT organization, key, COUNT(*), MAX(sequence) FROM outbox
                GROUP BY organization, key HAVING COUNT(*) <> MAX(sequence) OR MIN(sequence) <> 1 LIMIT 100
                """, columns: ["organization", "key", "events", "last"]),
        StoredInvariant(
            name: "event-position", promise: "the positions of an organization's events are 1, 2, 3 … without gaps",
            statement: """
                SELECT organization, COUNT(*), MIN(position), MAX(position) FROM outbox WHERE position IS NOT NULL
                GROUP BY organization HAVING COUNT(*) <> MAX(position) OR MIN(position) <> 1 LIMIT 100
                """, columns: ["organization", "positions", "first", "last"]),
        StoredInvariant(
            name: "event-order", promise: "an event has its position behind those before it of its key",
            statement: """
                SELECT organization, key, sequence, position, earlier FROM (
                  SELECT organization, key, sequence, position,
                    LAG(position) OVER (PARTITION BY organization, key ORDER BY sequence) AS earlier FROM outbox) t
                WHERE position IS NOT NULL AND sequence > 1 AND (earlier IS NULL OR earlier >= position) LIMIT 100
                """, columns: ["organization", "key", "sequence", "position", "earlier"]),
        StoredInvariant(
            name: "event-of-order", promise: "every order has told of itself",
            statement: """
                SELECT o.organization, o.id, o.events FROM orders o WHERE o.events = 0 LIMIT 100
                """, columns: ["organization", "order", "events"]),
        StoredInvariant(
            name: "events-sum", promise: "there are as many events as orders and stock have told of",
            statement: """
                SELECT organization, \(WideSum.columns("told", "stored")) FROM (
                  SELECT organization, events AS told, 0 AS stored FROM orders
                  UNION ALL SELECT organization, events, 0 FROM stock
                  UNION ALL SELECT organization, 0, 1 FROM outbox) t
                GROUP BY organization HAVING \(WideSum.differ("told", "stored")) LIMIT 100
                """, columns: ["organization", "told", "stored"], sums: ["told", "stored"]),
        StoredInvariant(
            name: "fence", promise: "every organization with data here has a fence",
            statement: """
                SELECT DISTINCT organization FROM products p
                WHERE NOT EXISTS (SELECT 1 FROM fences f WHERE f.organization = p.organization) LIMIT 100
                """, columns: ["organization"]),
    ]
}
