import Determinism
import Testing

@testable import Sagas
@testable import Storage

/// What people read of a saga, and what may be decided about it.
@Suite("SagaReading and SagaDirective")
struct SagaReadingTests {
    private let now = Timestamp(microseconds: 9_000_000)
    private let later = Timestamp(microseconds: 19_000_000)

    /// A saga of a worker written by hand, after what `body` did to it, and its history.
    private func handwritten(
        step: String = "reserve", _ body: (inout SagaTransition) -> Void
    ) -> (SagaRecord, [SagaLogEntry]) {
        let id = SagaID(UUIDv7(time: now, slot: 1, random: 1))
        var saga = SagaTransition(
            SagaRecord(
                organization: 1, id: id, definition: "checkout", version: 1, subject: id.uuid, input: "{}",
                step: step, now: now, lease: .seconds(1)), at: now)
        body(&saga)
        return (saga.record, saga.log)
    }

    private func read(_ saga: (SagaRecord, [SagaLogEntry]), at moment: Timestamp? = nil) -> SagaReading {
        SagaReading(saga.0, saga.1, SagaRegistry([]), at: moment ?? later)
    }

    @Test func historyTellsTheStepsOfASagaWithoutProgress() {
        let saga = handwritten { saga in
            saga.note(.began, "reserve")
            saga.note(.completed, "reserve")
            saga.note(.intended, "charge", "key")
            saga.claim(by: SagaWorkerID(UUIDv7(high: 1, low: 1)), "taken over")
            saga.note(.unknown, "charge", "no answer")
            saga.park("charge", until: later, "no answer")
        }
        let reading = read(saga)
        #expect(reading.steps.map(\.name) == ["reserve", "charge"])
        #expect(reading.steps.map(\.status) == [.done, .intended])
        #expect(reading.steps.map(\.attempts) == [0, 1])
        #expect(reading.steps.map(\.nextTryAt) == [nil, later] && reading.nextTryAt == later)
        #expect(reading.steps[1].since == now && !reading.isBackward && reading.locks.isEmpty)
        #expect(SagaDirective.possible(for: saga.0, SagaRegistry([])) == [], "it goes on by itself")
    }

    @Test func whoIsAtWorkHasNoNextTry() {
        let saga = handwritten { $0.note(.began, "reserve") }
        #expect(read(saga, at: now).nextTryAt == nil)
        #expect(read(saga, at: later).nextTryAt == now, "its lease is over")
    }

    @Test func refusedStepThatWaitsIsPendingAndAnEndedOneIsVoid() {
        let queued = handwritten { saga in
            saga.note(.intended, "charge")
            saga.note(.failed, "charge", "the provider is down")
            saga.park("charge", until: later, "the provider is down")
        }
        #expect(read(queued).steps.map(\.status) == [.pending])
        let declined = handwritten { saga in
            saga.note(.completed, "reserve")
            saga.note(.intended, "charge")
            saga.note(.failed, "charge", "declined")
            saga.note(.compensated, "reserve")
            saga.undone("release", "declined")
        }
        let reading = read(declined)
        #expect(reading.steps.map(\.status) == [.undone, .void, .done])
        #expect(reading.isBackward && reading.nextTryAt == nil)
    }

    @Test func historyTellsInWhichDirectionASagaGotStuck() {
        func stuck(_ notes: [(SagaLogEntry.Kind, String)], at step: String) -> (SagaRecord, [SagaLogEntry]) {
            handwritten { saga in
                for (kind, step) in notes { saga.note(kind, step) }
                saga.giveUp(step, "no answer")
            }
        }
        let charging = stuck([(.completed, "reserve"), (.intended, "charge")], at: "charge")
        let canceled = stuck([(.intended, "charge"), (.claimed, "charge"), (.intended, "release")], at: "release")
        let expired = stuck([(.intended, "charge"), (.unknown, "release")], at: "release")
        let refund = stuck([(.began, "refund"), (.intended, "refund")], at: "refund")
        for (saga, isBackward) in [(charging, false), (canceled, true), (expired, false), (refund, false)] {
            #expect(SagaReading.isBackward(saga.0, saga.1) == isBackward, "\(saga.0.step)")
            #expect(SagaDirective.possible(for: saga.0, SagaRegistry([])) == [.retry(step: saga.0.step)])
        }
        // The beginning is not at hand any more: what is intended at the stuck step decides.
        #expect(SagaReading.isBackward(canceled.0, Array(canceled.1.suffix(2))))
    }

    private func resume(
        _ saga: SagaRecord, entries: Int64? = nil, isBackward: Bool = false
    ) -> (
        Verdict<DirectSaga.Outcome>, SagaRecord?, [SagaLogEntry]
    ) {
        let command = ResumeSaga(
            organization: 1, saga: saga.id, entries: entries ?? saga.entries, isBackward: isBackward, by: "olga",
            because: "they are back")
        var work = WorkingSet()
        let key = SagaRecord.key(1, saga.id)
        #expect(command.needs(work) == [.row(key)])
        work.absorb(.row(key), [RecordBox(saga)])
        let verdict = work.scoped { command.decide(&$0, at: later) }
        return (verdict, work[key], work.entries)
    }

    @Test func resumingMakesAStuckSagaDueInItsDirection() throws {
        let stuck = handwritten { saga in
            saga.park("charge", until: later, "no answer")
            saga.giveUp("charge", "no answer")
        }.0
        for isBackward in [false, true] {
            let (verdict, saga, log) = resume(stuck, isBackward: isBackward)
            guard case .commit(.accepted) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            let changed = try #require(saga)
            #expect(changed.state == (isBackward ? .compensating : .running))
            #expect(changed.dueAt == later && changed.leaseUntil == later && changed.attempts == 0)
            #expect(log.map(\.kind) == [.directed] && log.first?.detail == "retry by olga: they are back")
        }
    }

    @Test func resumingIsRefusedForASagaThatHasMovedOn() {
        let parked = handwritten { $0.park("charge", until: later, "no answer") }.0
        let stuck = handwritten { $0.giveUp("charge", "no answer") }.0
        for (saga, entries) in [(parked, parked.entries), (stuck, stuck.entries - 1)] {
            let (verdict, changed, log) = resume(saga, entries: entries)
            guard case .discard(.refused) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            #expect(changed == saga && log.isEmpty)
        }
    }

    @Test func progressNamesItsStepsAlsoWhereNoDefinitionHasThem() {
        let definition = Saga(Trip.self, "trip", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .pivot("pay", .local(.add(1, to: "paid"))).definition
        let worker = SagaWorkerID(UUIDv7(time: now, slot: 0, random: 2))
        var record = SagaRecord(
            organization: 1, id: SagaID(UUIDv7(time: now, slot: 1, random: 1)), outline: definition.outline,
            subject: UUIDv7(time: now, slot: 1, random: 3), deadline: nil, owner: worker, now: now)
        var machine = SagaProgressMachine(definition.outline, SagaProgress(definition.outline))
        #expect(machine.handle(.complete(0), at: now) == .store)
        #expect(machine.handle(.giveUp(1, isVoid: false), at: now) == .store)
        record.progress = machine.progress.stored(definition.outline)
        (record.state, record.owner) = (.stuck, nil)
        let known = SagaRegistry([AnySagaDefinition(definition)])
        for registry in [known, SagaRegistry([])] {
            let reading = SagaReading(record, [], registry, at: later)
            #expect(reading.steps.map(\.name) == ["seat", "pay"] && reading.steps.map(\.status) == [.done, .stuck])
        }
        #expect(
            SagaDirective.possible(for: record, known) == [
                .retry(step: "pay"), .skip(step: "pay"), .force(step: "pay"), .compensate(step: "pay"),
            ])
        #expect(SagaDirective.possible(for: record, SagaRegistry([])) == [])
        record.state = .succeeded
        #expect(SagaDirective.possible(for: record, known) == [])
    }
}
