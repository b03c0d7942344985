import Messaging
import Sagas
import Storage

/// A shard's database. Every primary key starts with the organization, so that a tenant can be moved, replicated and
/// verified alone.
package enum TenantSchema {
    package static let migrations = [
        Migration(
            1, "the order path",
            [fences, IdempotencySchema.table, IdempotencySchema.index] + orders + inventory + SagaSchema.tables
                + MessagingSchema.tables),
        Migration(2, "checks without lists", TenantRebuild.statements + SagaSchema.rebuild),
        Migration(3, "sagas by their definitions", SagaSchema.definitions),
        Migration(4, "a saga's log by commits", SagaSchema.logByCommit),
        Migration(5, "sessions", SessionSchema.tables),
    ]

    private static let fences = """
        CREATE TABLE fences (
          organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL CHECK (epoch > 0),
          state TEXT NOT NULL CHECK (state IN ('active', 'fenced')), version {int} NOT NULL
        ) {table}
        """

    private static let orders = [
        """
        CREATE TABLE orders (
          organization {int} NOT NULL, id {id} NOT NULL, created_at {int} NOT NULL, currency TEXT NOT NULL,
          total {int} NOT NULL CHECK (total > 0), lines TEXT NOT NULL, metadata TEXT, payment_id {id} NOT NULL,
          idempotency_scope TEXT,
          status TEXT NOT NULL
            CHECK (status IN ('pending', 'confirmed', 'fulfilled', 'failed', 'expired', 'canceled', 'refunded')),
          reason TEXT, saga {id}, saga_scope TEXT, events {int} NOT NULL, updated_at {int} NOT NULL,
          version {int} NOT NULL,
          PRIMARY KEY (organization, id)
        ) {table}
        """,
        "CREATE INDEX orders_status ON orders (organization, status, id)",
        """
        CREATE TABLE payments (
          organization {int} NOT NULL, id {id} NOT NULL, order_id {id} NOT NULL, amount {int} NOT NULL
          CHECK (amount > 0),
          currency TEXT NOT NULL, method TEXT NOT NULL, on_unavailable TEXT NOT NULL, provider_key TEXT NOT NULL,
          created_at {int} NOT NULL,
          status TEXT NOT NULL CHECK (status IN ('processing', 'queued', 'authorized', 'captured', 'partiallyRefunded',
            'refunded', 'failed', 'voided')),
          captured {int} NOT NULL CHECK (captured BETWEEN 0 AND amount),
          refunded {int} NOT NULL CHECK (refunded >= 0), refunding {int} NOT NULL CHECK (refunding >= 0),
          provider_reference TEXT, failure_code TEXT, updated_at {int} NOT NULL, version {int} NOT NULL,
          CHECK (refunded + refunding <= captured),
          PRIMARY KEY (organization, id)
        ) {table}
        """,
        """
        CREATE TABLE refunds (
          organization {int} NOT NULL, id {id} NOT NULL, order_id {id} NOT NULL, amount {int} NOT NULL
          CHECK (amount > 0),
          reason TEXT, provider_key TEXT NOT NULL, created_at {int} NOT NULL, idempotency_scope TEXT,
          status TEXT NOT NULL CHECK (status IN ('processing', 'succeeded', 'failed')), failure_code TEXT,
          updated_at {int} NOT NULL, version {int} NOT NULL,
          PRIMARY KEY (organization, id)
        ) {table}
        """,
        "CREATE INDEX refunds_order ON refunds (organization, order_id)",
    ]

    private static let inventory = [
        """
        CREATE TABLE products (
          organization {int} NOT NULL, sku TEXT NOT NULL, created_at {int} NOT NULL, name TEXT NOT NULL,
          amount {int} NOT NULL CHECK (amount > 0), currency TEXT NOT NULL, category TEXT, attributes TEXT,
          state TEXT NOT NULL CHECK (state IN ('active', 'archived')), updated_at {int} NOT NULL,
          version {int} NOT NULL,
          PRIMARY KEY (organization, sku)
        ) {table}
        """,
        """
        CREATE TABLE stock (
          organization {int} NOT NULL, sku TEXT NOT NULL, on_hand {int} NOT NULL, reserved {int} NOT NULL,
          queued {int} NOT NULL, events {int} NOT NULL, version {int} NOT NULL,
          CHECK (0 <= queued AND queued <= reserved AND reserved <= on_hand),
          PRIMARY KEY (organization, sku)
        ) {table}
        """,
        """
        CREATE TABLE stock_ledger (
          organization {int} NOT NULL, sku TEXT NOT NULL, id {id} NOT NULL, at {int} NOT NULL,
          delta {int} NOT NULL CHECK (delta <> 0), reason TEXT NOT NULL, reference TEXT,
          PRIMARY KEY (organization, sku, id)
        ) {table}
        """,
        """
        CREATE TABLE reservations (
          organization {int} NOT NULL, sku TEXT NOT NULL, order_id {id} NOT NULL, quantity {int} NOT NULL
          CHECK (quantity > 0),
          created_at {int} NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('held', 'pinned', 'consumed', 'released', 'expired')),
          expires_at {int} NOT NULL, version {int} NOT NULL,
          PRIMARY KEY (organization, sku, order_id)
        ) {table}
        """,
        "CREATE INDEX reservations_held ON reservations (organization, sku, expires_at) WHERE state = 'held'",
    ]
}
