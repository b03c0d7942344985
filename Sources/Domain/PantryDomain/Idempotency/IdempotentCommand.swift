import Determinism
import Storage

/// A command whose whole effect is one transaction and whose answer can be kept in it.
package protocol AnsweringCommand: Sendable {
    func needs(_ loaded: WorkingSet) -> [Need]
    /// See ``Storage/LaneCommand/hasNamedAll(_:)``.
    func hasNamedAll(_ loaded: WorkingSet) -> Bool
    /// See ``Storage/LaneCommand/mayNameMore``.
    var mayNameMore: Bool { get }
    /// Decides; a refusal changes nothing and is not kept.
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision
}

extension AnsweringCommand {
    package func hasNamedAll(_ loaded: WorkingSet) -> Bool { false }
    package var mayNameMore: Bool { true }
}

/// What an ``AnsweringCommand`` decides.
package enum Decision: Sendable {
    case answer(Answer)
    case refuse(Refusal)
    case more([Need])
}

/// What a caller of an idempotent command hears.
package enum KeyedOutcome: Sendable {
    case answer(Answer, isReplay: Bool)
    case refused(Refusal)
}

/// Runs an ``AnsweringCommand`` at most once for each key: its answer is stored with its effect.
package struct IdempotentCommand<Inner: AnsweringCommand>: LaneCommand {
    let organization: Int64
    let request: RequestKey?
    let inner: Inner

    package init(_ inner: Inner, organization: Int64, request: RequestKey?) {
        (self.inner, self.organization, self.request) = (inner, organization, request)
    }
    private var key: Key<IdempotencyRecord>? { request.map { IdempotencyRecord.key(organization, $0.scope) } }

    package func needs(_ loaded: WorkingSet) -> [Need] {
        // Key and rows in one load: a first attempt is the rule, a repeat the exception.
        guard let key else { return inner.needs(loaded) }
        if loaded.isLoaded(key), loaded[key] != nil { return [] }
        return [.row(key)] + inner.needs(loaded)
    }
    package func hasNamedAll(_ loaded: WorkingSet) -> Bool { inner.hasNamedAll(loaded) }
    package var mayNameMore: Bool { inner.mayNameMore }
    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<KeyedOutcome> {
        if let key, let request, let first = work[key] {
            if first.fingerprint != request.fingerprint { return .discard(.refused(.keyReused)) }
            if let answer = first.answer { return .discard(.answer(answer, isReplay: true)) }
            return .discard(.refused(.keyInProgress))
        }
        switch inner.decide(&work, at: now) {
        case .more(let needs): return .more(needs)
        case .refuse(let refusal): return .discard(.refused(refusal))
        case .answer(let answer):
            if let request {
                work.put(
                    IdempotencyRecord(
                        organization: organization, request: request, now: now, state: .settled, answer: answer))
            }
            return .commit(.answer(answer, isReplay: false))
        }
    }
}
