import Determinism
import Storage

extension SagaAdvance {
    /// Ends the saga, puts it aside or leaves it with its worker, and stores where it stands.
    /// - Parameter mayEnd: false in a commit that has not loaded the saga's locks: its worker's next one ends it.
    mutating func settle(in work: inout WorkingSet, mayEnd: Bool = true) throws(StorageError) {
        switch mayEnd || machine.ending == .stuck ? machine.ending : nil {
        case .succeeded: end(in: &work) { $0.succeed($0.record.step) }
        case .compensated:
            let reason = saga.record.reason ?? "was undone"
            end(in: &work) { $0.undone($0.record.step, reason) }
        case .stuck:
            let step = machine.progress.entries.lastIndex { $0.status == .stuck } ?? 0
            saga.giveUp(name(step), stuckReason(step))
        case nil:
            if machine.progress.isBackward, saga.record.state != .compensating { saga.handle(.compensate) }
            putAsideIfItRests()
        }
        saga.record.progress = machine.progress.stored(definition.outline)
        do { saga.record.data = try situation.state.stored() } catch {
            throw .corrupt("the state of saga \(saga.record.id) cannot be stored: \(error)")
        }
    }

    private mutating func end(in work: inout WorkingSet, _ end: (inout SagaTransition) -> Void) {
        situation.woken += SagaLocking.release(saga.record, &situation.machine.progress, in: &work, at: now)
        end(&saga)
        saga.record.owner = nil
    }

    private func stuckReason(_ step: Int) -> String {
        let outline = definition.outline.steps[step]
        if machine.progress.isBackward { return "the compensation of “\(outline.name)” was given up" }
        return outline.category == .pivot
            ? "nobody knows whether “\(outline.name)” took effect" : "“\(outline.name)” was given up"
    }

    /// Nothing can be done for a while: a short pause is the worker's to wait, a longer one the row's.
    private mutating func putAsideIfItRests() {
        guard busy.isEmpty, let due = machine.restsUntil(now, within: saga.record.deadline) else { return }
        let isWaiting = machine.ready.contains { definition.outline.steps[$0].kind == .awaiting }
        guard isWaiting || due > now + terms.patience else { return }
        let step = machine.ready[0]
        saga.handle(.park)
        (saga.record.dueAt, saga.record.leaseUntil, saga.record.owner) = (due, now, nil)
        saga.note(.parked, name(step), saga.record.reason)
    }
}
