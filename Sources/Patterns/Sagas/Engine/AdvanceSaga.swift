import Determinism
import Storage

/// A commit of a defined saga, as a step of its row: fenced by the epoch of the worker's claim.
struct AdvanceSaga<State: SagaState>: SagaStep {
    enum Outcome: Sendable {
        case advanced(SagaSituation<State>)
        /// The row cannot be read by this definition.
        case broken(StorageError)
    }
    let definition: SagaDefinition<State>
    let terms: SagaTerms
    let move: SagaMove<State>
    /// What the worker knows of the row.
    let known: SagaSituation<State>?
    /// What other tasks of this worker are at work on, as it is when the commit is decided.
    let busy: BusySteps
    let chance: UInt64
    /// The step that the worker looks for; nil where it is the move's, or none.
    var own: Int?

    func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need] {
        guard var advance = begin(SagaTransition(saga, at: saga.updatedAt)) else { return [] }
        advance.takeMove()
        return advance.needs(loaded, move)
    }

    /// What the commit will need as far as the worker's knowledge of the row tells: named with the row itself, it is
    /// locked in the one order of ranks, and spares a load.
    /// - Returns: also whether that is all, if the row is as it is known.
    func foresee() -> (needs: [Need], isAll: Bool) {
        guard let known, var advance = begin(SagaTransition(known.record, at: known.record.updatedAt)) else {
            return ([], false)
        }
        advance.takeMove()
        return (advance.foreseenNeeds(move), advance.foreseesAll(move))
    }

    func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<Outcome> {
        var advance: SagaAdvance<State>
        do { advance = try makeAdvance(saga) } catch { return .discard(.broken(error)) }
        advance.takeMove()
        if let needs = advance.advance(in: &work, move) { return .more(needs) }
        do { try advance.settle(in: &work) } catch { return .discard(.broken(error)) }
        saga = advance.saga
        advance.situation.record = saga.record
        return .commit(.advanced(advance.situation))
    }

    private func begin(_ saga: SagaTransition) -> SagaAdvance<State>? { try? makeAdvance(saga) }

    private func makeAdvance(_ saga: SagaTransition) throws(StorageError) -> SagaAdvance<State> {
        var advance = SagaAdvance(
            definition: definition, terms: terms, chance: chance,
            situation: try SagaSituation(saga.record, definition, known: known), saga: saga,
            busy: busy.others(than: own ?? move.step))
        (advance.situation.woken, advance.situation.uncalled, advance.situation.resumed) = ([], [], [])
        advance.brought = move
        return advance
    }
}

extension SagaAdvance {
    /// Takes what the worker brings from outside; what is local is decided later, over the loaded rows.
    mutating func takeMove() {
        switch brought {
        case .finished(let step, let outcome): take(step, outcome)
        case .finishedUndo(let step, let outcome): takeUndo(step, outcome)
        case .look, .local, .localUndo: break
        }
        checkDeadline()
    }

    /// The local step that is decided in this commit, if there is one.
    func localStep(_ move: SagaMove<State>) -> (step: Int, action: any LocalAction<State>, isCompensation: Bool)? {
        let isBackward = machine.progress.isBackward
        let step: Int
        switch move {
        case .local(let asked): step = asked
        case .localUndo(let asked): step = asked
        case .look, .finished, .finishedUndo:
            // What comes next is decided in the same commit where nothing else is under way.
            let ready = machine.ready
            guard ready.count == 1, busy.isEmpty, machine.restsUntil(now) == nil else { return nil }
            step = ready[0]
        }
        guard !busy.contains(step), machine.ready.contains(step) else { return nil }
        let body = definition.bodies[step]
        if isBackward {
            guard case .local(let action) = body.compensation?.body else { return nil }
            return (step, action, true)
        }
        guard case .action(let action) = body.forward, case .local(let local) = action.body else { return nil }
        return (step, local, false)
    }

    func needs(_ loaded: WorkingSet, _ move: SagaMove<State>) -> [Need] {
        let organization = saga.record.organization
        var needs = SagaLocking.needs(organization, machine.progress.locks)
        if let local = localStep(move) { needs += lockNeeds(of: local.step, organization) }
        for (action, context) in localActions(move) { needs += action.needs(loaded, situation.state, context) }
        if !machine.progress.isBackward {
            for step in machine.ready { needs += lockNeeds(of: step, organization) }
        }
        return needs + signalNeeds(organization)
    }

    /// What can be named of it before anything is loaded.
    func foreseenNeeds(_ move: SagaMove<State>) -> [Need] {
        localActions(move).flatMap { $0.action.foreseenNeeds(situation.state, $0.context) }
    }

    /// Whether that is all, if the row is as it is known.
    func foreseesAll(_ move: SagaMove<State>) -> Bool {
        let organization = saga.record.organization
        var locks = SagaLocking.needs(organization, machine.progress.locks)
        if let local = localStep(move) { locks += lockNeeds(of: local.step, organization) }
        for step in machine.progress.isBackward ? [] : machine.ready { locks += lockNeeds(of: step, organization) }
        return locks.isEmpty && signalNeeds(organization).isEmpty
            && localActions(move).allSatisfy { $0.action.foreseesAll(situation.state, $0.context) }
    }

    /// All that may be decided in this commit.
    private func localActions(
        _ move: SagaMove<State>
    ) -> [(action: any LocalAction<State>, context: StepContext)] {
        var actions: [(action: any LocalAction<State>, context: StepContext)] = []
        func add(_ action: any LocalAction<State>, _ step: Int, isCompensation: Bool = false) {
            actions.append(
                (action, situation.context(step, isCompensation: isCompensation, at: now, seed: chance)))
        }
        if let local = localStep(move) { add(local.action, local.step, isCompensation: local.isCompensation) }
        if let (letting, action) = lettingGo { add(action, letting.step) }
        if !machine.progress.isBackward {
            for step in machine.ready where machine.progress.entries[step].isWithdrawn {
                if let action = definition.resuming(step) { add(action, step) }
            }
        }
        return actions
    }

    private func lockNeeds(of step: Int, _ organization: Int64) -> [Need] {
        guard let locks = definition.bodies[step].locks else { return [] }
        return SagaLocking.needs(organization, locks(situation.state))
    }

    /// The signals that the saga may come to wait for.
    private func signalNeeds(_ organization: Int64) -> [Need] {
        if machine.progress.isBackward { return [] }
        return definition.signals.compactMap { step, signal in
            guard machine.progress.entries[step].status == .pending else { return nil }
            return .row(SagaSignalRecord.key(organization, saga.record.id, signal))
        }
    }

    /// Decides what is local, looks at what is waited for, and writes the intents of what comes next.
    /// - Returns: what has to be loaded first, if something has.
    mutating func advance(in work: inout WorkingSet, _ move: SagaMove<State>) -> [Need]? {
        if let (letting, action) = lettingGo {
            switch accompany(letting.step, action, because: letting.reason, in: &work) {
            case .done:
                let kind = SagaProgressMachine.Pause.withdrawal(
                    wasSent: letting.wasSent, isDirected: letting.pause != nil)
                postpone(letting.step, isVoid: true, as: kind, for: letting.pause, letting.reason)
            case .refused(let why): giveUp(letting.step, wasSent: letting.wasSent, "\(why); \(letting.reason)")
            case .later(let why): postpone(letting.step, isVoid: true, "\(why); \(letting.reason)")
            case .needs(let needs): return needs
            }
        }
        if machine.progress.isBackward {
            SagaLocking.leaveLines(saga.record, &situation.machine.progress, in: &work)
        }
        if let needs = noticeLocks(in: work) { return needs }
        if let local = localStep(move) {
            switch hasLocks(local.step, isCompensation: local.isCompensation, in: &work) {
            case .needs(let needs): return needs
            case .waits: break
            case .held:
                let needs = decide(local.step, local.action, isCompensation: local.isCompensation, in: &work)
                if let needs { return needs }
            }
        }
        if let needs = receiveSignals(in: &work) { return needs }
        return writeIntents(in: &work)
    }

    private enum Locked {
        case held
        case waits
        case needs([Need])
    }

    /// Takes the step's semantic locks, or stands in line.
    private mutating func hasLocks(_ step: Int, isCompensation: Bool, in work: inout WorkingSet) -> Locked {
        guard !isCompensation, let locks = definition.bodies[step].locks else { return .held }
        let resources = locks(situation.state)
        let needs = SagaLocking.needs(saga.record.organization, resources)
        if !needs.allSatisfy(work.has) { return .needs(needs) }
        let answer = SagaLocking.acquire(
            resources, for: saga.record, &situation.machine.progress, in: &work, at: now)
        let entry = machine.progress.entries[step]
        switch answer {
        case .held:
            if entry.isBlocked { handle(.unblock(step)) }
            return .held
        case .refused(let resource):
            refuse(step, "too many sagas wait for “\(resource)”")
        case .waits(let resource, let holder):
            let patience = definition.outline.steps[step].policy.lockPatience
            if let since = entry.since, since + patience <= now {
                refuse(step, "“\(resource)” was held by \(holder) for longer than the step waits")
            } else {
                let pause = min(terms.lockPause * (1 << min(entry.attempts, 8)), terms.longestLockPause)
                handle(.postpone(step, until: now + pause, .blocked))
                if entry.attempts == 0 { saga.note(.waiting, name(step), "“\(resource)” is held by \(holder)") }
            }
        }
        return .waits
    }

    /// A step whose locks have been handed over, or are free, has waited long enough.
    private mutating func noticeLocks(in work: WorkingSet) -> [Need]? {
        if machine.progress.isBackward { return nil }
        for step in machine.ready {
            let entry = machine.progress.entries[step]
            guard entry.isBlocked, let locks = definition.bodies[step].locks else {
                continue
            }
            let keys = locks(situation.state).map { SagaLockRecord.key(saga.record.organization, $0) }
            guard keys.allSatisfy(work.isLoaded) else { return keys.map { .row($0) } }
            if keys.allSatisfy({ work[$0].map { $0.holder == saga.record.id } ?? true }) { handle(.unblock(step)) }
        }
        return nil
    }

    /// Goes past the waiting steps whose signal is there, or whose time is up.
    private mutating func receiveSignals(in work: inout WorkingSet) -> [Need]? {
        var hasMoved = true
        while hasMoved, !machine.progress.isBackward {
            hasMoved = false
            for step in machine.ready {
                guard case .awaiting(let wait) = definition.bodies[step].forward else { continue }
                if let signal = wait.signal {
                    let key = SagaSignalRecord.key(saga.record.organization, saga.record.id, signal)
                    guard work.isLoaded(key) else { return [.row(key)] }
                    if var row = work[key], !row.isTaken {
                        row.isTaken = true
                        work.put(row)
                        guard handle(.complete(step)) else { continue }
                        wait.receive(row.payload, &situation.state)
                        saga.note(.completed, name(step), "signal \(row.token)")
                        hasMoved = true
                        continue
                    }
                }
                hasMoved = lapse(step, wait) || hasMoved
            }
        }
        return nil
    }

    /// - Returns: whether the step has come to an end.
    private mutating func lapse(_ step: Int, _ wait: SagaAwait<State>) -> Bool {
        let entry = machine.progress.entries[step]
        let end = wait.limit.map { (entry.since ?? now) + $0(situation.state) }
        guard let end, end <= now else {
            // Another branch may have made the time longer, or shorter, since the wait began.
            let rest = end ?? Timestamp(microseconds: .max)
            guard entry.notBefore != rest else { return false }
            handle(.postpone(step, until: rest))
            if entry.notBefore == nil {
                saga.note(.waiting, name(step), wait.signal.map { "waits for the signal “\($0)”" })
            }
            return false
        }
        switch wait.lapse {
        case .proceed:
            guard handle(.complete(step)) else { return false }
            saga.note(.completed, name(step), wait.signal == nil ? nil : "the signal did not come in time")
        case .refuse: refuse(step, "the signal did not come in time")
        }
        return true
    }

    /// Notes the intents of the external steps and compensations that come next.
    mutating func writeIntents(in work: inout WorkingSet) -> [Need]? {
        let isBackward = machine.progress.isBackward
        for step in machine.ready where !busy.contains(step) {
            // A step before it in this loop has turned the saga back: what is ready is something else now.
            guard machine.progress.isBackward == isBackward else { return writeIntents(in: &work) }
            let (entry, outline) = (machine.progress.entries[step], definition.outline.steps[step])
            if let notBefore = entry.notBefore, notBefore > now { continue }
            let kind = isBackward ? outline.compensation : outline.kind
            if entry.isWithdrawn, !isBackward {
                switch definition.resuming(step).map({ accompany(step, $0, in: &work) }) ?? .done {
                case .done:
                    if handle(.renew(step)) {
                        // Of a saga that is taken over from another build nobody knows what its last call came to.
                        if situation.record.outline != nil { situation.resumed.insert(step) }
                        if entry.isUnsent { situation.uncalled.insert(step) }
                    }
                    saga.note(.intended, name(step), situation.context(step, at: now, seed: chance).key)
                case .refused(let reason): giveUp(step, wasSent: false, reason)
                case .later(let reason): postpone(step, isVoid: true, reason)
                case .needs(let needs): return needs
                }
                continue
            }
            guard kind == .external, entry.status != (isBackward ? .undoing : .intended) else { continue }
            switch hasLocks(step, isCompensation: isBackward, in: &work) {
            case .needs(let needs): return needs
            case .waits: continue
            case .held: break
            }
            guard handle(isBackward ? .intendUndo(step) : .intend(step)) else { continue }
            // Nobody can have called on an intent that is not durable yet.
            situation.uncalled.insert(step)
            saga.note(.intended, name(step), situation.context(step, at: now, seed: chance).key)
        }
        return nil
    }
}
