import Determinism

extension SagaProgressMachine {
    /// The steps that can be worked on now, or once their pause is over: forward the first unfinished one of each
    /// branch, backward the last one of each branch that has something to undo.
    public var ready: [Int] { progress.isBackward ? readyBackward : readyForward }

    private var readyForward: [Int] {
        for stage in outline.stages {
            switch stage {
            case .step(let step):
                if !isFinished(step) { return isStuck(step) ? [] : outline.alone(step) }
            case .parallel(let branches):
                let unfinished = branches.compactMap { branch in branch.first { !isFinished($0) } }
                if !unfinished.isEmpty { return unfinished.filter { !isStuck($0) } }
            }
        }
        return []
    }

    private var readyBackward: [Int] {
        for stage in outline.stages.reversed() {
            switch stage {
            case .step(let step):
                if hasSomethingToUndo(step) { return outline.alone(step) }
            case .parallel(let branches):
                let ready = branches.compactMap { branch in branch.last(where: hasSomethingToUndo) }
                // Side by side, the one that was done last first.
                if !ready.isEmpty { return ready.sorted { progress.entries[$0].place > progress.entries[$1].place } }
            }
        }
        return []
    }

    /// How the saga ends now; nil while something can be done.
    public var ending: Ending? {
        guard ready.isEmpty else { return nil }
        if progress.entries.contains(where: { $0.status == .stuck }) { return .stuck }
        return progress.isBackward ? .compensated : .succeeded
    }

    /// Until when nothing can be done; nil when something can, or when the saga has come to an end.
    /// - Parameter deadline: when the saga turns back, as long as there is a way back; nil for never.
    public func restsUntil(_ now: Timestamp, within deadline: Timestamp? = nil) -> Timestamp? {
        let ready = ready
        var earliest = progress.isBackward || isPastReturn ? nil : deadline
        for step in ready {
            guard let notBefore = progress.entries[step].notBefore, notBefore > now else { return nil }
            earliest = min(earliest ?? notBefore, notBefore)
        }
        return ready.isEmpty ? nil : earliest
    }

    private func isStuck(_ step: Int) -> Bool { progress.entries[step].status == .stuck }

    private func isFinished(_ step: Int) -> Bool {
        switch progress.entries[step].status {
        case .done, .skipped: true
        case .pending, .intended, .void, .undoing, .undone, .stuck: false
        }
    }

    private func hasSomethingToUndo(_ step: Int) -> Bool {
        guard outline.steps[step].compensation != nil else { return false }
        switch progress.entries[step].status {
        case .done, .intended, .undoing: return true
        case .pending, .void, .skipped, .undone, .stuck: return false
        }
    }
}
