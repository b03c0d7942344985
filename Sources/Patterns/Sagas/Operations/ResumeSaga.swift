import Determinism
import Storage

/// Gives a stuck saga back to the worker written by hand that knows its steps, with who decided it and why in its
/// history. A saga of a definition takes a ``DirectSaga`` instead, which knows how far each step has come.
public struct ResumeSaga: LaneCommand {
    let organization: Int64
    let saga: SagaID
    let entries: Int64
    let isBackward: Bool
    let actor: String
    let reason: String

    /// - Parameters:
    ///   - entries: how long the saga's history was when this was decided; it is refused when something has happened
    ///     since.
    ///   - isBackward: whether the saga was on its way back when it got stuck, which its history tells.
    ///   - actor: who decides it.
    ///   - reason: why.
    public init(
        organization: Int64, saga: SagaID, entries: Int64, isBackward: Bool, by actor: String, because reason: String
    ) {
        (self.organization, self.saga, self.entries) = (organization, saga, entries)
        (self.isBackward, self.actor, self.reason) = (isBackward, actor, reason)
    }
    /// The saga.
    public func needs(_ loaded: WorkingSet) -> [Need] { [.row(SagaRecord.key(organization, saga))] }

    /// Decides.
    public func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<DirectSaga.Outcome> {
        guard let record = work[SagaRecord.key(organization, saga)] else { return .discard(.unknown) }
        guard record.progress == nil else {
            return .discard(.refused("the saga has a definition that knows its steps"))
        }
        guard record.state == .stuck else {
            return .discard(.refused("the saga is \(record.state.rawValue), not stuck"))
        }
        guard record.entries == entries else { return .discard(.refused("something has happened to the saga since")) }
        var saga = SagaTransition(record, at: now)
        saga.note(.directed, record.step, "\(SagaDirective.Verb.retry.rawValue) by \(actor): \(reason)")
        saga.handle(isBackward ? .compensate : .resume)
        // As many attempts as it had at first.
        saga.record.attempts = 0
        (saga.record.owner, saga.record.dueAt, saga.record.leaseUntil) = (nil, now, now)
        saga.store(in: &work)
        return .commit(.accepted)
    }
}
