import Determinism
import Storage

/// Taking and releasing semantic locks inside a saga's own commits.
enum SagaLocking {
    /// What came of asking for locks.
    enum Answer: Equatable {
        /// All are held.
        case held
        /// The saga stands in line, behind the holder of this one.
        case waits(String, holder: SagaID)
        /// The line for this one is as long as it may be.
        case refused(String)
    }

    static func needs(_ organization: Int64, _ resources: [String]) -> [Need] {
        resources.map { .row(SagaLockRecord.key(organization, $0)) }
    }

    /// Asks for all of them: takes those that are free, and stands in line for the others.
    static func acquire(
        _ resources: [String], for saga: SagaRecord, _ progress: inout SagaProgress, in work: inout WorkingSet,
        at now: Timestamp
    ) -> Answer {
        var answer = Answer.held
        // By bytes, as rows are found: two names that only look alike are two rows.
        let names = Set(resources.map { Array($0.utf8) }).sorted { $0.lexicographicallyPrecedes($1) }
        for resource in names.map({ String(decoding: $0, as: UTF8.self) }) {
            let key = SagaLockRecord.key(saga.organization, resource)
            if var row = work[key] {
                if row.holder == saga.id { continue }
                if !row.waiting.contains(saga.id) {
                    if row.waiting.count >= SagaLockRecord.lineLimit { return .refused(resource) }
                    row.waiting.append(saga.id)
                    work.put(row)
                }
                if case .held = answer { answer = .waits(resource, holder: row.holder) }
            } else {
                work.put(
                    SagaLockRecord(organization: saga.organization, resource: resource, holder: saga.id, since: now))
            }
            let isNoted = progress.locks.contains { $0.utf8.elementsEqual(resource.utf8) }
            if !isNoted { progress.locks.append(resource) }
        }
        return answer
    }

    /// Leaves the lines in which the saga still stands: on its way back it wants no further lock, and would be handed
    /// one, for nothing, for as long as the way takes. What it holds it keeps.
    static func leaveLines(_ saga: SagaRecord, _ progress: inout SagaProgress, in work: inout WorkingSet) {
        progress.locks.removeAll { resource in
            let key = SagaLockRecord.key(saga.organization, resource)
            guard work.isLoaded(key), var row = work[key], row.holder != saga.id else { return false }
            guard row.waiting.contains(saga.id) else { return true }
            row.waiting.removeAll { $0 == saga.id }
            work.put(row)
            return true
        }
    }

    /// Gives back everything that the saga holds and leaves every line.
    /// - Returns: the sagas that hold a lock now that they waited for.
    static func release(
        _ saga: SagaRecord, _ progress: inout SagaProgress, in work: inout WorkingSet, at now: Timestamp
    ) -> [SagaID] {
        var woken: [SagaID] = []
        for resource in progress.locks {
            let key = SagaLockRecord.key(saga.organization, resource)
            guard var row = work[key] else { continue }
            row.waiting.removeAll { $0 == saga.id }
            if row.holder == saga.id {
                guard let next = row.waiting.first else {
                    work.remove(key)
                    continue
                }
                row.waiting.removeFirst()
                (row.holder, row.since) = (next, now)
                woken.append(next)
            }
            work.put(row)
        }
        progress.locks = []
        return woken
    }
}
