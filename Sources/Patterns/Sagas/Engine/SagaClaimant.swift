import Determinism
import Storage

/// Begins sagas of one definition, and takes them over, inside commands of the caller's own, in the name of a runtime's
/// worker. Made by ``SagaRuntime/claimant(of:for:)``.
public struct SagaClaimant<State: SagaState>: Sendable {
    let definition: SagaDefinition<State>
    let tenant: Tenant
    let worker: SagaWorkerID
    let terms: SagaTerms

    package init(
        definition: SagaDefinition<State>, tenant: Tenant, worker: SagaWorkerID, terms: SagaTerms
    ) {
        (self.definition, self.tenant, self.worker, self.terms) = (definition, tenant, worker, terms)
    }

    /// The beginning of a saga.
    /// - Parameters:
    ///   - subject: what the saga is about.
    ///   - key: begun again with the same key, it is the same saga; nil for none.
    public func opening(
        id: SagaID, about subject: UUIDv7, key: String? = nil, _ state: State
    ) -> SagaOpening<State> {
        SagaOpening(
            definition, id: id, tenant: tenant, subject: subject, state: state, key: key, owner: worker, terms: terms)
    }

    /// Turns a saga that nobody works on back, and takes it over: what its owner wants to be undone is undone by
    /// whoever hears of it. One that is on its way back already has what is stuck tried again.
    ///
    /// The caller's command has loaded the saga's row, and rows that its definition locks before it.
    /// - Parameters:
    ///   - change: what the compensations are to know.
    /// - Returns: the ticket to hand to ``SagaRuntime/start(_:)`` after the commit; nil, and nothing changed, where
    ///   there is no way back, or where somebody is at work on the saga.
    public func turnBack(
        _ record: SagaRecord, because reason: String, in work: inout WorkingSet, at now: Timestamp, seed: UInt64,
        _ change: (inout State) -> Void
    ) throws(StorageError) -> SagaTicket? {
        guard record.state == .parked || record.state == .stuck || record.owner == nil && !record.state.isEnded else {
            return nil
        }
        var advance = SagaAdvance(
            definition: definition, terms: terms, chance: seed,
            situation: try SagaSituation(record, definition), saga: SagaTransition(record, at: now))
        if advance.machine.progress.isBackward {
            for step in advance.machine.progress.entries.indices { advance.handle(.retry(step)) }
        } else if !advance.handle(.turnBack) {
            return nil
        }
        change(&advance.situation.state)
        advance.saga.handle(.compensate)
        advance.saga.record.reason = reason
        advance.saga.claim(by: worker, reason)
        // Compensations take no locks: nothing is left to be loaded.
        _ = advance.writeIntents(in: &work)
        try advance.settle(in: &work, mayEnd: false)
        advance.saga.store(in: &work)
        advance.situation.record = advance.saga.record
        return SagaTicket(
            tenant: tenant, id: record.id, definition: definition.name, subject: record.subject,
            epoch: advance.saga.record.epoch, mayHaveBeenCalled: true, memo: advance.situation)
    }
}
