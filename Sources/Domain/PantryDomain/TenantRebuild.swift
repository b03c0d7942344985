import Storage

/// The second step of a shard's schema: the same tables, cheaper to write.
///
/// SQLite checks `x IN ('a', 'b', 'c')` by building a table of the list, for each row anew: that was a quarter of what
/// an order cost. A chain of `OR` is a few comparisons. And an order's reservations are made at the same moment: side
/// by side they change one page, by product three.
enum TenantRebuild {
    static let statements = orders + payments + refunds + reservations

    private static let orders = Migration.rebuild(
        "orders",
        columns: """
            organization, id, created_at, currency, total, lines, metadata, payment_id, idempotency_scope, status,
            reason, saga, saga_scope, events, updated_at, version
            """,
        as: """
            (
              organization {int} NOT NULL, id {id} NOT NULL, created_at {int} NOT NULL, currency TEXT NOT NULL,
              total {int} NOT NULL CHECK (total > 0), lines TEXT NOT NULL, metadata TEXT, payment_id {id} NOT NULL,
              idempotency_scope TEXT,
              status TEXT NOT NULL CHECK (status = 'pending' OR status = 'confirmed' OR status = 'fulfilled'
                OR status = 'failed' OR status = 'expired' OR status = 'canceled' OR status = 'refunded'),
              reason TEXT, saga {id}, saga_scope TEXT, events {int} NOT NULL, updated_at {int} NOT NULL,
              version {int} NOT NULL,
              PRIMARY KEY (organization, id)
            ) {table}
            """,
        indexes: ["CREATE INDEX orders_status ON orders (organization, status, id)"])

    private static let payments = Migration.rebuild(
        "payments",
        columns: """
            organization, id, order_id, amount, currency, method, on_unavailable, provider_key, created_at, status,
            captured, refunded, refunding, provider_reference, failure_code, updated_at, version
            """,
        as: """
            (
              organization {int} NOT NULL, id {id} NOT NULL, order_id {id} NOT NULL,
              amount {int} NOT NULL CHECK (amount > 0),
              currency TEXT NOT NULL, method TEXT NOT NULL, on_unavailable TEXT NOT NULL, provider_key TEXT NOT NULL,
              created_at {int} NOT NULL,
              status TEXT NOT NULL CHECK (status = 'processing' OR status = 'captured' OR status = 'queued'
                OR status = 'authorized' OR status = 'partiallyRefunded' OR status = 'refunded' OR status = 'failed'
                OR status = 'voided'),
              captured {int} NOT NULL CHECK (captured BETWEEN 0 AND amount),
              refunded {int} NOT NULL CHECK (refunded >= 0), refunding {int} NOT NULL CHECK (refunding >= 0),
              provider_reference TEXT, failure_code TEXT, updated_at {int} NOT NULL, version {int} NOT NULL,
              CHECK (refunded + refunding <= captured),
              PRIMARY KEY (organization, id)
            ) {table}
            """)

    private static let refunds = Migration.rebuild(
        "refunds",
        columns: """
            organization, id, order_id, amount, reason, provider_key, created_at, idempotency_scope, status,
            failure_code, updated_at, version
            """,
        as: """
            (
              organization {int} NOT NULL, id {id} NOT NULL, order_id {id} NOT NULL,
              amount {int} NOT NULL CHECK (amount > 0),
              reason TEXT, provider_key TEXT NOT NULL, created_at {int} NOT NULL, idempotency_scope TEXT,
              status TEXT NOT NULL CHECK (status = 'processing' OR status = 'succeeded' OR status = 'failed'),
              failure_code TEXT, updated_at {int} NOT NULL, version {int} NOT NULL,
              PRIMARY KEY (organization, id)
            ) {table}
            """,
        indexes: ["CREATE INDEX refunds_order ON refunds (organization, order_id)"])

    private static let reservations = Migration.rebuild(
        "reservations", columns: "organization, sku, order_id, quantity, created_at, state, expires_at, version",
        as: """
            (
              organization {int} NOT NULL, sku TEXT NOT NULL, order_id {id} NOT NULL,
              quantity {int} NOT NULL CHECK (quantity > 0), created_at {int} NOT NULL,
              state TEXT NOT NULL CHECK (state = 'pinned' OR state = 'held' OR state = 'consumed' OR state = 'released'
                OR state = 'expired'),
              expires_at {int} NOT NULL, version {int} NOT NULL,
              PRIMARY KEY (organization, order_id, sku)
            ) {table}
            """,
        indexes: ["CREATE INDEX reservations_held ON reservations (organization, sku, expires_at) WHERE state = 'held'"]
    )
}
