import Determinism
import DeterminismTestKit
import Storage
import Synchronization
import Testing

/// Faults come at the commits that they were asked for, and callers hear exactly what is true.
@Suite("FaultyLaneEngine", .timeLimit(.minutes(1)))
struct FaultyLaneEngineTests {
    private let time = ManualTime()

    private func withLane<Value>(
        _ engine: any LaneEngine, _ body: (WriteLane) async throws -> Value
    ) async throws -> Value {
        let lane = WriteLane(engine: engine, time: time)
        async let running: Void = lane.run()
        defer { lane.stop() }
        let value = try await body(lane)
        lane.stop()
        await running
        return value
    }

    private func memory(_ accounts: [Account]) async throws -> MemoryLaneEngine {
        let engine = MemoryLaneEngine(time: time)
        try await engine.change { tables in for account in accounts { try tables.put(account) } }
        return engine
    }

    /// Moves one unit, once for each number however often it is asked to.
    private struct Move: LaneCommand {
        let number: Int64
        var isDone: Key<Booking> { Booking(number, 0).key }
        func needs(_ loaded: WorkingSet) -> [Need] {
            [.row(isDone), .row(Account.key("from")), .row(Account.key("to"))]
        }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
            guard work[isDone] == nil else { return .discard(true) }
            guard var from = work[Account.key("from")], var to = work[Account.key("to")], from.balance > 0 else {
                return .discard(false)
            }
            (from.balance, to.balance) = (from.balance - 1, to.balance + 1)
            work.put(from)
            work.put(to)
            work.put(Booking(number, 1))
            return .commit(true)
        }
    }

    /// Makes three moves, each until its outcome is known.
    private func moves(_ lane: WriteLane, _ failures: Notes<LaneFailure>) async {
        for number in 1...3 as ClosedRange<Int64> {
            while true {
                do throws(LaneFailure) {
                    let moved = try await lane.submit(
                        Move(number: number), tenant: nil, deadline: time.instant() + .seconds(60))
                    #expect(moved)
                    break
                } catch { failures.note(error) }
            }
        }
    }

    /// What a test of a crash at every write does: one run to count the commits, one for each commit and fault.
    @Test func everyCommitFailsInTurn() async throws {
        let faults: [(CommitFault, LaneFailure)] = [
            (.failure(), .unavailable("the database is unavailable: the commit was made to fail")),
            (.failure(.unknown("never arrived")), .unknown("never arrived")),
            (.lostAnswer, .unknown("the answer of the commit was lost")),
        ]
        let count = try await run { _ in nil }.commits
        #expect(count == 3)
        for (fault, failure) in faults {
            for failing in 1...count {
                let (commits, failures) = try await run { $0 == failing ? fault : nil }
                #expect(failures == [failure], "commit \(failing)")
                if case .lostAnswer = fault {
                    #expect(commits == count, "what was asked for again had happened")
                } else {
                    #expect(commits == count + 1)
                }
            }
        }
    }

    private func run(
        _ faults: @escaping @Sendable (Int) -> CommitFault?
    ) async throws -> (commits: Int, failures: [LaneFailure]) {
        let store = try await memory([Account("from", 3), Account("to", 0)])
        let engine = FaultyLaneEngine(store, faults: faults)
        let failures = Notes<LaneFailure>()
        try await withLane(engine) { await moves($0, failures) }
        let tables = store.tables
        #expect(try tables.record(Account.key("from"))?.balance == 0)
        #expect(try tables.record(Account.key("to"))?.balance == 3)
        #expect(try tables.records(of: Booking.self).map(\.number) == [1, 2, 3])
        return (engine.commitCount, failures.all)
    }

    /// A conflict that the batch suffers is tried command by command, and each of them is a commit of its own.
    @Test func commandsThatAreTriedAloneCountAgain() async throws {
        let store = try await memory([Account("a", 1), Account("b", 1)])
        let engine = FaultyLaneEngine(store) { [1, 3].contains($0) ? .failure(.conflict("made up")) : nil }
        let lane = WriteLane(engine: engine, time: time)
        let answers = Notes<(name: String, result: Result<Deposit.Outcome, LaneFailure>)>()
        await withDiscardingTaskGroup { group in
            for name in ["a", "b"] {
                let before = lane.waitingCount
                group.addTask { answers.note((name, await deposit(name, lane))) }
                await eventually("\(name) waits") { lane.waitingCount == before + 1 }
            }
            group.addTask { await lane.run() }
            await eventually("both are answered") { answers.all.count == 2 }
            lane.stop()
        }
        let results = Dictionary(answers.all.map { ($0.name, $0.result) }, uniquingKeysWith: { $1 })
        #expect(results == ["a": .success(.balance(6)), "b": .failure(.conflict("made up"))])
        #expect(engine.commitCount == 3)
        #expect(try store.records(of: Account.self).map(\.balance) == [6, 1])
    }

    private func deposit(
        _ name: String, _ lane: WriteLane, within limit: Duration = .seconds(60)
    ) async -> Result<Deposit.Outcome, LaneFailure> {
        do throws(LaneFailure) {
            return .success(
                try await lane.submit(
                    Deposit(name: name, amount: 5), tenant: nil, deadline: time.instant() + limit))
        } catch { return .failure(error) }
    }

    /// A server that stood still for too long before its commit has written nothing, and says so.
    @Test func pausedCommandExpires() async throws {
        let store = try await memory([Account("a", 1)])
        let paused = Notes<@Sendable () -> Void>()
        let engine = FaultyLaneEngine(store) { $0 == 1 ? .pause(.before) { paused.note($0) } : nil }
        try await withLane(engine) { lane in
            async let answer = deposit("a", lane, within: .seconds(1))
            await eventually("it stands still") { paused.all.count == 1 }
            time.advance(by: .seconds(2))
            for goOn in paused.all { goOn() }
            #expect(await answer == .failure(.expired))
            #expect(await deposit("a", lane) == .success(.balance(6)))
        }
        #expect(engine.commitCount == 2)
    }
}
