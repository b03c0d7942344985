import Determinism
import Storage

/// A saga's row while a local step works on it: every change is checked by the state machine and leaves a log entry.
public struct SagaTransition: Sendable {
    /// The row as it will be stored.
    public var record: SagaRecord
    /// The moment of the step.
    public let now: Timestamp
    private(set) var log: [SagaLogEntry] = []
    private(set) var refusal: String?

    /// Works on `record` at moment `now`.
    public init(_ record: SagaRecord, at now: Timestamp) {
        (self.record, self.now) = (record, now)
        self.record.updatedAt = now
    }

    /// Adds a log entry about `step`, which becomes the saga's present step.
    public mutating func note(_ kind: SagaLogEntry.Kind, _ step: String, _ detail: String? = nil) {
        record.step = step
        record.entries += 1
        log.append(SagaLogEntry(record, step: step, kind, detail, at: now))
    }

    /// Feeds the state machine. An event that the state does not take makes the whole step end without effect.
    public mutating func handle(_ event: SagaStateMachine.Event) {
        var machine = SagaStateMachine(record.state)
        switch machine.handle(event) {
        case .store(let state): record.state = state
        case .ignore(let reason): refusal = refusal ?? reason
        }
    }

    /// Ends the saga: every effect stands.
    public mutating func succeed(_ step: String) {
        handle(.succeed)
        note(.ended, step, SagaStateMachine.State.succeeded.rawValue)
    }

    /// Ends the saga: no effect stands.
    public mutating func undone(_ step: String, _ reason: String) {
        handle(.undone)
        record.reason = reason
        note(.ended, step, SagaStateMachine.State.compensated.rawValue)
    }

    /// Leaves the saga for a later try.
    public mutating func park(_ step: String, until due: Timestamp, _ reason: String) {
        handle(.park)
        (record.dueAt, record.leaseUntil, record.owner) = (due, now, nil)
        explain(reason)
        record.attempts += 1
        note(.parked, step, reason)
    }

    /// Leaves the saga for an operator.
    public mutating func giveUp(_ step: String, _ reason: String) {
        handle(.giveUp)
        (record.leaseUntil, record.owner) = (now, nil)
        explain(reason)
        note(.stuck, step, reason)
    }

    /// Why the saga waits or is stuck; unless it is being undone: then the row goes on saying why, and the trouble on
    /// the way is in the history.
    private mutating func explain(_ reason: String) {
        if record.state != .compensating || record.reason == nil { record.reason = reason }
    }

    /// Takes the saga over: raises the epoch, so that whoever held it before changes nothing any more.
    public mutating func claim(by worker: SagaWorkerID, _ detail: String = "taken over to be finished") {
        record.epoch += 1
        (record.owner, record.leaseUntil) = (worker, now)
        note(.claimed, record.step, detail)
    }

    /// Puts row and log entries into the working set.
    public func store(in work: inout WorkingSet) {
        work.put(record)
        if let entries = SagaLogRecord(log) { work.append(entries) }
    }
}

/// A local step of a saga: a decision over the working set and the saga's row.
public protocol SagaStep: Sendable {
    /// What the worker is told.
    associatedtype Outcome: Sendable
    /// What to load; the saga's row is there already.
    func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need]
    /// Decides, and says through `saga` what became of it.
    func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<Outcome>
}

/// What a worker hears of its step.
public enum SagaStepOutcome<Outcome: Sendable>: Sendable {
    /// The step is durable.
    case done(Outcome)
    /// Nothing was written: somebody else holds the saga, or it has moved on.
    case fenced(String)
}

/// Runs a ``SagaStep`` as a lane command: loads the saga's row, checks the epoch, stores row and log with the effect.
/// Sagas never begin a transaction of their own.
public struct SagaCommand<Step: SagaStep>: LaneCommand {
    /// The saga's row.
    let row: Key<SagaRecord>
    let epoch: Int64
    let subject: [Need]
    let step: Step
    /// Whether the step may name more than the subject once the saga's row is loaded.
    public let mayNameMore: Bool

    /// The step of that saga, by a worker that claimed it at `epoch`.
    /// - Parameters:
    ///   - subject: rows that everybody locks before the saga's, such as the one that the saga is about: they are
    ///     loaded together with it, in the order of their ranks. A step that asked for them after the saga's row would
    ///     wait in a circle with a command of another server that came through them to the saga.
    ///   - mayNameMore: see ``Storage/LaneCommand/mayNameMore``.
    public init(
        _ step: Step, saga: SagaID, organization: Int64, epoch: Int64, subject: [Need] = [], mayNameMore: Bool = true
    ) {
        (self.step, row, self.epoch, self.subject) = (step, SagaRecord.key(organization, saga), epoch, subject)
        self.mayNameMore = mayNameMore
    }
    /// The saga's row and its subject, then what the step needs.
    public func needs(_ loaded: WorkingSet) -> [Need] {
        guard loaded.isLoaded(row) else { return subject + [.row(row)] }
        guard let record = loaded[row], refusal(record) == nil else { return [] }
        return step.needs(loaded, record)
    }
    /// Decides the step, unless somebody else holds the saga.
    public func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<SagaStepOutcome<Step.Outcome>> {
        guard let record = work[row] else {
            return .discard(.fenced("there is no such saga"))
        }
        if let refusal = refusal(record) { return .discard(.fenced(refusal)) }
        var transition = SagaTransition(record, at: now)
        switch step.decide(&work, &transition) {
        case .more(let needs): return .more(needs)
        case .discard(let outcome): return .discard(.done(outcome))
        case .commit(let outcome):
            if let refusal = transition.refusal { return .discard(.fenced(refusal)) }
            transition.store(in: &work)
            return .commit(.done(outcome))
        }
    }
    private func refusal(_ record: SagaRecord) -> String? {
        if record.epoch != epoch { return "the saga is held at epoch \(record.epoch), not \(epoch)" }
        if record.state.isEnded { return "the saga has ended: \(record.state.rawValue)" }
        return nil
    }
}

extension SagaTransition {
    /// Puts the row of a saga that has just begun, with its log entries, into the working set.
    public func insert(in work: inout WorkingSet) {
        work.insert(record)
        if let entries = SagaLogRecord(log) { work.append(entries) }
    }
}
