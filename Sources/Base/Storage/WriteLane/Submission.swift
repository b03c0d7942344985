import Determinism

/// A command in the lane's queue, without its type: its needs, its decision, and the caller that waits.
struct Submission: Sendable {
    /// What deciding led to.
    enum Decision: Sendable {
        /// Call this with nil after the commit, or with the failure that came instead.
        case settled(@Sendable (LaneFailure?) -> Void)
        /// Load this and ask again.
        case wants([Need])
    }
    let tenant: Tenant?
    let deadline: Instant
    /// Its observer's.
    let mark: (any Sendable)?
    let needs: @Sendable (WorkingSet) -> [Need]
    let decide: @Sendable (inout WorkingSet, Timestamp) -> Decision
    let fail: @Sendable (LaneFailure) -> Void

    init<C: LaneCommand>(
        _ command: C, tenant: Tenant?, deadline: Instant, mark: (any Sendable)? = nil,
        resume: @escaping @Sendable (Result<C.Outcome, LaneFailure>) -> Void
    ) {
        (self.tenant, self.deadline, self.mark) = (tenant, deadline, mark)
        needs = { command.needs($0) }
        fail = { resume(.failure($0)) }
        decide = { work, now in
            switch work.scoped({ command.decide(&$0, at: now) }) {
            case .more(let needs): .wants(needs)
            // A discarded command wrote nothing, so a commit that fails does not concern it. But what it saw may come
            // from a command before it in the batch, and then that failure is its own: it hears what the batch hears.
            case .commit(let outcome), .discard(let outcome):
                .settled { failure in resume(failure.map(Result.failure) ?? .success(outcome)) }
            }
        }
    }
}
