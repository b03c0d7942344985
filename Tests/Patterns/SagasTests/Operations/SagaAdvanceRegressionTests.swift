import Determinism
import Storage
import Testing

@testable import Sagas

/// Ways in which a saga's commit went wrong once.
@Suite("AdvanceSaga, where it went wrong once")
struct SagaAdvanceRegressionTests {
    private static func act(_ name: String) -> SagaAction<Trip> { .local(.careful(1, to: name)) }
    private static func undo(_ name: String) -> SagaAction<Trip> { .local(.careful(-1, to: name)) }

    /// A saga that is handed the lock while its pause is not over: the step is decided in the commit that notices it,
    /// and its rows must be there.
    @Test func stepIsDecidedOverItsRowsWhenItsLockCameBeforeItsPauseWasOver() throws {
        let definition = Saga(Trip.self, "trip", version: 1)
            .compensatable("edit", Self.act("edits"), undo: Self.undo("edits"), locks: { _ in ["document"] })
            .pivot("publish", Self.act("published")).definition
        var bench = try SagaOperationsBench(definition)
        let other = SagaID(UUIDv7(time: SagaOperationsBench.start, slot: 1, random: 77))
        let lock = SagaLockRecord(organization: 1, resource: "document", holder: other, since: bench.later(0))
        bench.rows.store(lock)
        bench.terms.patience = .zero
        (bench.terms.lockPause, bench.terms.longestLockPause) = (.seconds(20), .seconds(20))
        #expect(try bench.commit(.look, at: bench.later(1)))
        #expect(bench.record?.state == .parked && bench.record?.dueAt == bench.later(21))
        var handed = try #require(bench.rows[lock.key])
        #expect(handed.waiting == [bench.id])
        (handed.holder, handed.waiting) = (bench.id, [])
        bench.rows.store(handed)
        #expect(bench.rows.run(MakeSagaDue(organization: 1, saga: bench.id), at: bench.later(2)) == true)
        try bench.claim(at: bench.later(2))
        #expect(try bench.commit(.look, at: bench.later(2)))
        #expect(bench.progress?.entries[0].status == .done, "\(bench.record?.reason ?? "")")
    }

    /// The saga's time is up when a call comes back: what is undone in the same commit must have its rows.
    @Test func compensationIsDecidedOverItsRowsWhenTheTimeIsUp() throws {
        let definition = Saga(Trip.self, "trip", version: 1, deadline: .seconds(10))
            .compensatable("a", Self.act("a"), undo: Self.undo("a"))
            .effectless("check", .external { _, _ in .done(()) })
            .compensatable("b", Self.act("b"), undo: Self.undo("b"))
            .pivot("p", Self.act("p")).definition
        var bench = try SagaOperationsBench(definition)
        #expect(try bench.commit(.look, at: bench.later(1)))
        #expect(try bench.commit(.finished(1, .done { _ in }), at: bench.later(11)))
        #expect(bench.record?.state == .compensated, "\(bench.record?.state as Any) \(bench.history)")
        #expect(bench.record?.reason == "its time was up")
    }

    private static func kept(
        _ name: String, resuming: LocalStep<Trip>
    ) -> SagaAction<Trip> {
        .external(ExternalStep { _, _ in .done(()) }, postponing: .careful(-1, to: name), resuming: resuming)
    }

    /// A timer that another branch made longer kept its first end: the saga was due at once, again and again, until the
    /// second; and one that was made shorter was slept through.
    @Test(arguments: [Int64(100), 6]) func timerThatAnotherBranchChangesEndsAtItsNewTime(end: Int64) throws {
        let definition = Saga(Trip.self, "trip", version: 1)
            .parallel(
                SagaBranch().awaiting("rest", .timer { $0.budget > 0 ? .seconds($0.budget) : .seconds(10) }),
                SagaBranch().effectless("ask", .external { _, _ in .done(()) })
            )
            .pivot("p", Self.act("p")).definition
        var bench = try SagaOperationsBench(definition)
        try bench.commit(.look, at: bench.later(0))
        #expect(bench.progress?.entries[0].notBefore == bench.later(10))
        try bench.commit(.finished(1, .done { $0.budget = Int(end) }), at: bench.later(5))
        #expect(bench.progress?.entries[0].notBefore == bench.later(end))
        #expect(bench.history.count { $0 == "rest waiting" } == 1)
        try bench.claim(at: bench.later(end - 1))
        try bench.commit(.look, at: bench.later(end - 1))
        #expect(bench.record?.state.isEnded == false && bench.record?.dueAt == bench.later(end), "\(bench.history)")
        try bench.claim(at: bench.later(end))
        try bench.commit(.look, at: bench.later(end))
        #expect(bench.progress?.entries[0].status == .done, "\(bench.history)")
    }

    /// The answer of the commit was lost, and the worker made it again: what was kept for the step was given back
    /// twice.
    @Test func stepIsPutOffOnce() throws {
        let definition = Saga(Trip.self, "trip", version: 1)
            .pivot("pay", Self.kept("unit", resuming: .careful(1, to: "unit"))).definition
        var bench = try SagaOperationsBench(definition)
        try bench.commit(.look, at: bench.later(1))
        for second: Int64 in 2...3 {
            try bench.commit(
                .finished(0, .absent("down", wasSent: false, retryAfter: .seconds(60))), at: bench.later(second))
        }
        #expect(bench.rows[TallyRecord.key(1, "unit")]?.value == -1)
    }

    /// A branch turned the saga back, and the next one was still taken up again in the same commit.
    @Test func nothingIsTakenUpOnTheWayBack() throws {
        let no = LocalStep<Trip> { _, _, _ in .refused("no") }
        let definition = Saga(Trip.self, "trip", version: 1)
            .parallel(
                SagaBranch().compensatable("a", Self.kept("a", resuming: no), undo: Self.undo("x")),
                SagaBranch().compensatable(
                    "b", Self.kept("b", resuming: .careful(1, to: "b")), undo: Self.undo("y"))
            )
            .pivot("p", Self.act("p")).definition
        var bench = try SagaOperationsBench(definition)
        try bench.commit(.look, at: bench.later(1))
        for step in 0...1 {
            try bench.commit(.finished(step, .absent("down", wasSent: false)), at: bench.later(2))
        }
        bench.terms.patience = .zero
        try bench.commit(.look, at: bench.later(1_000))
        #expect(bench.rows[TallyRecord.key(1, "b")]?.value == -1)
        #expect(bench.history.count { $0 == "b intended" } == 1)
        #expect(bench.progress?.isBackward == true)
    }

    /// One branch rests, the other's last call comes back when the pause is over.
    @Test func restingBranchIsDecidedOverItsRowsWhenThePauseIsOver() throws {
        let definition = Saga(Trip.self, "trip", version: 1)
            .parallel(
                SagaBranch().compensatable("x", Self.act("x"), undo: Self.undo("x")),
                SagaBranch().effectless("y", .external { _, _ in .done(()) })
            )
            .pivot("p", Self.act("p")).definition
        var bench = try SagaOperationsBench(definition)
        #expect(try bench.commit(.look, at: bench.later(1)))
        let pause = bench.later(5)
        try bench.edit { $1.entries[0].notBefore = pause }
        #expect(try bench.commit(.finished(1, .done { _ in }), at: bench.later(6)))
        #expect([.pending, .done].contains(bench.progress?.entries[0].status))
        #expect(!bench.history.contains("x failed"))
    }

    /// A step that says "later" has not been waiting for its locks: its attempts count.
    @Test func stepWithLocksIsGivenUpLikeAnyOther() throws {
        let policy = StepPolicy {
            ($0.attemptLimit, $0.backoff) = (3, SagaBackoff(first: .seconds(1), longest: .seconds(60), jitter: 0))
        }
        let definition = Saga(Trip.self, "trip", version: 1)
            .compensatable(
                "edit", .local { _, _, _ in .later("not now") }, undo: Self.undo("edits"), policy: policy,
                locks: { _ in ["document"] }
            )
            .pivot("publish", Self.act("published")).definition
        var bench = try SagaOperationsBench(definition)
        bench.terms.patience = .seconds(600)
        var now = bench.later(1)
        var pauses: [Int64] = []
        for _ in 0..<10 where bench.record?.state == .running {
            #expect(try bench.commit(.local(0), at: now))
            guard let next = bench.progress?.entries[0].notBefore else { break }
            pauses.append((next.microseconds - now.microseconds) / 1_000_000)
            now = next
        }
        #expect(pauses == [1, 2], "the pauses grow, and the third attempt is the last")
        #expect(bench.record?.state == .compensated)
        #expect(bench.record?.reason == "edit was given up: not now")
    }

    /// Its pause went past the time that it had, and it was given up without the last try.
    @Test func pauseEndsWithTheStepsOwnTime() throws {
        let policy = StepPolicy {
            $0.deadline = .seconds(10)
            $0.backoff = SagaBackoff(first: .seconds(60), longest: .seconds(60), jitter: 0)
        }
        let definition = Saga(Trip.self, "trip", version: 1)
            .compensatable("pay", .external { _, _ in .done(()) }, undo: Self.undo("pay"), policy: policy)
            .pivot("p", Self.act("p")).definition
        var bench = try SagaOperationsBench(definition)
        try bench.commit(.look, at: bench.later(1))
        try bench.commit(.finished(0, .unknown("no answer")), at: bench.later(3))
        #expect(bench.progress?.entries[0].notBefore == bench.later(11))
    }

    /// Stuck for want of its lock, then tried again by an operator: the call still needs the lock.
    @Test func retriedStepIsNotCalledWithoutItsLock() throws {
        let definition = Saga(Trip.self, "trip", version: 1)
            .pivot("p", Self.act("p"))
            .retriable(
                "ship", .external { _, _ in .done(()) }, policy: StepPolicy { $0.lockPatience = .seconds(5) },
                locks: { _ in ["truck"] }
            ).definition
        var bench = try SagaOperationsBench(definition)
        let other = SagaID(UUIDv7(time: SagaOperationsBench.start, slot: 1, random: 77))
        let lock = SagaLockRecord(organization: 1, resource: "truck", holder: other, since: bench.later(0))
        bench.rows.store(lock)
        bench.terms.patience = .seconds(600)
        #expect(try bench.commit(.look, at: bench.later(1)))
        for second in 2..<9 where bench.record?.state == .running {
            #expect(try bench.commit(.look, at: bench.later(Int64(second) * 10)))
        }
        #expect(bench.record?.state == .stuck, "\(bench.history)")
        let retry = DirectSaga(
            .retry(step: "ship"), organization: 1, saga: bench.id, by: "olga", because: "again",
            registry: SagaRegistry([AnySagaDefinition(definition)]))
        #expect(bench.rows.run(retry, at: bench.later(200)) == .accepted)
        try bench.claim(at: bench.later(201))
        #expect(try bench.commit(.look, at: bench.later(201)))
        #expect(bench.rows[lock.key]?.holder == other)
        // The engine makes the call of whatever is ready, intended and does not rest.
        let entry = try #require(bench.progress?.entries[1])
        let isCalled = entry.status == .intended && entry.notBefore == nil
        #expect(!isCalled, "the call is made though \(other) holds the lock")
    }

    /// A call was sent and has no answer; later it is said to be unheard of. It may still be on its way, so that its
    /// compensation has to see to it.
    @Test func callThatIsUnheardOfIsUndoneWhenItIsGivenUp() throws {
        let policy = StepPolicy {
            ($0.attemptLimit, $0.backoff) = (2, SagaBackoff(first: .seconds(1), longest: .seconds(1), jitter: 0))
        }
        let definition = Saga(Trip.self, "trip", version: 1)
            .compensatable("pay", .external { _, _ in .done(()) }, undo: Self.undo("pay"), policy: policy)
            .pivot("p", Self.act("p")).definition
        var bench = try SagaOperationsBench(definition)
        #expect(try bench.commit(.look, at: bench.later(1)))
        for second in [2, 3] as [Int64] {
            #expect(try bench.commit(.finished(0, .absent("unheard of", wasSent: true)), at: bench.later(second)))
        }
        #expect(bench.progress?.entries[0].status == .undone && bench.record?.state == .compensated)
    }

    /// Its code has no decision for taking it up again: then none is needed.
    @Test func withdrawnStepIsTakenUpWithoutADecision() throws {
        let definition = Saga(Trip.self, "trip", version: 1)
            .compensatable("pay", .external { _, _ in .done(()) }, undo: Self.undo("pay"))
            .pivot("p", Self.act("p")).definition
        var bench = try SagaOperationsBench(definition)
        #expect(try bench.commit(.look, at: bench.later(1)))
        try bench.edit { $1.entries[0].isWithdrawn = true }
        #expect(try bench.commit(.look, at: bench.later(2)))
        #expect(bench.progress?.entries[0].isWithdrawn == false, "it is never called as long as it is withdrawn")
    }

    /// Its owner turns back a saga that has nothing to undo, but holds a lock.
    @Test func turningBackGivesLocksBack() async {
        await #expect(processExitsWith: .success) {
            let definition = Saga(Trip.self, "trip", version: 1)
                .effectless("edit", .local(.careful(1, to: "edits")), locks: { _ in ["document"] })
                .awaiting("saved", .signal("saved"))
                .pivot("publish", .local(.careful(1, to: "published"))).definition
            var bench = try SagaOperationsBench(definition)
            let now = bench.later(1)
            #expect(try bench.commit(.look, at: now))
            let record = try #require(bench.record)
            let claimant = SagaClaimant(
                definition: definition, tenant: Tenant(organization: 1, epoch: 1), worker: SagaOperationsBench.worker,
                terms: bench.terms)
            let key = SagaRecord.key(1, bench.id)
            struct Turn: LaneCommand {
                let claimant: SagaClaimant<Trip>
                let key: Key<SagaRecord>
                func needs(_ loaded: WorkingSet) -> [Need] { [.row(key)] }
                func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
                    guard let record = work[key] else { return .discard(false) }
                    let ticket = try? claimant.turnBack(record, because: "no", in: &work, at: now, seed: 1) { _ in }
                    return .commit(ticket != nil)
                }
            }
            #expect(record.state == .parked)
            _ = bench.rows.run(Turn(claimant: claimant, key: key), at: now + .seconds(1))
        }
    }

}
