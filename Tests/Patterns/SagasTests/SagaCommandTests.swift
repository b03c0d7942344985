import Determinism
import Testing

@testable import Sagas
@testable import Storage

/// Local steps: fenced by the epoch, checked by the state machine, stored with their log.
@Suite("SagaTransition and SagaCommand")
struct SagaCommandTests {
    private let id = SagaID(UUIDv7(time: Timestamp(microseconds: 1_000), slot: 1, random: 1))
    private let now = Timestamp(microseconds: 9_000_000)

    private func record(_ state: SagaStateMachine.State = .running, epoch: Int64 = 1) -> SagaRecord {
        var record = SagaRecord(
            organization: 1, id: id, definition: "checkout", version: 1, subject: id.uuid, input: "{}", step: "charge",
            now: Timestamp(microseconds: 1_000), lease: .seconds(30))
        (record.state, record.epoch) = (state, epoch)
        return record
    }

    /// A step made of a closure.
    private struct Step: SagaStep {
        var needed: [Need] = []
        let body: @Sendable (inout WorkingSet, inout SagaTransition) -> Verdict<String>
        func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need] { needed }
        func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<String> { body(&work, &saga) }
    }

    private enum Result: Equatable {
        case committed(String), fenced(String), refused(String), more
    }

    /// Decides the step over a stored saga; what the batch would write is left in `work`.
    private func run(_ step: Step, on stored: SagaRecord?, epoch: Int64 = 1) -> (Result, WorkingSet) {
        let command = SagaCommand(step, saga: id, organization: 1, epoch: epoch)
        var work = WorkingSet()
        let key = SagaRecord.key(1, id)
        #expect(command.needs(work) == [.row(key)])
        work.absorb(.row(key), stored.map { [RecordBox($0)] } ?? [])
        let verdict = work.scoped { command.decide(&$0, at: now) }
        switch verdict {
        case .commit(.done(let text)): return (.committed(text), work)
        case .discard(.done(let text)): return (.refused(text), work)
        case .discard(.fenced(let reason)): return (.fenced(reason), work)
        case .commit(.fenced): return (.fenced("but committed"), work)
        case .more: return (.more, work)
        }
    }

    @Test func stepIsStoredWithItsLog() throws {
        let step = Step { _, saga in
            saga.note(.completed, "charge", "receipt")
            saga.succeed("confirm")
            return .commit("fine")
        }
        let (result, work) = run(step, on: record())
        #expect(result == .committed("fine"))
        let stored = try #require(work[SagaRecord.key(1, id)])
        #expect(stored.state == .succeeded && stored.step == "confirm" && stored.entries == 2)
        #expect(stored.updatedAt == now && stored.epoch == 1)
        #expect(work.changes.count == 1)
        let log = work.entries
        #expect(log.map(\.kind) == [.completed, .ended] && log.map(\.entry) == [1, 2])
        #expect(log.map(\.step) == ["charge", "confirm"] && log.map(\.detail) == ["receipt", "succeeded"])
        #expect(log.allSatisfy { $0.saga == id && $0.epoch == 1 && $0.at == now && $0.attempt == 0 })
    }

    @Test(arguments: [0, 1, 3, 99] as [Int64])
    func workerWithAnotherEpochChangesNothing(epoch: Int64) {
        let step = Step(needed: [.row(FenceRecord.key(5))]) { _, saga in
            saga.succeed("confirm")
            return .commit("never")
        }
        let stored = record(epoch: 2)
        let (result, work) = run(step, on: stored, epoch: epoch)
        #expect(result == .fenced("the saga is held at epoch 2, not \(epoch)"))
        #expect(work.changes.isEmpty && work.appended.isEmpty)
        #expect(
            SagaCommand(step, saga: id, organization: 1, epoch: epoch).needs(work) == [.row(SagaRecord.key(1, id))]
                || SagaCommand(step, saga: id, organization: 1, epoch: epoch).needs(work).isEmpty)
    }

    @Test(arguments: [SagaStateMachine.State.succeeded, .compensated])
    func endedSagaTakesNoStep(state: SagaStateMachine.State) {
        let step = Step { _, saga in
            saga.note(.failed, "late")
            return .commit("never")
        }
        let (result, work) = run(step, on: record(state))
        #expect(result == .fenced("the saga has ended: \(state.rawValue)"))
        #expect(work.changes.isEmpty && work.appended.isEmpty)
    }

    @Test func missingSagaTakesNoStep() {
        let (result, work) = run(Step { _, _ in .commit("never") }, on: nil)
        #expect(result == .fenced("there is no such saga"))
        #expect(work.changes.isEmpty)
    }

    /// A parked saga cannot succeed: the step's own effect must not be stored either.
    @Test func refusedTransitionWritesNothing() {
        let step = Step { work, saga in
            work.insert(FenceRecord(organization: 77, epoch: 1, state: .active))
            saga.note(.completed, "charge")
            saga.succeed("confirm")
            saga.park("later", until: saga.now, "and more")
            return .commit("never")
        }
        let (result, work) = run(step, on: record(.parked))
        #expect(result == .fenced("a saga that is parked does not take “succeed”"))
        #expect(work.changes.isEmpty && work.appended.isEmpty)
        #expect(work[SagaRecord.key(1, id)] == record(.parked))
    }

    @Test func refusalAndMoreWriteNothing() {
        let refusal = Step { _, saga in
            saga.note(.failed, "charge")
            return .discard("no")
        }
        let (result, work) = run(refusal, on: record())
        #expect(result == .refused("no"))
        #expect(work.changes.isEmpty && work.appended.isEmpty)
        #expect(run(Step { _, _ in .more([]) }, on: record()).0 == .more)
    }

    @Test func stepsNeedsComeAfterTheSagasRow() {
        let step = Step(needed: [.row(FenceRecord.key(5))]) { _, _ in .commit("") }
        var work = WorkingSet()
        work.absorb(.row(SagaRecord.key(1, id)), [RecordBox(record())])
        #expect(SagaCommand(step, saga: id, organization: 1, epoch: 1).needs(work) == [.row(FenceRecord.key(5))])
        #expect(SagaCommand(step, saga: id, organization: 1, epoch: 2).needs(work) == [])
    }

    @Test func parkingEndsTheLeaseAndCountsTheAttempt() {
        var transition = SagaTransition(record(), at: now)
        transition.park("charge", until: now + .seconds(5), "the provider is away")
        #expect(transition.record.state == .parked && transition.record.attempts == 1)
        #expect(transition.record.dueAt == now + .seconds(5) && transition.record.leaseUntil == now)
        #expect(transition.record.reason == "the provider is away" && transition.log.map(\.kind) == [.parked])
        #expect(transition.refusal == nil)
    }

    @Test func claimingRaisesTheEpoch() {
        var transition = SagaTransition(record(.parked, epoch: 6), at: now)
        transition.handle(.resume)
        let worker = SagaWorkerID(UUIDv7(high: 1, low: 1))
        transition.claim(by: worker, "taken over")
        #expect(transition.record.state == .running && transition.record.epoch == 7)
        #expect(transition.record.owner == worker && transition.record.leaseUntil == now)
        #expect(transition.log.map(\.epoch) == [7] && transition.log.map(\.kind) == [.claimed])
    }

    @Test func undoingAndGivingUpSayWhy() {
        var undone = SagaTransition(record(.compensating), at: now)
        undone.undone("release", "declined")
        #expect(undone.record.state == .compensated && undone.record.reason == "declined")
        #expect(undone.log.map(\.detail) == ["compensated"])
        var stuck = SagaTransition(record(), at: now)
        stuck.giveUp("charge", "too often")
        #expect(stuck.record.state == .stuck && stuck.record.reason == "too often" && stuck.record.leaseUntil == now)
        #expect(stuck.log.map(\.kind) == [.stuck])
    }

    @Test func firstRefusalIsTheOneThatIsTold() {
        var transition = SagaTransition(record(.stuck), at: now)
        transition.handle(.park)
        transition.handle(.giveUp)
        #expect(transition.refusal == "a saga that is stuck does not take “park”")
        #expect(transition.record.state == .stuck)
    }
}
