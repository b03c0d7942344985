import Determinism

/// A command in the lane's queue, without its type: its needs, its decision, and the caller that waits.
///
/// A class, so that queues and batches move a pointer and not the command.
class Submission: @unchecked Sendable {  // immutable; subclassed in this file only
    /// Ends a command: with nil and the database's position after the commit, or with the failure that came instead.
    typealias Settle = @Sendable (LaneFailure?, CommitPosition?) -> Void
    /// What deciding led to.
    enum Decision: Sendable {
        /// Call this when the batch has ended.
        case settled(Settle)
        /// Load this and ask again.
        case wants([Need])
    }
    final let tenant: Tenant?
    final let deadline: Instant
    /// Its observer's.
    final let mark: (any Sendable)?
    /// Whether anybody wants to know how far the database had come.
    final let wantsPosition: Bool
    /// What it needs while nothing is loaded, found out on the caller's thread: the lane's own is the busier one.
    final let firstNeeds: [Need]
    /// Whether that is all that it ever names.
    final let hasNamedAllAtFirst: Bool
    /// See ``LaneCommand/mayNameMore``.
    final let mayNameMore: Bool

    fileprivate init(
        tenant: Tenant?, deadline: Instant, mark: (any Sendable)?, wantsPosition: Bool, firstNeeds: [Need],
        hasNamedAllAtFirst: Bool, mayNameMore: Bool
    ) {
        (self.tenant, self.deadline, self.mark, self.wantsPosition) = (tenant, deadline, mark, wantsPosition)
        (self.firstNeeds, self.hasNamedAllAtFirst) = (firstNeeds, hasNamedAllAtFirst)
        self.mayNameMore = mayNameMore
    }

    static func of<C: LaneCommand>(
        _ command: C, tenant: Tenant?, deadline: Instant, mark: (any Sendable)? = nil, trail: CommitTrail? = nil,
        resume: @escaping @Sendable (Result<C.Outcome, LaneFailure>) -> Void
    ) -> Submission {
        CommandSubmission(command, tenant: tenant, deadline: deadline, mark: mark, trail: trail, resume: resume)
    }

    func needs(_ loaded: WorkingSet) -> [Need] { fatalError("only the typed one is ever made") }
    func hasNamedAll(_ loaded: WorkingSet) -> Bool { fatalError("only the typed one is ever made") }
    func decide(_ work: inout WorkingSet, _ now: Timestamp) -> Decision {
        fatalError("only the typed one is ever made")
    }
    func fail(_ failure: LaneFailure) { fatalError("only the typed one is ever made") }
}

private final class CommandSubmission<C: LaneCommand>: Submission, @unchecked Sendable {
    private let command: C
    private let trail: CommitTrail?
    private let resume: @Sendable (Result<C.Outcome, LaneFailure>) -> Void

    init(
        _ command: C, tenant: Tenant?, deadline: Instant, mark: (any Sendable)?, trail: CommitTrail?,
        resume: @escaping @Sendable (Result<C.Outcome, LaneFailure>) -> Void
    ) {
        (self.command, self.trail, self.resume) = (command, trail, resume)
        let nothing = WorkingSet()
        let hasNamedAll = command.hasNamedAll(nothing)
        super.init(
            tenant: tenant, deadline: deadline, mark: mark, wantsPosition: trail != nil,
            firstNeeds: command.needs(nothing), hasNamedAllAtFirst: hasNamedAll,
            mayNameMore: !hasNamedAll && command.mayNameMore)
    }

    override func needs(_ loaded: WorkingSet) -> [Need] { command.needs(loaded) }
    override func hasNamedAll(_ loaded: WorkingSet) -> Bool { command.hasNamedAll(loaded) }

    override func decide(_ work: inout WorkingSet, _ now: Timestamp) -> Decision {
        switch work.scoped({ command.decide(&$0, at: now) }) {
        case .more(let needs): .wants(needs)
        // A discarded command wrote nothing, so a commit that fails does not concern it. But what it saw may come from
        // a command before it in the batch, and then that failure is its own: it hears what the batch hears.
        case .commit(let outcome), .discard(let outcome):
            .settled { [trail, resume] failure, position in
                trail?.note(position)
                resume(failure.map(Result.failure) ?? .success(outcome))
            }
        }
    }

    override func fail(_ failure: LaneFailure) { resume(.failure(failure)) }
}
