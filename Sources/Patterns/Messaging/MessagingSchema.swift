/// The tables that events need, as templates for a ``Storage/Migration``.
public enum MessagingSchema {
    /// Outbox and inbox. The inbox forgets ids after some days; `inbox_sequences` never forgets the last sequence of a
    /// key, so that a replay of older events does not take effect twice.
    public static let tables = [
        """
        CREATE TABLE outbox (
          organization {int} NOT NULL, key TEXT NOT NULL, sequence {int} NOT NULL CHECK (sequence > 0),
          id {id} NOT NULL, type TEXT NOT NULL, partition {int} NOT NULL, position {int}, time {int} NOT NULL,
          traceparent TEXT, data TEXT NOT NULL,
          PRIMARY KEY (organization, key, sequence)
        ) {table}
        """,
        "CREATE INDEX outbox_unsent ON outbox (partition, organization, key, sequence) WHERE position IS NULL",
        "CREATE UNIQUE INDEX outbox_positions ON outbox (organization, position) WHERE position IS NOT NULL",
        """
        CREATE TABLE outbox_partitions (
          partition {int} NOT NULL PRIMARY KEY, owner TEXT NOT NULL, epoch {int} NOT NULL, lease_until {int} NOT NULL
        ) {table}
        """,
        """
        CREATE TABLE inbox (
          organization {int} NOT NULL, consumer TEXT NOT NULL, event {id} NOT NULL, received_at {int} NOT NULL,
          PRIMARY KEY (organization, consumer, event)
        ) {table}
        """,
        """
        CREATE TABLE inbox_sequences (
          organization {int} NOT NULL, consumer TEXT NOT NULL, key TEXT NOT NULL, sequence {int} NOT NULL,
          PRIMARY KEY (organization, consumer, key)
        ) {table}
        """,
    ]
}
