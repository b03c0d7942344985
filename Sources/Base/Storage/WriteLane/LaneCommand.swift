import Determinism

/// A small write: what it needs loaded, and a pure decision over it.
///
/// Commands waiting at the same moment share one transaction and one sync of the disk. A command reads nothing but what
/// it asked for, so nothing read elsewhere can decide a write; and it may be decided more than once (after a conflict),
/// so it must not have effects of its own.
public protocol LaneCommand: Sendable {
    /// What the caller is told.
    associatedtype Outcome: Sendable

    /// What to load, given what is loaded: asked again after each load until all is there, so that a cancel can go from
    /// the order to its stock rows. Ranks only rise from one load to the next.
    func needs(_ loaded: WorkingSet) -> [Need]

    /// Whether ``needs(_:)``, asked with this loaded, has named all that it ever will: then it is not asked again once
    /// that is there, but for whether it still needs what others hold. What turns out to be missing nevertheless,
    /// ``decide(_:at:)`` asks for with ``Verdict/more(_:)``. False unless a command says otherwise.
    func hasNamedAll(_ loaded: WorkingSet) -> Bool

    /// Whether it may name more rows later than those that it needs while nothing is loaded. Of batches that are under
    /// way together only one has such commands, or each might hold what the other comes to want. True unless a command
    /// says otherwise, and not asked of one that names all at first; one that says so wrongly costs a wait, no more.
    var mayNameMore: Bool { get }

    /// Decides. Everything that ``needs(_:)`` names is loaded. A refusal is an outcome too.
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome>
}

extension LaneCommand {
    /// Is asked again after each load.
    public func hasNamedAll(_ loaded: WorkingSet) -> Bool { false }
    /// It may.
    public var mayNameMore: Bool { true }
}

/// What becomes of a command's changes.
public enum Verdict<Outcome: Sendable>: Sendable {
    /// Write the changes; the caller hears `Outcome` after the commit.
    case commit(Outcome)
    /// Take the changes back; the caller hears `Outcome`.
    case discard(Outcome)
    /// Take the changes back, load this as well, and decide again: for what only turns out to be needed when the
    /// commands before have decided, such as the expired holds of a product that has just run out.
    case more([Need])
}

/// Which organization a command is about, and under which fence it was routed here.
public struct Tenant: Sendable, Hashable {
    /// The organization's number.
    public let organization: Int64
    /// The epoch of the shard map that the caller routed by; a row with another epoch refuses the command.
    public let epoch: Int64

    /// A tenant.
    public init(organization: Int64, epoch: Int64) { (self.organization, self.epoch) = (organization, epoch) }
}

/// Why a command has no outcome. Only ``unknown(_:)`` leaves open whether it took effect.
public enum LaneFailure: Error, Sendable, Hashable {
    /// The lane's queue is full, or the lane has stopped; nothing was written.
    case overloaded
    /// The command's deadline passed while it waited; nothing was written.
    case expired
    /// The organization is not served here, or not at this epoch; nothing was written.
    case fenced
    /// The command lost against another transaction or broke a constraint, alone too; nothing was written.
    case conflict(String)
    /// The database cannot take writes now; nothing was written.
    case unavailable(String)
    /// The commit got no answer: its idempotency row tells, once the database can be read again.
    case unknown(String)
}

extension LaneFailure {
    /// What a storage error means for the commands of a batch.
    public init(_ error: StorageError) {
        switch error {
        case .constraint(let reason), .conflict(let reason): self = .conflict(reason)
        case .unknown(let reason): self = .unknown(reason)
        case .unavailable, .full, .corrupt, .statement, .lost: self = .unavailable(error.description)
        }
    }
}
