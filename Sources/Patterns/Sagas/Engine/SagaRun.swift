import Determinism
import Storage
import Synchronization

/// Works on one saga from where its row stands until it ends, is put aside, or is somebody else's.
final class SagaRun<State: SagaState>: Sendable {
    let definition: SagaDefinition<State>
    let ticket: SagaTicket
    let engine: SagaEngine
    let trail = CommitTrail()
    /// Whether a commit was made after the trail's position was asked for: at first the one that began the saga.
    private let isTrailBehind: Atomic<Bool>
    private let busy = BusySteps()
    /// What the commits of a saga that another run has begun may need.
    private let foreseen = Mutex<[Need]>([])

    init(definition: SagaDefinition<State>, ticket: SagaTicket, engine: SagaEngine) {
        (self.definition, self.ticket, self.engine) = (definition, ticket, engine)
        isTrailBehind = Atomic(engine.terms.reportsPositions)
    }

    /// What this worker knows of calls because it has written their intents itself.
    private struct Intents {
        /// Those calls have certainly not been made.
        var fresh: Set<Int> = []
        /// Those had been let go of, and nothing was sent since.
        var resumed: Set<Int> = []

        /// Takes what is known of a step that is about to be called, or asked for: from then on it is not known.
        mutating func take(_ step: Int) -> (isFresh: Bool, isResumed: Bool) {
            (fresh.remove(step) != nil, resumed.remove(step) != nil)
        }
    }

    func report() async throws -> SagaReport {
        var situation: SagaSituation<State>
        var intents = Intents()
        if let memo = ticket.memo as? SagaSituation<State> {
            situation = memo
            engine.wake(memo.woken, ticket.tenant)
            if !ticket.mayHaveBeenCalled { intents.fresh = intended(situation) }
        } else {
            if let foresight = definition.foresight {
                let needs = await foresight(ticket.tenant.organization, ticket.id, ticket.subject)
                foreseen.withLock { $0 = needs }
            }
            situation = try await commit(.look, known: nil)
            (intents.fresh, intents.resumed) = (situation.uncalled, situation.resumed)
        }
        while true {
            try Task.checkCancellation()
            if situation.record.owner == nil {
                return SagaReport(situation, position: try await latestPosition())
            }
            let now = engine.time.now()
            let ready = situation.machine.ready.filter { !rests($0, situation, now) }
            let before = situation
            if ready.isEmpty {
                situation = try await rest(situation)
            } else if ready.count == 1 {
                let step = ready[0]
                situation = try await perform(step, situation, intents.take(step))
            } else {
                // It has taken note of each commit by itself, and made calls since.
                situation = try await performSideBySide(situation, &intents)
                continue
            }
            note(situation, after: before, &intents)
        }
    }

    /// Adds the intents that the step from `before` to `situation` has written.
    private func note(
        _ situation: SagaSituation<State>, after before: SagaSituation<State>, _ intents: inout Intents
    ) {
        guard situation.machine.progress.isBackward == before.machine.progress.isBackward else {
            intents = Intents(fresh: intended(situation))
            return
        }
        // What an operator has set going again was stuck, and may have been called before.
        let written = intended(situation).subtracting(intended(before))
        intents.fresh.formUnion(written.filter { before.machine.progress.entries[$0].status != .stuck })
        intents.fresh.formUnion(situation.uncalled)
        intents.resumed.formUnion(situation.resumed)
    }

    private func rests(_ step: Int, _ situation: SagaSituation<State>, _ now: Timestamp) -> Bool {
        situation.machine.progress.entries[step].notBefore.map { $0 > now } ?? false
    }

    private func intended(_ situation: SagaSituation<State>) -> Set<Int> {
        let status: SagaProgress.Status = situation.machine.progress.isBackward ? .undoing : .intended
        return Set(
            situation.machine.progress.entries.indices.filter {
                situation.machine.progress.entries[$0].status == status
            })
    }

    /// Waits for a short pause to be over, or for the saga's deadline. A longer pause has put the saga aside, or does
    /// so now.
    private func rest(_ situation: SagaSituation<State>) async throws -> SagaSituation<State> {
        let now = engine.time.now()
        guard let due = situation.machine.restsUntil(now, within: situation.record.deadline), due > now,
            due <= now + engine.terms.patience
        else { return try await commit(.look, known: situation) }
        try await engine.time.sleep(for: .microseconds(due.microseconds - now.microseconds))
        return situation
    }

    // MARK: one step

    private func perform(
        _ step: Int, _ situation: SagaSituation<State>, _ known: (isFresh: Bool, isResumed: Bool)
    ) async throws -> SagaSituation<State> {
        let (body, isBackward) = (definition.bodies[step], situation.machine.progress.isBackward)
        let action: SagaAction<State>.Body
        if isBackward {
            guard let compensation = body.compensation else {
                return try await commit(.look, known: situation, own: step)
            }
            action = compensation.body
        } else {
            guard case .action(let forward) = body.forward else {
                return try await commit(.look, known: situation, own: step)
            }
            action = forward.body
        }
        switch action {
        case .local:
            return try await commit(isBackward ? .localUndo(step) : .local(step), known: situation)
        case .external(let external):
            let durable: SagaProgress.Status = isBackward ? .undoing : .intended
            let entry = situation.machine.progress.entries[step]
            guard entry.status == durable, !entry.isWithdrawn || isBackward else {
                return try await commit(.look, known: situation, own: step)
            }
            let attempt = engine.attempt(
                definition.outline.steps[step].policy.calls, mayHaveBeenCalled: !known.isFresh,
                isResumed: known.isResumed)
            let outcome = try await external.run(
                situation.state, situation.context(step, at: engine.time.now()), attempt)
            return try await commit(
                isBackward ? .finishedUndo(step, outcome) : .finished(step, outcome), known: situation)
        }
    }

    /// Works on several steps at a time, and on what becomes ready meanwhile, until nothing is under way.
    private func performSideBySide(
        _ situation: SagaSituation<State>, _ intents: inout Intents
    ) async throws -> SagaSituation<State> {
        try await withThrowingTaskGroup(of: (Int, SagaSituation<State>).self) { group in
            var latest = situation
            while true {
                let now = engine.time.now()
                let underWay = busy.all
                for step in latest.machine.ready where !underWay.contains(step) && !rests(step, latest, now) {
                    let (snapshot, known) = (latest, intents.take(step))
                    busy.begin(step)
                    group.addTask { (step, try await self.perform(step, snapshot, known)) }
                }
                guard let (step, next) = try await group.next() else { return latest }
                // Only now: an older result that is handed out first knows nothing of this step's end.
                busy.end(step)
                let before = latest
                // Each commit locks the row: the one with more entries came later.
                if next.record.entries > latest.record.entries
                    || next.record.entries == latest.record.entries && next.record.updatedAt >= latest.record.updatedAt
                {
                    latest = next
                }
                note(latest, after: before, &intents)
                intents.fresh.subtract(busy.all)
                intents.resumed.subtract(busy.all)
            }
        }
    }

    // MARK: commits

    /// Whether the saga may end, or come to a rest, with the next commit: then somebody may want to know how far the
    /// database is. To ask each time would cost as much as a small statement.
    ///
    /// A commit decides one local step at most; where more than that is to be done it is not the last.
    private func mayBeLast(_ move: SagaMove<State>, _ situation: SagaSituation<State>?) -> Bool {
        guard engine.terms.reportsPositions else { return false }
        guard case .local(let step) = move, let machine = situation?.machine, !machine.progress.isBackward, busy.isEmpty
        else { return true }
        return !machine.outline.steps.indices.contains { other in
            let status = machine.progress.entries[other].status
            return other != step && machine.outline.steps[other].kind != .awaiting && status != .done
                && status != .skipped
        }
    }

    /// Asks for what was not asked for with the last commit. The saga stands as it does, whether or not that succeeds.
    private func latestPosition() async throws -> CommitPosition? {
        let giveUp = engine.time.instant() + engine.terms.commitPatience
        let look = LookAtSaga(organization: ticket.tenant.organization, saga: ticket.id)
        while isTrailBehind.load(ordering: .acquiring), engine.time.instant() < giveUp {
            do {
                _ = try await engine.submit(look, tenant: ticket.tenant, trail: trail)
                isTrailBehind.store(false, ordering: .releasing)
            } catch let failure as LaneFailure where failure.mayPass {
                try await engine.time.sleep(for: .milliseconds(20))
            } catch { break }
        }
        // A token of the commit before would vouch for less than what the report says.
        return isTrailBehind.load(ordering: .acquiring) ? nil : trail.position
    }

    /// Writes the saga's next commit, also where the database is away for a while: what was done before is found in the
    /// row.
    /// - Parameter own: the step for which a look is made: it is not somebody else's.
    private func commit(
        _ move: SagaMove<State>, known: SagaSituation<State>?, own: Int? = nil
    ) async throws -> SagaSituation<State> {
        var (known, pause) = (known, Duration.milliseconds(20))
        let giveUp = engine.time.instant() + engine.terms.outagePatience
        while true {
            let step = AdvanceSaga(
                definition: definition, terms: engine.terms, move: move, known: known, busy: busy,
                chance: engine.random.next(), own: own)
            let foresight = step.foresee()
            let command = SagaCommand(
                step, saga: ticket.id, organization: ticket.tenant.organization, epoch: ticket.epoch,
                subject: definition.locking(ticket.tenant.organization, ticket.subject) + foresight.needs
                    + foreseen.withLock { $0 },
                mayNameMore: !foresight.isAll)
            let asks = mayBeLast(move, known)
            do {
                let outcome = try await engine.submit(command, tenant: ticket.tenant, trail: asks ? trail : nil)
                isTrailBehind.store(!asks && engine.terms.reportsPositions, ordering: .releasing)
                switch outcome {
                case .done(.advanced(let situation)):
                    engine.wake(situation.woken, ticket.tenant)
                    return situation
                case .done(.broken(let error)): throw error
                case .fenced(let reason): return try await ended(reason)
                }
            } catch let failure as LaneFailure where failure.mayPass && engine.time.instant() < giveUp {
                // What a lost answer has done is in the row, not in what was known before.
                known = nil
                try await engine.time.sleep(for: pause)
                pause = min(pause * 2, .seconds(1))
            }
        }
    }

    /// A commit whose answer was lost may have been the last one: then the saga has ended as this worker wanted it to.
    private func ended(_ reason: String) async throws -> SagaSituation<State> {
        let record = try await engine.submit(
            LookAtSaga(organization: ticket.tenant.organization, saga: ticket.id), tenant: ticket.tenant, trail: trail)
        guard let record, record.epoch == ticket.epoch, record.state.isEnded else {
            throw SagaLost(description: reason)
        }
        isTrailBehind.store(false, ordering: .releasing)
        return try SagaSituation(record, definition)
    }
}

/// Reads a saga's row behind all that was written before.
struct LookAtSaga: LaneCommand {
    let organization: Int64
    let saga: SagaID

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(SagaRecord.key(organization, saga))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<SagaRecord?> {
        .discard(work[SagaRecord.key(organization, saga)])
    }
}

extension LaneFailure {
    /// Whether the same may succeed a moment later: the database was away, or somebody else was faster.
    var mayPass: Bool {
        switch self {
        case .unavailable, .unknown, .conflict, .overloaded, .expired: true
        case .fenced: false
        }
    }
}
