import Storage

/// Where an organization's stream of events ends, and whether there are events that are not part of it yet.
public struct OutboxTail: Sendable, Hashable {
    /// The last position that was given; 0 when none was.
    public let last: Int64
    /// Whether there are events without a position.
    public let hasUnsent: Bool

    /// The end of a stream.
    public init(last: Int64, hasUnsent: Bool) { (self.last, self.hasUnsent) = (last, hasUnsent) }

    /// Reads the row that ``question(of:partition:)`` is answered with.
    public init(_ row: SQLRow) throws {
        self.init(last: try row.integer(0), hasUnsent: try row.integer(1) > 0)
    }

    /// Asks for the end of an organization's stream: two looks into two indexes, at one entry each.
    public static func question(of organization: Int64, partition: Int64) -> SQLStatement {
        SQLStatement(
            """
            SELECT COALESCE(\(lastPosition), 0), (SELECT COUNT(*) FROM (
              SELECT 1 FROM outbox u WHERE \(isUnsent("u")) ORDER BY \(unsentOrder("u")) LIMIT 1) t)
            """, [.integer(partition), .integer(organization)])
    }

    /// Asks for the events after a position, oldest first, as ``OutboxRecord``s; served from `outbox_positions`.
    public static func events(of organization: Int64, after position: Int64, limit: Int) -> SQLStatement {
        SQLStatement(
            """
            SELECT \(OutboxRecord.table.list("o")) FROM outbox o
            WHERE o.organization = $1 AND o.position > $2 ORDER BY o.position LIMIT $3
            """, [.integer(organization), .integer(position), .integer(Int64(limit))])
    }

    /// The end of `outbox_positions`; `$2` is the organization.
    static let lastPosition = """
        (SELECT l.position FROM outbox l WHERE l.organization = $2 AND l.position IS NOT NULL
          ORDER BY l.position DESC LIMIT 1)
        """

    /// In words that fit no index but `outbox_unsent`, see ``OutboxStamp``; `$1` is the partition, `$2` the
    /// organization.
    static func isUnsent(_ alias: String) -> String {
        """
        (\(alias).partition, \(alias).organization) >= ($1, $2)
          AND (\(alias).partition, \(alias).organization) <= ($1, $2) AND \(alias).position IS NULL
        """
    }
    /// That index's own order.
    static func unsentOrder(_ alias: String) -> String {
        "\(alias).partition, \(alias).organization, \(alias).key, \(alias).sequence"
    }
}
