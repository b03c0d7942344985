import Determinism
import Storage

/// A saga as its row says: where it stands and what it knows.
struct SagaSituation<State: SagaState>: Sendable {
    var record: SagaRecord
    var machine: SagaProgressMachine
    var state: State
    /// Sagas that got a semantic lock in the commit that led here.
    var woken: [SagaID] = []
    /// Steps whose intent was made durable in that commit, for the first time or again, and of which no call has ever
    /// been sent.
    var uncalled: Set<Int> = []
    /// Steps that were let go of and taken up again in that commit.
    var resumed: Set<Int> = []

    init(record: SagaRecord, machine: SagaProgressMachine, state: State) {
        (self.record, self.machine, self.state) = (record, machine, state)
    }

    /// Reads the row.
    /// - Parameter known: what the worker knows already; used where the row has not changed since.
    init(
        _ record: SagaRecord, _ definition: SagaDefinition<State>, known: SagaSituation? = nil
    ) throws(StorageError) {
        if let known, record.progress != nil, known.record.progress == record.progress,
            known.record.data == record.data
        {
            self.init(record: record, machine: known.machine, state: known.state)
            return
        }
        let isAdopted = record.outline == nil && definition.adoption != nil
        guard record.definition == definition.name, isAdopted || record.outline == definition.outline.fingerprint
        else {
            throw .corrupt(
                "saga \(record.id) began as “\(record.definition)” version \(record.definitionVersion), which does not "
                    + "fit “\(definition.name)” version \(definition.version)")
        }
        if isAdopted, record.progress == nil {
            try self.init(adopting: record, definition)
            return
        }
        guard let progress = record.progress, let data = record.data else {
            throw .corrupt("saga \(record.id) has no progress or no state")
        }
        let state: State
        do { state = try State(stored: data) } catch {
            throw .corrupt("the state of saga \(record.id) cannot be read: \(error)")
        }
        let machine = SagaProgressMachine(
            definition.outline, try SagaProgress(stored: progress, definition.outline))
        self.init(record: record, machine: machine, state: state)
    }

    private init(adopting record: SagaRecord, _ definition: SagaDefinition<State>) throws(StorageError) {
        guard let adoption = definition.adoption?(record) else {
            throw .corrupt("saga \(record.id) is not one that “\(definition.name)” can take over")
        }
        var machine = SagaProgressMachine(definition.outline, SagaProgress(definition.outline))
        func position(_ step: String) throws(StorageError) -> Int {
            guard let position = definition.outline.position(of: step) else {
                throw .corrupt("the saga “\(definition.name)” has no step “\(step)”")
            }
            return position
        }
        for step in adoption.done { _ = machine.handle(.complete(try position(step)), at: record.updatedAt) }
        if let step = adoption.intended {
            let step = try position(step)
            _ = machine.handle(.intend(step), at: record.updatedAt)
            // Whether the last attempt had an effect is for the step's own code to find out.
            if definition.resuming(step) != nil {
                _ = machine.handle(
                    .postpone(step, until: record.updatedAt, .withdrawal(wasSent: true)), at: record.updatedAt)
            }
        }
        if record.state == .compensating { _ = machine.handle(.turnBack, at: record.updatedAt) }
        self.init(record: record, machine: machine, state: adoption.state)
    }

    /// What the step's code may know.
    func context(
        _ step: Int, isCompensation: Bool? = nil, because trouble: String? = nil, at now: Timestamp, seed: UInt64 = 0
    ) -> StepContext {
        let (entry, isBackward) = (machine.progress.entries[step], machine.progress.isBackward)
        let isCertain =
            switch entry.status {
            case .undoing: entry.isCertain
            case .intended: !isBackward
            case .pending, .done, .void, .skipped, .undone, .stuck: true
            }
        let stuck = zip(machine.outline.steps, machine.progress.entries).compactMap { step, entry in
            entry.status == .stuck ? step.name : nil
        }
        return StepContext(
            record, step: machine.outline.steps[step].name, isCompensation: isCompensation ?? isBackward,
            isCertain: isCertain, attempt: entry.attempts + 1, stuck: stuck, trouble: trouble, now: now, seed: seed)
    }
}

extension SagaDefinition {
    /// What is decided when the step is taken up again after it was let go of.
    func resuming(_ step: Int) -> (any LocalAction<State>)? {
        guard case .action(let action) = bodies[step].forward else { return nil }
        return action.resuming
    }
}
