import Determinism
import Storage

/// Lets a saga that was put aside go on now: its pauses are over, but for those that wait for locks.
struct HurrySaga: LaneCommand {
    let organization: Int64
    let saga: SagaID
    let registry: SagaRegistry

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(SagaRecord.key(organization, saga))] }

    /// - Returns: false when it is at work, has nothing to be hurried, or has ended.
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
        guard var record = work[SagaRecord.key(organization, saga)], record.owner == nil, record.state.isUnfinished
        else { return .discard(false) }
        let isShortened = shorten(&record, now)
        guard isShortened || record.dueAt > now else { return .discard(false) }
        record.dueAt = now
        work.put(record)
        return .commit(true)
    }

    /// Ends the pauses of what is under way. What cannot be read here is left as it is.
    private func shorten(_ record: inout SagaRecord, _ now: Timestamp) -> Bool {
        let definition = registry.definition(
            record.definition, version: record.definitionVersion, outline: record.outline)
        guard let outline = definition?.outline, let stored = record.progress,
            var progress = try? SagaProgress(stored: stored, outline)
        else { return false }
        var isShortened = false
        for index in progress.entries.indices {
            let entry = progress.entries[index]
            guard entry.status == .intended || entry.status == .undoing, !entry.isBlocked,
                let pause = entry.notBefore, pause > now
            else { continue }
            progress.entries[index].notBefore = nil
            isShortened = true
        }
        if isShortened { record.progress = progress.stored(outline) }
        return isShortened
    }
}
