import Determinism
import Storage
import Testing

@testable import Sagas

/// Handing signals to sagas: every outcome, and what becomes of the rows.
@Suite("SignalSaga")
struct SignalSagaTests {
    private static let now = Timestamp(microseconds: 50_000_000)
    private static let id = SagaID(UUIDv7(time: Timestamp(microseconds: 1_000), slot: 1, random: 1))
    private static let worker = SagaWorkerID(UUIDv7(time: Timestamp(microseconds: 1_000), slot: 1, random: 2))
    private static let key = SagaSignalRecord.key(1, id, "go")

    private func rows(
        _ state: SagaStateMachine.State = .parked, owner: SagaWorkerID? = nil, due: Duration = .seconds(60)
    ) -> Rows {
        var rows = Rows()
        var record = SagaRecord(
            organization: 1, id: Self.id, outline: Self.waiting.outline, subject: Self.id.uuid, deadline: nil,
            owner: Self.worker, now: Timestamp(microseconds: 1_000))
        (record.state, record.owner, record.dueAt) = (state, owner, Self.now + due)
        rows.store(record)
        return rows
    }
    private func signal(_ token: String, _ payload: String = "") -> SignalSaga {
        SignalSaga(
            organization: 1, saga: Self.id, name: "go", token: token, payload: payload, registry: Self.registry)
    }
    private func record(_ rows: Rows) -> SagaRecord? { rows[SagaRecord.key(1, Self.id)] }

    @Test func savedForASagaThatWaits() throws {
        var rows = rows()
        let before = try #require(record(rows))
        #expect(rows.run(signal("1", "anna"), at: Self.now) == .accepted(wakes: true))
        let kept = try #require(rows[Self.key])
        #expect(kept.token == "1" && kept.payload == "anna" && kept.at == Self.now && !kept.isTaken)
        let after = try #require(record(rows))
        #expect(after.dueAt == Self.now, "it is due at once")
        #expect(after.state == .parked && after.epoch == before.epoch && after.entries == before.entries)
    }

    @Test func oneThatIsAtWorkIsNotWoken() {
        var rows = rows(.running, owner: Self.worker)
        let before = record(rows)
        #expect(rows.run(signal("1"), at: Self.now) == .accepted(wakes: false))
        #expect(record(rows) == before && rows[Self.key] != nil)
    }

    @Test func oneThatIsDueIsNotWoken() {
        var rows = rows(due: .zero)
        let before = record(rows)
        #expect(rows.run(signal("1"), at: Self.now) == .accepted(wakes: false))
        #expect(record(rows) == before)
    }

    @Test func sameTokenIsTheSameSignal() {
        var rows = rows()
        _ = rows.run(signal("1", "first"), at: Self.now)
        let again = rows.decided(signal("1", "second"), at: Self.now + .seconds(1))
        #expect(again?.outcome == .repeated && again?.hasCommitted == false)
        #expect(rows[Self.key]?.payload == "first")
    }

    @Test func anotherWaitsUntilTheFirstIsTaken() throws {
        var rows = rows()
        _ = rows.run(signal("1", "first"), at: Self.now)
        let busy = rows.decided(signal("2", "second"), at: Self.now)
        #expect(busy?.outcome == .busy && busy?.hasCommitted == false)
        var taken = try #require(rows[Self.key])
        taken.isTaken = true
        rows.store(taken)
        #expect(rows.run(signal("1"), at: Self.now) == .repeated, "one that was taken is known still")
        #expect(rows.run(signal("2", "second"), at: Self.now) == .accepted(wakes: false))
        #expect(rows[Self.key]?.payload == "second" && rows[Self.key]?.isTaken == false)
    }

    @Test(arguments: [SagaStateMachine.State.succeeded, .compensated])
    func endedSagaTakesNone(state: SagaStateMachine.State) throws {
        var rows = rows(state)
        let outcome = rows.decided(signal("1"), at: Self.now)
        #expect(outcome?.outcome == .ended && outcome?.hasCommitted == false && rows[Self.key] == nil)
        // One that it never took is not kept for another either.
        rows.store(
            SagaSignalRecord(organization: 1, saga: Self.id, name: "go", token: "1", payload: "", at: Self.now))
        #expect(rows.run(signal("2"), at: Self.now) == .ended)
        #expect(rows.run(signal("1"), at: Self.now) == .repeated)
    }

    @Test func stuckSagaKeepsItForLater() {
        var rows = rows(.stuck)
        guard case .accepted? = rows.run(signal("1"), at: Self.now) else {
            Issue.record("a stuck saga may be taken up again, and then wants its signal")
            return
        }
        #expect(record(rows)?.state == .stuck)
    }

    @Test func unknownSagaIsSaidToBeUnknown() {
        var rows = Rows()
        let outcome = rows.decided(signal("1"), at: Self.now)
        #expect(outcome?.outcome == .unknown && outcome?.hasCommitted == false)
    }

    @Test func namesAreSignalsOfTheirOwn() {
        var rows = rows()
        _ = rows.run(signal("1"), at: Self.now)
        let other = SignalSaga(
            organization: 1, saga: Self.id, name: "stop", token: "1", payload: "", registry: Self.registry)
        #expect(rows.run(other, at: Self.now) == .accepted(wakes: false))
        let elsewhere = SignalSaga(
            organization: 2, saga: Self.id, name: "go", token: "1", payload: "", registry: Self.registry)
        #expect(rows.run(elsewhere, at: Self.now) == .unknown, "another organization does not see the saga")
    }

    /// What no step waits for would never be taken.
    @Test func nameThatNothingWaitsForIsSaidToBeUnexpected() {
        for (name, registry) in [("no-such-name", Self.registry), ("go", SagaRegistry([]))] {
            var rows = rows()
            let before = record(rows)
            let signal = SignalSaga(
                organization: 1, saga: Self.id, name: name, token: "1", payload: "", registry: registry)
            let answer = rows.decided(signal, at: Self.now)
            #expect(answer?.outcome == .unexpected && answer?.hasCommitted == false)
            #expect(record(rows) == before && rows[SagaSignalRecord.key(1, Self.id, name)] == nil)
        }
    }

    @Test(arguments: [false, true]) func rowIsReadAsItWasWritten(isTaken: Bool) throws {
        var row = SagaSignalRecord(
            organization: 7, saga: Self.id, name: "é", token: "t \"1\"", payload: "{\"a\":1}", at: Self.now)
        row.isTaken = isTaken
        #expect(try Columns.roundTrip(row) == row)
    }

    // MARK: a step that waits for it

    private static let waiting = Saga(Trip.self, "trip", version: 1)
        .awaiting("go", .signal("go", within: .seconds(30)) { $1.done.append("said \($0)") })
        .pivot("end", .local(.careful(1, to: "end")))
        .awaiting("stopped", .signal("stop")).definition
    private static let registry = SagaRegistry([AnySagaDefinition(waiting)])

    @Test func signalThatCameFirstIsTakenWithoutAWait() throws {
        var bench = try SagaOperationsBench(Self.waiting)
        let signal = bench.signal("go", "yes")
        #expect(bench.rows.run(signal, at: bench.later(1)) == .accepted(wakes: false))
        #expect(try bench.commit(.look, at: bench.later(2)))
        #expect(bench.progress?.entries[0].status == .done)
        #expect(bench.rows[SagaSignalRecord.key(1, bench.id, "go")]?.isTaken == true)
        #expect(bench.record?.data?.contains("said yes") == true)
    }

    @Test func waitPutsTheSagaAsideUntilItsTimeIsUp() throws {
        var bench = try SagaOperationsBench(Self.waiting)
        #expect(try bench.commit(.look, at: bench.later(1)))
        #expect(bench.record?.state == .parked && bench.record?.owner == nil)
        #expect(bench.record?.dueAt == bench.later(31))
        let signal = bench.signal("go", "yes")
        #expect(bench.rows.run(signal, at: bench.later(2)) == .accepted(wakes: true))
        try bench.claim(at: bench.later(3))
        #expect(try bench.commit(.look, at: bench.later(3)))
        #expect(bench.progress?.entries[0].status == .done && bench.record?.owner != nil)
    }

    @Test func waitThatIsOverRefusesTheStep() throws {
        var bench = try SagaOperationsBench(Self.waiting)
        #expect(try bench.commit(.look, at: bench.later(1)))
        try bench.claim(at: bench.later(31))
        #expect(try bench.commit(.look, at: bench.later(31)))
        #expect(bench.record?.state == .compensated)
        #expect(bench.record?.reason == "go: the signal did not come in time")
    }

    @Test func signalOfTheLastMomentCounts() throws {
        var bench = try SagaOperationsBench(Self.waiting)
        #expect(try bench.commit(.look, at: bench.later(1)))
        let signal = bench.signal("go", "late")
        #expect(bench.rows.run(signal, at: bench.later(31)) == .accepted(wakes: false))
        try bench.claim(at: bench.later(32))
        #expect(try bench.commit(.look, at: bench.later(32)))
        #expect(bench.progress?.entries[0].status == .done, "it was durable before anybody found the time to be up")
    }
}
