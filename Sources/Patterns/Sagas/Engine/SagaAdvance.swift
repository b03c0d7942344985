import Determinism
import Storage

/// One commit of a saga while it is decided: what the worker brings, the local step that comes with it, the intents of
/// the external steps that come next, the end if there is one.
///
/// At most one local step is in a commit, so that each has its own record; what is external needs no commit of its own:
/// its intent rides in the commit before the call, its outcome in the commit after it.
struct SagaAdvance<State: SagaState> {
    let definition: SagaDefinition<State>
    let terms: SagaTerms
    /// Any number; it spreads the pauses.
    let chance: UInt64
    var situation: SagaSituation<State>
    var saga: SagaTransition
    /// Steps that another task of the same worker is at work on.
    var busy: Set<Int> = []
    /// What the worker brings.
    var brought: SagaMove<State> = .look
    /// A step whose call could not be made, and why: the saga is told so in this commit.
    var letGo: LettingGo?

    var now: Timestamp { saga.now }
    var machine: SagaProgressMachine { situation.machine }

    func name(_ step: Int) -> String { definition.outline.steps[step].name }

    // MARK: what is brought

    /// Takes an external step's outcome, forward.
    mutating func take(_ step: Int, _ outcome: ExternalOutcome<State>) {
        switch outcome {
        case .done(let record):
            guard handle(.complete(step)) else { return }
            record(&situation.state)
            saga.note(.completed, name(step))
        case .refused(let reason, let record):
            // A commit whose answer was lost is made again: what it has recorded is not recorded twice.
            if refuse(step, reason) { record(&situation.state) }
        case .absent(let reason, let wasSent, let pause):
            if definition.resuming(step) == nil {
                postpone(step, isVoid: !wasSent, as: .after(pause), for: pause, reason)
            } else if machine.progress.entries[step].status == .intended, !machine.progress.entries[step].isWithdrawn {
                letGo = LettingGo(step: step, reason: reason, wasSent: wasSent, pause: pause)
            }
        case .unknown(let reason, let pause): postpone(step, isVoid: false, as: .after(pause), for: pause, reason)
        }
    }

    private func postponing(_ step: Int) -> (any LocalAction<State>)? {
        guard case .action(let action) = definition.bodies[step].forward else { return nil }
        return action.postponing
    }

    /// The step that is let go of in this commit, with what is decided about that. On the way back the compensation
    /// settles it instead.
    var lettingGo: (step: LettingGo, action: any LocalAction<State>)? {
        guard let letGo, !machine.progress.isBackward, let action = postponing(letGo.step) else { return nil }
        return (letGo, action)
    }

    /// A step whose call could not be made.
    struct LettingGo {
        let step: Int
        let reason: String
        /// Whether one may still be on its way.
        let wasSent: Bool
        /// How long whom it is for should be left alone, if anybody knows.
        let pause: Duration?
    }

    /// Takes an external compensation's outcome.
    mutating func takeUndo(_ step: Int, _ outcome: ExternalOutcome<State>) {
        switch outcome {
        case .done(let record):
            guard handle(.undo(step)) else { return }
            record(&situation.state)
            saga.note(.compensated, name(step))
        case .refused(let reason, let record):
            // A compensation that cannot be done is nobody's to decide but an operator's.
            if handle(.giveUpUndo(step)) {
                record(&situation.state)
                saga.note(.stuck, name(step), reason)
            }
        case .absent(let reason, _, let pause), .unknown(let reason, let pause):
            postponeUndo(step, for: pause, reason)
        }
    }

    /// Decides a local step or compensation.
    /// - Returns: what it has to see as well, if it does.
    mutating func decide(
        _ step: Int, _ action: any LocalAction<State>, isCompensation: Bool, in work: inout WorkingSet
    ) -> [Need]? {
        let context = situation.context(step, isCompensation: isCompensation, at: now, seed: chance)
        // What was foreseen when the rows were loaded may have been another step: a pause can be over by now.
        let needs = action.needs(work, situation.state, context)
        if !needs.allSatisfy(work.has) { return needs }
        var state = situation.state
        let result = work.attempt { work in
            let isRefused = !isCompensation && terms.interposer?.refuses(context) == true
            let result = isRefused ? .refused("by the trial") : action.decide(&work, &state, context)
            return (result, isKept: result == .done)
        }
        switch result {
        case .done:
            guard handle(isCompensation ? .undo(step) : .complete(step)) else { return nil }
            situation.state = state
            saga.note(isCompensation ? .compensated : .completed, name(step))
        case .refused(let reason) where isCompensation:
            situation.state = state
            if handle(.giveUpUndo(step)) { saga.note(.stuck, name(step), reason) }
        case .refused(let reason):
            situation.state = state
            refuse(step, reason)
        case .later(let reason) where isCompensation: postponeUndo(step, for: nil, reason)
        case .later(let reason): postpone(step, isVoid: true, reason)
        case .more(let needs): return needs
        }
        return nil
    }

    // MARK: what becomes of a step

    /// Feeds the machine; false, with nothing changed, where the event does not belong.
    @discardableResult
    mutating func handle(_ event: SagaProgressMachine.Event) -> Bool {
        situation.machine.handle(event, at: now) == .store
    }

    /// - Returns: false, with nothing changed, where the step cannot be refused any more.
    @discardableResult
    mutating func refuse(_ step: Int, _ reason: String) -> Bool {
        let wasForward = !machine.progress.isBackward
        guard handle(.refuse(step)) else { return false }
        saga.note(machine.progress.entries[step].status == .stuck ? .stuck : .failed, name(step), reason)
        if wasForward, machine.progress.isBackward { saga.record.reason = "\(name(step)): \(reason)" }
        return true
    }

    /// Runs a decision that belongs to a step but does not end it.
    /// - Returns: what has to be loaded first, or what came of it.
    mutating func accompany(
        _ step: Int, _ action: any LocalAction<State>, because trouble: String? = nil, in work: inout WorkingSet
    ) -> Accompaniment {
        let context = situation.context(step, isCompensation: false, because: trouble, at: now, seed: chance)
        let needs = action.needs(work, situation.state, context)
        if !needs.allSatisfy(work.has) { return .needs(needs) }
        var state = situation.state
        let result = work.attempt { work in
            let result = action.decide(&work, &state, context)
            return (result, isKept: result == .done)
        }
        switch result {
        case .done:
            situation.state = state
            return .done
        case .refused(let reason):
            situation.state = state
            return .refused(reason)
        case .later(let reason): return .later(reason)
        case .more(let needs): return .needs(needs)
        }
    }

    /// What came of a decision that accompanies a step.
    enum Accompaniment {
        case done
        case refused(String)
        case later(String)
        case needs([Need])
    }

    /// A call that could not be made is given up for good. One that never left needs nobody to undo it.
    mutating func giveUp(_ step: Int, wasSent: Bool, _ reason: String) {
        let wasForward = !machine.progress.isBackward
        guard handle(.giveUp(step, isVoid: !wasSent && machine.progress.entries[step].isUnsent)) else { return }
        saga.note(machine.progress.entries[step].status == .stuck ? .stuck : .failed, name(step), reason)
        if wasForward, machine.progress.isBackward { saga.record.reason = "\(name(step)): \(reason)" }
    }

    /// Whether a step that is given up can be left as it is. That the other side knows nothing of a call does not mean
    /// that it cannot come late: where there is a compensation it settles that.
    private func isSettled(_ step: Int, isVoid: Bool) -> Bool {
        let outline = definition.outline.steps[step]
        return isVoid && !(outline.kind == .external && outline.category == .compensatable)
    }

    /// An attempt has come to nothing: again later, or given up.
    /// - Parameter rest: how long it rests, where somebody knows better than the policy.
    mutating func postpone(
        _ step: Int, isVoid: Bool, as kind: SagaProgressMachine.Pause = .failure, for rest: Duration? = nil,
        _ reason: String
    ) {
        let policy = definition.outline.steps[step].policy
        let entry = machine.progress.entries[step]
        // On the way back the compensation settles it, whatever it is; what is known to be void needs none.
        // A saga that was let go of waits for as long as it agrees to.
        let isSpent = kind.isAttempt && entry.attempts + 1 >= policy.attemptLimit
        let isOver = isSpent || isPast(policy.deadline, since: entry.since) || machine.progress.isBackward
        guard isOver else {
            var until = now + pause(of: policy, entry, rest)
            // Not past the step's own time: it is tried a last time then.
            if let limit = policy.deadline, let since = entry.since { until = min(until, since + limit) }
            handle(.postpone(step, until: until, kind))
            saga.note(isVoid ? .failed : .unknown, name(step), reason)
            return
        }
        let wasForward = !machine.progress.isBackward
        guard handle(.giveUp(step, isVoid: isSettled(step, isVoid: isVoid))) else { return }
        let isStuck = machine.progress.entries[step].status == .stuck
        saga.note(isStuck ? .stuck : isVoid ? .failed : .unknown, name(step), reason)
        if wasForward, machine.progress.isBackward { saga.record.reason = "\(name(step)) was given up: \(reason)" }
    }

    private mutating func postponeUndo(_ step: Int, for rest: Duration?, _ reason: String) {
        let policy = definition.outline.steps[step].policy
        let entry = machine.progress.entries[step]
        if rest == nil, entry.attempts + 1 >= policy.undoAttemptLimit {
            if handle(.giveUpUndo(step)) { saga.note(.stuck, name(step), reason) }
        } else {
            let pause = pause(of: policy, entry, rest)
            handle(.postpone(step, until: now + pause, .after(rest)))
            saga.note(.unknown, name(step), reason)
        }
    }

    /// By the policy, or as somebody who knows better says; never none at all, or a saga would write without end.
    private func pause(of policy: StepPolicy, _ entry: SagaProgress.Entry, _ rest: Duration?) -> Duration {
        rest.map { max($0, policy.backoff.first, .milliseconds(50)) }
            ?? policy.backoff.pause(after: entry.attempts + 1, chance: chance)
    }

    private func isPast(_ limit: Duration?, since: Timestamp?) -> Bool {
        guard let limit, let since else { return false }
        return since + limit <= now
    }

    /// Turns back where the saga's time is up.
    mutating func checkDeadline() {
        guard let deadline = saga.record.deadline, deadline <= now, !machine.progress.isBackward else { return }
        guard handle(.turnBack) else { return }
        saga.record.reason = "its time was up"
        saga.note(.failed, saga.record.step, "the saga's time was up")
    }
}
