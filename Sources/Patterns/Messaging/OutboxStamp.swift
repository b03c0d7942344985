import Storage

/// Gives positions to an organization's events, after the commits that they came with: 1, 2, 3 … without gaps.
///
/// Positions go to rows that can be seen, and no id and no clock says which those are: a row whose transaction commits
/// late gets a later position, and is never skipped. Within a key the order is that of `sequence`. Across keys it is
/// that of time as far as a batch reaches; a backlog is taken in the order of the keys, so that no batch reads or sorts
/// more of it than it takes.
///
/// Any number of servers may do this at once. They exclude each other by the row of the organization's partition in
/// `outbox_partitions`, and each raises its `epoch`. A relay that comes to own a partition for a time, with `owner` and
/// `lease_until`, works under the same row and need not trust its lease: if the epoch is not the one that it has left,
/// somebody has given positions meanwhile, and what it remembers of the last one no longer holds.
public struct OutboxStamp: Sendable {
    /// What one transaction did.
    public struct Outcome: Sendable, Hashable {
        /// How many events have got a position.
        public let count: Int
        /// The last position that was given; 0 when none was.
        public let last: Int64

        /// What one transaction did.
        public init(count: Int, last: Int64) { (self.count, self.last) = (count, last) }
    }

    /// The organization's number.
    public let organization: Int64
    /// The partition of the organization's events, ``OutboxRecord/partition(ofSlot:)``.
    public let partition: Int64
    /// The epoch of the organization's fence under which positions may be given; nil where there are no fences.
    public let epoch: Int64?
    /// The most events that get a position in one transaction.
    public let limit: Int

    /// - Parameters:
    ///   - organization: the organization's number.
    ///   - partition: the partition of its events.
    ///   - epoch: the fence's epoch that the caller has been routed by. While the organization is fenced, or has moved,
    ///     no position is given. Whoever raises a fence must then pass the partition's row before it copies the events.
    ///   - limit: the most events that get a position in one transaction.
    public init(organization: Int64, partition: Int64, epoch: Int64? = nil, limit: Int = 500) {
        (self.organization, self.partition, self.epoch) = (organization, partition, epoch)
        self.limit = max(1, limit)
    }

    /// Gives positions to the next events that have none, at most ``limit``. Writes nothing where there are none; ask
    /// ``OutboxTail`` before, which is cheaper.
    /// - Throws: ``Storage/StorageError``
    public func stamp(in database: any Database) async throws -> Outcome {
        do {
            return try await database.write { transaction in
                try await transaction.execute(lock)
                // By itself, behind the lock: it must see what the one before has given.
                let given = try await transaction.execute(statement).map { try $0.integer(0) }
                guard let last = given.max() else { throw NothingToStamp() }
                return Outcome(count: given.count, last: last)
            }
        } catch is NothingToStamp { return Outcome(count: 0, last: 0) }
    }

    /// Takes back the lock's own change, so that nothing is written and synced for it.
    private struct NothingToStamp: Error {}

    /// Locks the partition's row until the transaction ends, and makes it if need be.
    var lock: SQLStatement {
        SQLStatement(
            """
            INSERT INTO outbox_partitions (partition, owner, epoch, lease_until) VALUES ($1, '', 1, 0)
            ON CONFLICT (partition) DO UPDATE SET epoch = outbox_partitions.epoch + 1
            """, [.integer(partition)])
    }

    /// The batch is the beginning of what `outbox_unsent` holds of the organization, in its order: `limit` entries of
    /// the index are read, whatever the backlog, and only those are sorted. The rows are then updated by their keys,
    /// and the position before is the end of `outbox_positions`.
    ///
    /// The two comparisons with a pair say no more than that partition and organization are these. SQLite would serve
    /// the plain words from the primary key, and pass over all events that have a position.
    ///
    /// Time runs along a key as its running maximum: a clock that steps back must not turn a key's events around.
    var statement: SQLStatement {
        var parameters: [SQLValue] = [.integer(partition), .integer(organization), .integer(Int64(limit))]
        var fence = ""
        if let epoch {
            parameters.append(.integer(epoch))
            fence = """
                AND EXISTS (SELECT 1 FROM fences f WHERE f.organization = $2 AND f.epoch = $4 AND f.state = 'active')
                """
        }
        return SQLStatement(
            """
            WITH batch AS MATERIALIZED (
              SELECT key, sequence, time FROM outbox
              WHERE \(OutboxTail.isUnsent("outbox")) \(fence)
              ORDER BY \(OutboxTail.unsentOrder("outbox")) LIMIT $3
            ), timed AS (
              SELECT key, sequence, MAX(time) OVER (PARTITION BY key ORDER BY sequence) AS reached FROM batch
            ), placed AS (
              SELECT key, sequence, ROW_NUMBER() OVER (ORDER BY reached, key, sequence) AS place FROM timed
            )
            UPDATE outbox SET position = placed.place + COALESCE(\(OutboxTail.lastPosition), 0) FROM placed
            WHERE outbox.organization = $2 AND outbox.key = placed.key AND outbox.sequence = placed.sequence
              AND outbox.position IS NULL
            RETURNING outbox.position
            """, parameters)
    }
}
