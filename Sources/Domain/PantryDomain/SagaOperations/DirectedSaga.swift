import Determinism
import Sagas
import Storage

/// An operator's decision about a saga, whose answer a key may remember.
struct DirectedSaga: AnsweringCommand {
    let organization: Int64
    let organizationID: OrganizationID
    let saga: SagaID
    let verb: SagaDirective.Verb
    let step: String?
    let actor: String
    let reason: String
    let registry: SagaRegistry
    /// How long the history was that `isBackward` was read from.
    let entries: Int64
    /// Of a saga that a worker written by hand knows.
    let isBackward: Bool

    private var key: Key<SagaRecord> { SagaRecord.key(organization, saga) }

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(key)] }

    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        guard let record = work[key] else { return .refuse(.notFound("there is no saga “\(saga)”")) }
        let possible = SagaDirective.sound(for: record, registry)
        let directive: SagaDirective
        switch choose(possible, record) {
        case .failure(let refusal): return .refuse(refusal)
        case .success(let chosen): directive = chosen
        }
        let verdict =
            record.progress == nil
            ? ResumeSaga(
                organization: organization, saga: saga, entries: entries, isBackward: isBackward, by: actor,
                because: reason
            ).decide(&work, at: now)
            : DirectSaga(
                directive, organization: organization, saga: saga, by: actor, because: reason, registry: registry
            ).decide(&work, at: now)
        switch verdict {
        case .commit(.accepted), .discard(.accepted): break
        case .commit(.refused(let why)), .discard(.refused(let why)):
            return .refuse(illegal(record, possible, why))
        case .commit(.unknown), .discard(.unknown): return .refuse(.notFound("there is no saga “\(saga)”"))
        case .more(let needs): return .more(needs)
        }
        guard let changed = work[key] else { return .refuse(.notFound("there is no saga “\(saga)”")) }
        let document = SagaDocument(
            saga: changed, organization: organizationID, possible: SagaDirective.sound(for: changed, registry),
            nextTryAt: SagaReading(changed, [], registry, at: now).nextTryAt)
        return .answer(Answer(kind: .ok, document: document.json))
    }

    private func choose(_ possible: [SagaDirective], _ record: SagaRecord) -> Result<SagaDirective, Refusal> {
        let fitting = possible.filter { $0.verb == verb }
        if fitting.isEmpty {
            let how = record.state == .stuck ? "as it is stuck" : "while it is \(record.state.rawValue)"
            return .failure(illegal(record, possible, "\(verb.rawValue) does not fit the saga \(how)"))
        }
        if verb == .cancel { return .success(fitting[0]) }
        let names = fitting.compactMap(\.step).joined(separator: ", ")
        guard let step else {
            // Where several are stuck, even one that fits must be meant.
            if SagaDirective.possible(for: record, registry).count(where: { $0.verb == verb }) == 1 {
                return .success(fitting[0])
            }
            return .failure(
                .invalid([
                    FieldProblem("/step", "required", "several steps are stuck; \(verb.rawValue) fits: \(names)")
                ]))
        }
        guard let chosen = fitting.first(where: { $0.step == step }) else {
            let fault = FieldProblem("/step", "wrong-step", "\(verb.rawValue) fits only: \(names)")
            return .failure(.invalid([fault]))
        }
        return .success(chosen)
    }

    private func illegal(_ record: SagaRecord, _ possible: [SagaDirective], _ detail: String) -> Refusal {
        .invalidTransition(from: record.state.rawValue, allowed: SagaDocument.verbs(possible), detail: detail)
    }
}

extension SagaDirective {
    /// What may be decided about an order's saga. Its local steps cannot be left out, nor be done by hand: they are
    /// what settles the order, its stock and its key, and without them nothing ever would.
    static func sound(for record: SagaRecord, _ registry: SagaRegistry) -> [SagaDirective] {
        let steps = registry.outline(of: record)?.steps ?? []
        return possible(for: record, registry).filter { directive in
            guard directive.verb == .skip || directive.verb == .force else { return true }
            return !steps.contains { $0.name == directive.step && $0.kind == .local }
        }
    }
}
