import Determinism
import Storage

/// Sagas in a database's `sagas` table, claimed through its write lane.
public struct SQLSagaStore: SagaStore {
    private let database: any Database
    private let lane: WriteLane
    private let time: any TimeSource
    private let served: [SQLValue]
    private let worker: SagaWorkerID
    private let clock: SagaClock?

    /// A worker's own saga that has not moved for this long is asked after: it may have been lost track of.
    static let unheardOf: Duration = .seconds(5)

    /// - Parameters:
    ///   - registry: what can be worked on here. The rest is left to others.
    ///   - worker: who claims.
    ///   - clock: what the leases of workers are measured by; nil where this process is the only one, and what nobody
    ///     here works on is nobody's.
    public init(
        database: any Database, lane: WriteLane, time: any TimeSource, serving registry: SagaRegistry,
        worker: SagaWorkerID, sharedBy clock: SagaClock?
    ) {
        (self.database, self.lane, self.time) = (database, lane, time)
        (self.worker, self.clock) = (worker, clock)
        served = registry.served.map { .text("\($0.name)/\($0.version)/\($0.outline.map(String.init) ?? "")") }
    }

    /// See ``SagaStore/due(at:ignoringLeases:limit:)``.
    ///
    /// What nobody holds is due at its time. What somebody holds is due when that worker's lease is over; and this
    /// worker's own when it has not moved for a while: the coordinator knows whether it is at work on it.
    public func due(at now: Timestamp, ignoringLeases: Bool, limit: Int) async throws -> [SagaTicket] {
        if served.isEmpty { return [] }
        var values: [SQLValue] = [
            .integer(now.microseconds), .integer(ignoringLeases ? .max : now.microseconds), .integer(Int64(limit)),
            .uuid(worker.uuid), .integer(now.microseconds - Self.unheardOf.inMicroseconds),
        ]
        var isLeft = ""
        if let clock, !ignoringLeases {
            let clock = clock.expression("$\(values.count + 1)")
            if let value = clock.value { values.append(value) }
            isLeft = """
                 AND NOT EXISTS (
                   SELECT 1 FROM saga_workers w WHERE w.id = s.owner AND w.lease_until > \(clock.sql))
                """
        }
        let kinds = served.indices.map { "$\(values.count + 1 + $0)" }.joined(separator: ", ")
        values += served
        let isDue = ignoringLeases ? "(s.due_at <= $1 OR s.state = 'running')" : "s.due_at <= $1"
        // Each organization's oldest first, then each one's second: a crowd in one does not keep the others waiting.
        // What this worker holds comes last: it is at work on most of it.
        let statement = SQLStatement(
            """
            SELECT organization, fence, id, definition, subject, epoch FROM (
              SELECT s.organization, f.epoch AS fence, s.id, s.definition, s.subject, s.epoch, s.due_at,
                CASE WHEN s.owner = $4 THEN 1 ELSE 0 END AS is_own,
                row_number() OVER (PARTITION BY s.organization ORDER BY s.due_at) AS turn
              FROM sagas s JOIN fences f ON f.organization = s.organization
              WHERE \(SagaSchema.isUnfinished("s.")) AND s.lease_until <= $2 AND f.state = 'active'
                AND ((s.owner IS NULL AND \(isDue))
                  OR (s.owner = $4 AND s.updated_at <= $5) OR (s.owner <> $4\(isLeft)))
                AND s.definition || '/' || s.definition_version || '/' || COALESCE(CAST(s.outline AS TEXT), '')
                  IN (\(kinds))
            ) AS due
            ORDER BY is_own, turn, due_at LIMIT $3
            """, values)
        return try await database.read(statement, .strong).map {
            SagaTicket(
                tenant: Tenant(organization: try $0.integer(0), epoch: try $0.integer(1)), id: SagaID(try $0.uuid(2)),
                definition: try $0.text(3), subject: try $0.uuid(4), epoch: try $0.integer(5), mayHaveBeenCalled: true)
        }
    }

    /// See ``SagaStore/claim(_:)``.
    public func claim(_ ticket: SagaTicket) async throws -> SagaTicket? {
        try await ticket.claimed(by: worker, through: lane, until: time.instant() + .seconds(30))
    }
}
