import Determinism
import Storage

/// Carries out a ``SagaDirective``, with who decided it and why in the saga's history.
public struct DirectSaga: LaneCommand {
    /// What came of it.
    public enum Outcome: Sendable, Hashable {
        /// It holds; whoever works on the saga next acts on it.
        case accepted
        /// It does not fit the saga as it is, for this reason; nothing has changed.
        case refused(String)
        /// There is no such saga.
        case unknown
    }
    let organization: Int64
    let saga: SagaID
    let directive: SagaDirective
    let actor: String
    let reason: String
    let registry: SagaRegistry

    /// - Parameters:
    ///   - actor: who decides it.
    ///   - reason: why.
    public init(
        _ directive: SagaDirective, organization: Int64, saga: SagaID, by actor: String, because reason: String,
        registry: SagaRegistry
    ) {
        (self.directive, self.organization, self.saga) = (directive, organization, saga)
        (self.actor, self.reason, self.registry) = (actor, reason, registry)
    }
    /// The saga.
    public func needs(_ loaded: WorkingSet) -> [Need] { [.row(SagaRecord.key(organization, saga))] }

    /// Decides.
    public func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        guard let record = work[SagaRecord.key(organization, saga)] else { return .discard(.unknown) }
        if record.state.isEnded { return .discard(.refused("the saga has ended: \(record.state.rawValue)")) }
        guard let outline = registry.outline(of: record) else {
            let what = "“\(record.definition)” version \(record.definitionVersion)"
            return .discard(.refused("no definition here fits \(what)"))
        }
        guard let stored = record.progress, let progress = try? SagaProgress(stored: stored, outline) else {
            return .discard(.refused("the saga's progress cannot be read"))
        }
        var machine = SagaProgressMachine(outline, progress)
        guard let event = directive.event(outline) else {
            let names = outline.steps.map(\.name).joined(separator: ", ")
            return .discard(.refused("the saga has no step “\(directive.step ?? "")”; its steps are \(names)"))
        }
        if case .ignore(let reason) = machine.handle(event, at: now) { return .discard(.refused(reason)) }
        if machine.progress.isBackward, let name = directive.step, let step = outline.position(of: name) {
            // What comes after it on the way back was perhaps given up only because of it.
            for later in 0..<step { _ = machine.handle(.retry(later), at: now) }
        }
        var saga = SagaTransition(record, at: now)
        saga.note(.directed, directive.step ?? record.step, "\(directive.verb.rawValue) by \(actor): \(reason)")
        if machine.progress.isBackward, record.state != .compensating {
            saga.handle(.compensate)
            saga.record.reason = "\(actor): \(reason)"
        } else if record.state == .stuck || record.state == .parked {
            saga.handle(machine.progress.isBackward ? .compensate : .resume)
        }
        // Nobody holds one that was put aside or is stuck: it is due at once.
        if record.owner == nil { (saga.record.dueAt, saga.record.leaseUntil) = (now, now) }
        saga.record.progress = machine.progress.stored(outline)
        saga.store(in: &work)
        return .commit(.accepted)
    }
}
