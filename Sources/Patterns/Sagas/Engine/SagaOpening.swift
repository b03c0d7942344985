import Determinism
import Storage

/// The beginning of a saga, which rides in the commit of whoever begins it.
public struct SagaOpening<State: SagaState>: Sendable {
    /// What came of it.
    public enum Outcome: Sendable {
        /// The saga has begun with this commit; hand the ticket to ``SagaRuntime/start(_:)`` after it.
        case began(SagaTicket)
        /// It had been begun before with the same key.
        case existing(SagaID)
    }
    let definition: SagaDefinition<State>
    let id: SagaID
    let tenant: Tenant
    let subject: UUIDv7
    let state: State
    let key: String?
    let owner: SagaWorkerID
    let terms: SagaTerms

    /// A beginning; made by a ``SagaClaimant``.
    init(
        _ definition: SagaDefinition<State>, id: SagaID, tenant: Tenant, subject: UUIDv7, state: State, key: String?,
        owner: SagaWorkerID, terms: SagaTerms
    ) {
        (self.definition, self.id, self.tenant, self.subject) = (definition, id, tenant, subject)
        (self.state, self.key, self.owner, self.terms) = (state, key, owner, terms)
    }

    private var startKey: Key<SagaStartRecord>? {
        key.map { SagaStartRecord.key(tenant.organization, definition.name, $0) }
    }

    /// What the caller's command has to load for it.
    public var needs: [Need] { startKey.map { [.row($0)] } ?? [] }

    /// Begins the saga in the caller's working set. Its first step is local, and the caller's own command has just
    /// done it: what it has done and the saga's record of it are one commit.
    public func begin(afterFirstStepIn work: inout WorkingSet, at now: Timestamp) throws(StorageError) -> Outcome {
        precondition(
            definition.canBeginAfterFirstStep,
            "the saga “\(definition.name)” begins with a step that a caller cannot have done: only a local one "
                + "without semantic locks, in no branch, can be")
        if let existing = existing(work) { return .existing(existing) }
        var advance = try advance(at: now)
        advance.handle(.complete(0))
        advance.saga.note(.completed, advance.name(0))
        // Intents need nothing loaded unless their steps take semantic locks; those are taken in a commit of their own.
        return .began(try insert(&advance, in: &work))
    }

    /// The saga's first commit, with its first step if that is local.
    func needs(_ loaded: WorkingSet) -> [Need] {
        guard let advance = try? advance(at: Timestamp(microseconds: 0)) else { return needs }
        if let startKey {
            guard loaded.isLoaded(startKey) else { return [.row(startKey)] }
            if loaded[startKey] != nil { return [] }
        }
        return definition.locking(tenant.organization, subject) + advance.needs(loaded, .look)
    }

    func begin(in work: inout WorkingSet, at now: Timestamp) throws(StorageError) -> Verdict<Outcome> {
        if let existing = existing(work) { return .discard(.existing(existing)) }
        var advance = try advance(at: now)
        if let needs = advance.advance(in: &work, .look) { return .more(needs) }
        return .commit(.began(try insert(&advance, in: &work)))
    }

    private func existing(_ work: WorkingSet) -> SagaID? { startKey.flatMap { work[$0]?.saga } }

    private func advance(at now: Timestamp) throws(StorageError) -> SagaAdvance<State> {
        let record = SagaRecord(
            organization: tenant.organization, id: id, outline: definition.outline, subject: subject,
            deadline: definition.deadline.map { now + $0 }, owner: owner, now: now)
        var saga = SagaTransition(record, at: now)
        saga.note(.began, definition.outline.steps[0].name)
        let machine = SagaProgressMachine(definition.outline, SagaProgress(definition.outline))
        return SagaAdvance(
            definition: definition, terms: terms, chance: id.uuid.low,
            situation: SagaSituation(record: record, machine: machine, state: state), saga: saga)
    }

    private func insert(
        _ advance: inout SagaAdvance<State>, in work: inout WorkingSet
    ) throws(StorageError) -> SagaTicket {
        if !advance.definition.bodies.contains(where: { $0.locks != nil }) { _ = advance.writeIntents(in: &work) }
        try advance.settle(in: &work)
        advance.saga.insert(in: &work)
        if let startKey {
            work.put(
                SagaStartRecord(
                    organization: tenant.organization, text: startKey.erased.text, saga: id, at: advance.now))
        }
        advance.situation.record = advance.saga.record
        return SagaTicket(
            tenant: tenant, id: id, definition: definition.name, subject: subject, epoch: 1, mayHaveBeenCalled: false,
            memo: advance.situation)
    }
}

extension SagaDefinition {
    fileprivate var canBeginAfterFirstStep: Bool {
        guard outline.stages.first == .step(0), outline.steps[0].kind == .local else { return false }
        return bodies[0].locks == nil
    }
}

/// Begins a saga in a commit of its own.
package struct BeginSaga<State: SagaState>: LaneCommand {
    package enum Outcome: Sendable {
        case opened(SagaOpening<State>.Outcome)
        case broken(StorageError)
    }
    let opening: SagaOpening<State>

    package init(opening: SagaOpening<State>) { self.opening = opening }

    package func needs(_ loaded: WorkingSet) -> [Need] { opening.needs(loaded) }
    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        do {
            switch try opening.begin(in: &work, at: now) {
            case .commit(let outcome): return .commit(.opened(outcome))
            case .discard(let outcome): return .discard(.opened(outcome))
            case .more(let needs): return .more(needs)
            }
        } catch { return .discard(.broken(error)) }
    }
}
