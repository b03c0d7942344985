import Determinism

/// Which steps of a saga come next, forward or back: a pure state machine over its ``SagaProgress``.
///
/// States of a step, forward: `pending` → `intended` (external only) → `done` | `void` | `stuck`, or `skipped` by an
/// operator; backward: `done` or `intended` → `undoing` (external only) → `undone` | `stuck`.
///
/// Rules that others get wrong, and their sources:
/// - A step whose outcome is unknown counts as done for the way back: its compensation runs, and says itself whether
///   there was anything to undo (Seata's "empty rollback" and "hanging", incubator-seata #6374, #7840).
/// - A compensation that was given up does not keep the others from running (eventuate-tram-sagas #75, seata #2861):
///   the rest is undone, and the saga is `stuck` with that one step.
/// - After the pivot there is no way back, also for a cancel that comes while the pivot's outcome is unknown.
///
/// Any event in any state gives an ``Action``; one that does not belong is ignored with a reason.
public struct SagaProgressMachine: Sendable, Hashable {
    /// What happened. The numbers are positions of steps in the outline.
    public enum Event: Sendable, Hashable {
        /// The step's intent is durable with this commit.
        case intend(Int)
        /// The step's effect is there.
        case complete(Int)
        /// The step is refused for good, without effect.
        case refuse(Int)
        /// An attempt came to nothing; the next one not before this moment.
        case postpone(Int, until: Timestamp, Pause = .failure)
        /// A withdrawn intent is durable again with this commit.
        case renew(Int)
        /// The step, forward, is given up. `isVoid` when it is known to have no effect.
        case giveUp(Int, isVoid: Bool)
        /// The compensation's intent is durable with this commit.
        case intendUndo(Int)
        /// The step's effect is taken back.
        case undo(Int)
        /// The compensation is given up.
        case giveUpUndo(Int)
        /// The saga is canceled, or its time is up.
        case turnBack
        /// An operator lets a stuck step be tried again.
        case retry(Int)
        /// An operator lets the saga go on without a stuck step, or without its compensation.
        case skip(Int)
        /// An operator has done what a stuck step should have done.
        case force(Int)
        /// An operator has found that a stuck pivot has no effect: the saga turns back.
        case deny(Int)
        /// The step has its semantic locks: what it waited for them does not count.
        case unblock(Int)
    }
    /// Why a step pauses.
    public enum Pause: Sendable, Hashable {
        /// An attempt has failed, or nobody knows whether it has.
        case failure
        /// Nothing was called or asked, because that is of no use at the moment; that is no attempt.
        case unavailable
        /// An attempt is known to have had no effect, and the next one needs a new intent. `wasSent` when a call was
        /// made that may still be on its way; `isDirected` when somebody has said for how long to wait: of a step's
        /// attempts such a one is the first, or none.
        case withdrawal(wasSent: Bool, isDirected: Bool = false)
        /// The step waits for semantic locks; that is no attempt of its own.
        case blocked

        /// A failure; or, with a pause that somebody has asked for, something that was not tried.
        static func after(_ pause: Duration?) -> Self { pause == nil ? .failure : .unavailable }

        /// Whether it is one of the attempts that a step has. A saga that was let go of waits for as long as it agrees
        /// to, and one whose other side is away for as long as that is.
        var isAttempt: Bool {
            switch self {
            case .failure, .blocked: true
            case .withdrawal, .unavailable: false
            }
        }

        /// Whether it is counted, after so many: an outage must not use up the attempts that come after it.
        func counts(after attempts: Int) -> Bool {
            switch self {
            case .failure, .blocked: true
            case .withdrawal(_, let isDirected): !isDirected || attempts == 0
            case .unavailable: false
            }
        }
    }
    /// What the shell does with it.
    public enum Action: Sendable, Hashable {
        /// The progress has changed; store it.
        case store
        /// Nothing has changed, for this reason.
        case ignore(String)
    }
    /// How the saga ends, or waits for an operator.
    public enum Ending: Sendable, Hashable {
        /// Every step is done.
        case succeeded
        /// Nothing is left to undo.
        case compensated
        /// Nothing can be done without an operator.
        case stuck
    }
    /// The steps by name and kind.
    public let outline: SagaOutline
    /// How far the saga has come.
    public internal(set) var progress: SagaProgress

    /// Goes on from that progress.
    public init(_ outline: SagaOutline, _ progress: SagaProgress) {
        precondition(outline.steps.count == progress.entries.count, "the progress is of another outline")
        (self.outline, self.progress) = (outline, progress)
    }

    /// Whether the pivot is done, or may be: then there is no way back.
    public var isPastReturn: Bool {
        for (step, entry) in zip(outline.steps, progress.entries) where step.category == .pivot {
            switch entry.status {
            case .intended: return !entry.isWithdrawn
            case .done, .skipped, .stuck: return true
            case .pending, .void, .undoing, .undone: return false
            }
        }
        // Without a pivot it is the end from which there is no way back.
        return false
    }

    /// Takes an event.
    public mutating func handle(_ event: Event, at now: Timestamp) -> Action {
        switch event {
        case .turnBack: turnBack()
        case .intend(let step), .complete(let step), .refuse(let step), .giveUp(let step, _):
            guarded(step) { $0.forward(event, step, now) }
        case .postpone(let step, let until, let pause): guarded(step) { $0.postpone(step, until, pause, now) }
        case .renew(let step): guarded(step) { $0.renew(step) }
        case .intendUndo(let step), .undo(let step), .giveUpUndo(let step):
            guarded(step) { $0.backward(event, step, now) }
        case .retry(let step), .skip(let step), .force(let step): guarded(step) { $0.operated(event, step) }
        case .deny(let step): guarded(step) { $0.deny(step) }
        case .unblock(let step): guarded(step) { $0.unblock(step) }
        }
    }

    private mutating func guarded(_ step: Int, _ body: (inout Self) -> Action) -> Action {
        outline.steps.indices.contains(step) ? body(&self) : .ignore("there is no step \(step)")
    }

    private mutating func turnBack() -> Action {
        if progress.isBackward { return .ignore("the saga is on its way back already") }
        if isPastReturn { return .ignore("the saga has passed its pivot, or may have: there is no way back") }
        if ending == .succeeded { return .ignore("the saga has ended") }
        progress.isBackward = true
        for index in progress.entries.indices {
            restart(index)
            // Nothing is on its way, and the intent of another attempt would need a commit of its own.
            let entry = progress.entries[index]
            if entry.status == .intended, entry.isWithdrawn, entry.isUnsent { progress.entries[index].status = .void }
        }
        return .store
    }

    /// Forgets the attempts of one direction when the other begins.
    private mutating func restart(_ index: Int) {
        (progress.entries[index].attempts, progress.entries[index].since) = (0, nil)
        (progress.entries[index].notBefore, progress.entries[index].isBlocked) = (nil, false)
    }

    private mutating func forward(_ event: Event, _ step: Int, _ now: Timestamp) -> Action {
        let status = progress.entries[step].status
        // What is intended may end late, when the saga has turned back or others are ready.
        guard status == .intended || status == .pending && !progress.isBackward && ready.contains(step) else {
            return .ignore("“\(outline.steps[step].name)” is \(status.rawValue) and not being tried")
        }
        switch event {
        case .intend:
            guard status == .pending else { return .ignore("the intent is durable already") }
            progress.entries[step].status = .intended
            progress.entries[step].since = progress.entries[step].since ?? now
        case .complete:
            progress.entries[step].status = .done
            progress.entries[step].isWithdrawn = false
            progress.entries[step].place = 1 + (progress.entries.map(\.place).max() ?? 0)
            progress.entries[step].notBefore = nil
        // On the way back the attempts are those of the compensation, which has not begun.
        case .refuse: return giveUp(step, isVoid: true)
        case .giveUp(_, let isVoid): return giveUp(step, isVoid: isVoid)
        default: return .ignore("is not an event of the way forward")
        }
        return .store
    }

    private mutating func giveUp(_ step: Int, isVoid: Bool) -> Action {
        if progress.isBackward {
            // A late outcome: known to have no effect, or as unknown as before.
            guard isVoid else { return .ignore("its compensation will settle it") }
            progress.entries[step].status = .void
            return .store
        }
        switch outline.steps[step].category {
        case .compensatable:
            if isVoid { progress.entries[step].status = .void }
            return turnBack()
        case .effectless:
            progress.entries[step].status = .void
            return turnBack()
        case .pivot where isVoid:
            progress.entries[step].status = .void
            return turnBack()
        case .pivot, .retriable:
            progress.entries[step].status = .stuck
            progress.entries[step].isWithdrawn = isVoid
            return .store
        }
    }

    private mutating func postpone(_ step: Int, _ until: Timestamp, _ pause: Pause, _ now: Timestamp) -> Action {
        let status = progress.entries[step].status
        guard status == .intended || ready.contains(step) else {
            return .ignore("“\(outline.steps[step].name)” is \(status.rawValue) and not being tried")
        }
        if pause.counts(after: progress.entries[step].attempts) { progress.entries[step].attempts += 1 }
        progress.entries[step].since = progress.entries[step].since ?? now
        progress.entries[step].notBefore = until
        if progress.isBackward { return .store }
        progress.entries[step].isBlocked = pause == .blocked
        guard status == .intended else { return .store }
        switch pause {
        case .withdrawal(let wasSent, _):
            progress.entries[step].isWithdrawn = true
            if wasSent { progress.entries[step].isUnsent = false }
        case .failure: progress.entries[step].isUnsent = false
        case .blocked, .unavailable: break
        }
        return .store
    }

    private mutating func renew(_ step: Int) -> Action {
        guard progress.entries[step].status == .intended, progress.entries[step].isWithdrawn, !progress.isBackward
        else { return .ignore("“\(outline.steps[step].name)” has no intent that was withdrawn") }
        progress.entries[step].isWithdrawn = false
        return .store
    }

    private mutating func backward(_ event: Event, _ step: Int, _ now: Timestamp) -> Action {
        guard progress.isBackward else { return .ignore("the saga goes forward") }
        let status = progress.entries[step].status
        guard ready.contains(step) else {
            return .ignore("“\(outline.steps[step].name)” is \(status.rawValue), and it is not its turn to be undone")
        }
        switch event {
        case .intendUndo:
            guard status != .undoing else { return .ignore("the intent is durable already") }
            progress.entries[step].isCertain = status == .done
            progress.entries[step].status = .undoing
            progress.entries[step].since = progress.entries[step].since ?? now
        case .undo:
            progress.entries[step].status = .undone
            progress.entries[step].notBefore = nil
        case .giveUpUndo:
            if status == .intended { progress.entries[step].isCertain = false }
            progress.entries[step].status = .stuck
        default: return .ignore("is not an event of the way back")
        }
        return .store
    }

    private mutating func operated(_ event: Event, _ step: Int) -> Action {
        guard progress.entries[step].status == .stuck else {
            return .ignore("“\(outline.steps[step].name)” is \(progress.entries[step].status.rawValue), not stuck")
        }
        let isBackward = progress.isBackward
        switch event {
        case .retry:
            // What is known to have had no effect begins anew, with its locks and its intent.
            let forward: SagaProgress.Status = progress.entries[step].isWithdrawn ? .pending : .intended
            progress.entries[step].status = isBackward ? .undoing : forward
            if !isBackward { progress.entries[step].isWithdrawn = false }
        case .skip: progress.entries[step].status = isBackward ? .undone : .skipped
        case .force:
            progress.entries[step].status = isBackward ? .undone : .done
            if !isBackward { progress.entries[step].place = 1 + (progress.entries.map(\.place).max() ?? 0) }
        default: return .ignore("is not an operator's event")
        }
        (progress.entries[step].attempts, progress.entries[step].since) = (0, nil)
        progress.entries[step].notBefore = nil
        return .store
    }

    private mutating func deny(_ step: Int) -> Action {
        let (status, category) = (progress.entries[step].status, outline.steps[step].category)
        guard !progress.isBackward, status == .stuck, category == .pivot else {
            return .ignore("“\(outline.steps[step].name)” is not a pivot that is stuck")
        }
        progress.entries[step].status = .void
        return turnBack()
    }

    private mutating func unblock(_ step: Int) -> Action {
        guard progress.entries[step].isBlocked, !progress.isBackward else {
            return .ignore("“\(outline.steps[step].name)” does not wait for locks")
        }
        (progress.entries[step].attempts, progress.entries[step].isBlocked) = (0, false)
        (progress.entries[step].since, progress.entries[step].notBefore) = (nil, nil)
        return .store
    }
}
