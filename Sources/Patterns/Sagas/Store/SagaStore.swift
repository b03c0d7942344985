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
