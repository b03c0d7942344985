import Determinism
import Storage
import StrictJSON

/// How far a saga has come, as people read it. A value made from rows; it decides nothing.
public struct SagaReading: Sendable, Hashable {
    /// One step.
    public struct Step: Sendable, Hashable {
        /// Its name.
        public let name: String
        /// Where it stands.
        public internal(set) var status: SagaProgress.Status
        /// How often it was taken up without coming to an end, in its present direction.
        public internal(set) var attempts: Int64 = 0
        /// When it was first taken up, in its present direction; nil when it was not, or when that is not kept.
        public internal(set) var since: Timestamp?
        /// When it is tried next; nil when it is not going to be, or is being tried now.
        public internal(set) var nextTryAt: Timestamp?
    }
    /// The steps, in the order of the outline where a definition here has it, else in the order in which they were
    /// taken up.
    public let steps: [Step]
    /// Whether what was done is being undone, or was.
    public let isBackward: Bool
    /// When the saga is taken up next; nil when it has ended, is stuck, or is at work now.
    public let nextTryAt: Timestamp?
    /// The semantic locks that it holds, or stands in line for.
    public let locks: [String]

    /// Reads a saga: from its progress, or, where a worker written by hand keeps none, from its history.
    /// - Parameters:
    ///   - history: as much of it as there is at hand, in order.
    ///   - registry: whose outlines name the steps that have not begun.
    ///   - now: by whose measure a lease still counts.
    public init(_ saga: SagaRecord, _ history: [SagaLogEntry], _ registry: SagaRegistry, at now: Timestamp) {
        let isAtWork = saga.owner != nil || saga.leaseUntil > now
        let nextTry = saga.state.isUnfinished && !isAtWork ? saga.dueAt : nil
        guard let stored = saga.progress, let outline = registry.outline(of: saga) ?? SagaOutline(stepsIn: stored),
            let progress = try? SagaProgress(stored: stored, outline)
        else {
            steps = Self.steps(saga, history, nextTry)
            isBackward = Self.isBackward(saga, history)
            (nextTryAt, locks) = (nextTry, [])
            return
        }
        isBackward = progress.isBackward
        locks = progress.locks
        steps = zip(outline.steps, progress.entries).map { step, entry in
            Step(
                name: step.name, status: entry.status, attempts: Int64(entry.attempts), since: entry.since,
                nextTryAt: saga.state.isUnfinished ? entry.notBefore : nil)
        }
        nextTryAt = nextTry ?? (saga.state.isUnfinished ? steps.compactMap(\.nextTryAt).min() : nil)
    }

    /// Whether a saga is on its way back, or was when it got stuck.
    ///
    /// The row of a stuck saga that a worker written by hand keeps does not say; its history does: what such a worker
    /// gets stuck at is intended beforehand on the way back only, unless it is what the saga began with.
    public static func isBackward(_ saga: SagaRecord, _ history: [SagaLogEntry]) -> Bool {
        switch saga.state {
        case .compensating, .compensated: return true
        case .running, .parked, .succeeded: return false
        case .stuck:
            let intended = history.lazy.filter { $0.kind == .intended }
            let isWhole = history.first?.entry == 1
            return intended.contains { $0.step == saga.step }
                && (!isWhole || intended.contains { $0.step != saga.step })
        }
    }

    private static func steps(_ saga: SagaRecord, _ history: [SagaLogEntry], _ nextTry: Timestamp?) -> [Step] {
        var steps: [Step] = []
        for entry in history {
            // Who works on the saga says nothing of the step that it stands at.
            if entry.kind == .claimed { continue }
            if !steps.contains(where: { $0.name == entry.step }) {
                steps.append(Step(name: entry.step, status: .pending))
            }
            guard let index = steps.firstIndex(where: { $0.name == entry.step }) else { continue }
            steps[index].take(entry.kind)
            if steps[index].status == .intended { steps[index].since = steps[index].since ?? entry.at }
        }
        if let index = steps.firstIndex(where: { $0.name == saga.step }), !saga.state.isEnded {
            (steps[index].attempts, steps[index].nextTryAt) = (saga.attempts, nextTry)
        }
        return steps
    }
}

extension SagaReading.Step {
    fileprivate mutating func take(_ kind: SagaLogEntry.Kind) {
        switch kind {
        case .intended, .unknown: status = .intended
        case .completed: status = .done
        case .failed: status = .void
        case .compensated: status = .undone
        case .stuck: status = .stuck
        // It is going to be tried again.
        case .parked: if status == .void { status = .pending }
        case .directed: if status == .stuck { status = .intended }
        // The last step is the end itself, unless it has failed.
        case .ended: if status == .pending || status == .intended { status = .done }
        case .began, .waiting, .claimed: break
        }
    }
}

extension SagaOutline {
    /// The steps that a stored progress names, for reading it where no definition has the outline.
    fileprivate init?(stepsIn stored: String) {
        guard let steps = (try? JSONReader.parse(stored))?.object?["steps"]?.array else { return nil }
        self.init(name: "", version: 0)
        for name in steps.compactMap({ $0.array?.first?.string }) where position(of: name) == nil {
            _ = add(Step(name, .external, .retriable, compensation: nil, policy: StepPolicy()))
        }
    }
}
