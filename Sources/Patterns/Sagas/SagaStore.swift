import Determinism
import Storage

/// A saga that a worker has claimed, or that somebody should claim.
public struct SagaTicket: Sendable {
    /// Under which fence its organization is served.
    public let tenant: Tenant
    /// The saga.
    public let id: SagaID
    /// Which saga it is, such as `checkout`.
    public let definition: String
    /// What it is about.
    public let subject: UUIDv7
    /// The claim; every local step checks it.
    public let epoch: Int64
    /// Whether an earlier worker may have made the external call that the saga stands at.
    public let mayHaveBeenCalled: Bool
    /// What the one who began the saga knows already and the worker need not read again.
    public let memo: (any Sendable)?

    /// A ticket.
    public init(
        tenant: Tenant, id: SagaID, definition: String, subject: UUIDv7, epoch: Int64, mayHaveBeenCalled: Bool,
        memo: (any Sendable)? = nil
    ) {
        (self.tenant, self.id, self.definition, self.subject) = (tenant, id, definition, subject)
        (self.epoch, self.mayHaveBeenCalled, self.memo) = (epoch, mayHaveBeenCalled, memo)
    }

    /// For another attempt under the same claim: nothing that was known before counts, and what was begun may have been
    /// sent.
    public var again: SagaTicket {
        SagaTicket(
            tenant: tenant, id: id, definition: definition, subject: subject, epoch: epoch, mayHaveBeenCalled: true)
    }
}

/// Where a coordinator finds sagas to work on.
public protocol SagaStore: Sendable {
    /// Sagas that are not finished and due at `now`, oldest first. Those that somebody else has a lease on are left
    /// out, unless `ignoringLeases` says that nobody else can exist; then those that were at work are due whatever the
    /// clock says, which may have stepped back.
    func due(at now: Timestamp, ignoringLeases: Bool, limit: Int) async throws -> [SagaTicket]
    /// Claims the saga if it is still as the ticket says; nil if somebody else was faster.
    func claim(_ ticket: SagaTicket) async throws -> SagaTicket?
}

/// Sagas in a database's `sagas` table, claimed through its write lane.
public struct SQLSagaStore: SagaStore {
    private let database: any Database
    private let lane: WriteLane
    private let time: any TimeSource
    private let lease: Duration

    /// - Parameter lease: how long a claim is good for.
    public init(database: any Database, lane: WriteLane, time: any TimeSource, lease: Duration) {
        (self.database, self.lane, self.time, self.lease) = (database, lane, time, lease)
    }

    /// See ``SagaStore/due(at:ignoringLeases:limit:)``.
    public func due(at now: Timestamp, ignoringLeases: Bool, limit: Int) async throws -> [SagaTicket] {
        let due = ignoringLeases ? "(s.due_at <= $1 OR s.state = 'running')" : "s.due_at <= $1"
        let rows = try await database.read(
            SQLStatement(
                """
                SELECT s.organization, f.epoch, s.id, s.definition, s.subject, s.epoch
                FROM sagas s JOIN fences f ON f.organization = s.organization
                WHERE \(SagaSchema.isUnfinished("s.")) AND \(due) AND s.lease_until <= $2
                  AND f.state = 'active'
                ORDER BY s.due_at LIMIT $3
                """,
                [
                    .integer(now.microseconds), .integer(ignoringLeases ? .max : now.microseconds),
                    .integer(Int64(limit)),
                ]), .strong)
        return try rows.map {
            SagaTicket(
                tenant: Tenant(organization: try $0.integer(0), epoch: try $0.integer(1)), id: SagaID(try $0.uuid(2)),
                definition: try $0.text(3), subject: try $0.uuid(4), epoch: try $0.integer(5), mayHaveBeenCalled: true)
        }
    }

    /// See ``SagaStore/claim(_:)``.
    public func claim(_ ticket: SagaTicket) async throws -> SagaTicket? {
        let command = SagaCommand(
            Claim(lease: lease), saga: ticket.id, organization: ticket.tenant.organization, epoch: ticket.epoch)
        let outcome = try await lane.submit(command, tenant: ticket.tenant, deadline: time.instant() + lease)
        guard case .done(let epoch) = outcome else { return nil }
        return SagaTicket(
            tenant: ticket.tenant, id: ticket.id, definition: ticket.definition, subject: ticket.subject, epoch: epoch,
            mayHaveBeenCalled: true)
    }

    private struct Claim: SagaStep {
        let lease: Duration
        func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need] { [] }
        func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<Int64> {
            saga.handle(.resume)
            saga.claim(lease: lease, "taken over to be finished")
            return .commit(saga.record.epoch)
        }
    }
}
