import Determinism
import Storage
import Testing

@testable import Sagas

/// A worker's commits one by one, at moments that the test says: what is decided in them, and what is written.
@Suite("AdvanceSaga")
struct SagaAdvanceTests {
    private static func definition(
        deadline: Duration? = nil, undo: SagaAction<Trip> = .local(.careful(-1, to: "a"))
    ) -> SagaDefinition<Trip> {
        Saga(Trip.self, "trip", version: 1, deadline: deadline)
            .compensatable("a", .local(.careful(1, to: "a")), undo: undo)
            .effectless("check", .external { _, _ in .done(()) })
            .compensatable("b", .local(.careful(1, to: "b")), undo: .local(.careful(-1, to: "b")))
            .pivot("p", .external { _, _ in .done(()) }).definition
    }

    @Test func outcomeIntentAndLocalStepsRideTogether() throws {
        var bench = try SagaOperationsBench(Self.definition())
        #expect(try bench.commit(.look, at: bench.later(1)))
        #expect(bench.history == ["a completed", "check intended"])
        #expect(try bench.commit(.finished(1, .done { $0.done.append("checked") }), at: bench.later(2)))
        #expect(bench.history.suffix(3) == ["check completed", "b completed", "p intended"])
        #expect(try bench.commit(.finished(3, .done { _ in }), at: bench.later(3)))
        #expect(bench.record?.state == .succeeded && bench.record?.owner == nil)
        #expect(bench.record?.data?.contains(#"["+a","checked","+b"]"#) == true)
    }

    @Test func workerOfAnOlderEpochWritesNothing() throws {
        var bench = try SagaOperationsBench(Self.definition())
        #expect(try bench.commit(.look, at: bench.later(1)))
        var late = bench
        try bench.claim(at: bench.later(2))
        let claimed = bench.record
        // Its own view of the saga, over the rows as they are now.
        late.rows = bench.rows
        let step = AdvanceSaga(
            definition: bench.definition, terms: bench.terms, move: .finished(1, .done { _ in }), known: nil,
            busy: BusySteps(),
            chance: 0)
        let answer = late.rows.decided(
            SagaCommand(step, saga: bench.id, organization: 1, epoch: 1), at: bench.later(3))
        guard case .fenced? = answer?.outcome else {
            Issue.record("an overtaken worker wrote: \(String(describing: answer))")
            return
        }
        #expect(answer?.hasCommitted == false && late.record == claimed)
    }

    /// A cancel comes while the call is under way: its outcome still counts, and then it is undone.
    @Test func outcomeAfterACancelIsTakenBeforeTheUndo() throws {
        let definition = Saga(Trip.self, "trip", version: 1)
            .compensatable("pay", .external { _, _ in .done(()) }, undo: .external { _, _ in .done(()) })
            .pivot("p", .local(.careful(1, to: "p"))).definition
        var bench = try SagaOperationsBench(definition)
        #expect(try bench.commit(.look, at: bench.later(1)))
        let cancel = DirectSaga(
            .cancel, organization: 1, saga: bench.id, by: "owner", because: "no",
            registry: SagaRegistry([AnySagaDefinition(definition)]))
        #expect(bench.rows.run(cancel, at: bench.later(2)) == .accepted)
        #expect(try bench.commit(.finished(0, .done { $0.done.append("receipt 7") }), at: bench.later(3)))
        #expect(bench.history == ["pay intended", "pay directed", "pay completed", "pay intended"])
        #expect(bench.progress?.entries[0].status == .undoing && bench.progress?.entries[0].isCertain == true)
        #expect(bench.record?.data?.contains("receipt 7") == true, "the undo needs the receipt")
        #expect(try bench.commit(.finishedUndo(0, .done { _ in }), at: bench.later(4)))
        #expect(bench.record?.state == .compensated && bench.record?.reason == "owner: no")
    }

    @Test func unknownOutcomeIsTriedAgainUntilItsLimitAndThenUndone() throws {
        let policy = StepPolicy {
            ($0.attemptLimit, $0.backoff) = (3, SagaBackoff(first: .seconds(1), longest: .seconds(60), jitter: 0))
        }
        let definition = Saga(Trip.self, "trip", version: 1)
            .compensatable(
                "pay", .external { _, _ in .unknown("no answer") }, undo: .external { _, _ in .done(()) },
                policy: policy
            )
            .pivot("p", .local(.careful(1, to: "p"))).definition
        var bench = try SagaOperationsBench(definition)
        #expect(try bench.commit(.look, at: bench.later(0)))
        #expect(try bench.commit(.finished(0, .unknown("no answer")), at: bench.later(1)))
        #expect(bench.progress?.entries[0].notBefore == bench.later(2) && bench.progress?.entries[0].attempts == 1)
        #expect(bench.record?.owner != nil, "a short pause is the worker's to wait")
        #expect(try bench.commit(.finished(0, .unknown("no answer")), at: bench.later(2)))
        #expect(bench.progress?.entries[0].notBefore == bench.later(4))
        #expect(try bench.commit(.finished(0, .unknown("no answer")), at: bench.later(4)))
        #expect(bench.record?.state == .compensating && bench.progress?.entries[0].status == .undoing)
        #expect(bench.progress?.entries[0].isCertain == false)
        #expect(bench.record?.reason == "pay was given up: no answer")
    }

    @Test func longPausePutsTheSagaAside() throws {
        let policy = StepPolicy { $0.backoff = SagaBackoff(first: .seconds(30), longest: .seconds(60), jitter: 0) }
        let definition = Saga(Trip.self, "trip", version: 1, deadline: .seconds(20))
            .effectless("check", .external { _, _ in .notSent("down") }, policy: policy)
            .pivot("p", .local(.careful(1, to: "p"))).definition
        var bench = try SagaOperationsBench(definition)
        #expect(try bench.commit(.look, at: bench.later(0)))
        #expect(try bench.commit(.finished(0, .absent("down", wasSent: false)), at: bench.later(1)))
        #expect(bench.record?.state == .parked && bench.record?.owner == nil)
        #expect(bench.record?.dueAt == bench.later(20), "not past the saga's deadline")
        try bench.claim(at: bench.later(20))
        #expect(try bench.commit(.look, at: bench.later(20)))
        #expect(bench.record?.state == .compensated && bench.record?.reason == "its time was up")
    }

    @Test func deadlineIsNothingOnceThePivotMayBeDone() throws {
        var bench = try SagaOperationsBench(Self.definition(deadline: .seconds(10)))
        #expect(try bench.commit(.look, at: bench.later(1)))
        #expect(try bench.commit(.finished(1, .done { _ in }), at: bench.later(2)))
        #expect(bench.progress?.entries[3].status == .intended)
        #expect(try bench.commit(.finished(3, .unknown("no answer")), at: bench.later(11)))
        #expect(bench.progress?.isBackward == false && bench.record?.state == .running)
        #expect(try bench.commit(.finished(3, .done { _ in }), at: bench.later(12)))
        #expect(bench.record?.state == .succeeded)
    }

    @Test func refusedCompensationIsStuckWithItsReason() throws {
        let undo = SagaAction<Trip>.external { _, _ in .refused(code: "closed", reason: "the account is closed") }
        var bench = try SagaOperationsBench(Self.definition(undo: undo))
        #expect(try bench.commit(.look, at: bench.later(1)))
        #expect(try bench.commit(.finished(1, .refused("no: not today") { _ in }), at: bench.later(2)))
        #expect(bench.record?.state == .compensating && bench.record?.reason == "check: no: not today")
        #expect(
            try bench.commit(.finishedUndo(0, .refused("closed: the account is closed") { _ in }), at: bench.later(3)))
        #expect(bench.record?.state == .stuck && bench.record?.owner == nil)
        #expect(bench.record?.reason == "the compensation of “a” was given up")
        #expect(bench.rows.log.contains { $0.kind == .stuck && $0.detail == "closed: the account is closed" })
    }

    // MARK: semantic locks

    private static func locking(_ name: String, _ action: SagaAction<Trip>) -> SagaDefinition<Trip> {
        Saga(Trip.self, name, version: 1)
            .compensatable(
                "edit", action, undo: .local(.careful(-1, to: "edits")),
                policy: StepPolicy { $0.lockPatience = .seconds(100) }, locks: { _ in ["document"] }
            )
            .awaiting("saved", .signal("saved"))
            .pivot("publish", .local(.careful(1, to: "published"))).definition
    }

    @Test func lockIsTakenWithTheStepAndHandedOverAtTheEnd() throws {
        let definition = Self.locking("trip", .local(.careful(1, to: "edits")))
        var first = try SagaOperationsBench(definition, number: 1)
        #expect(try first.commit(.look, at: first.later(1)))
        let lock = SagaLockRecord.key(1, "document")
        #expect(first.rows[lock]?.holder == first.id && first.progress?.locks == ["document"])
        var second = try SagaOperationsBench(definition, number: 2, beside: first, at: first.later(2))
        #expect(try second.commit(.look, at: first.later(2)))
        #expect(second.rows[lock]?.waiting == [second.id])
        #expect(second.history == ["edit waiting"] && second.progress?.entries[0].status == .pending)
        let signal = first.signal("saved")
        first.rows = second.rows
        _ = first.rows.run(signal, at: first.later(3))
        try first.claim(at: first.later(3))
        #expect(try first.commit(.look, at: first.later(3)))
        #expect(try first.commit(.local(2), at: first.later(4)))
        #expect(first.record?.state == .succeeded && first.rows[lock]?.holder == second.id)
    }
}
