import Determinism
import DeterminismTestKit
import Storage
import Testing

/// The engine in memory, beyond what every engine does (`LaneEngineConformance`).
@Suite("MemoryLaneEngine", .timeLimit(.minutes(1)))
struct MemoryLaneEngineTests {
    private let time = ManualTime(start: Timestamp(microseconds: 77))

    private func submit<C: LaneCommand>(_ command: C, _ lane: WriteLane) async throws(LaneFailure) -> C.Outcome {
        try await lane.submit(command, tenant: nil, deadline: Instant(nanoseconds: 0) + .seconds(60))
    }

    private func withLane(_ engine: any LaneEngine, _ body: (WriteLane) async throws -> Void) async throws {
        let lane = WriteLane(engine: engine, time: time)
        async let running: Void = lane.run()
        defer { lane.stop() }
        try await body(lane)
        lane.stop()
        await running
    }

    private func names(_ selection: Selection<Account>) -> ClosureCommand<[String]> {
        ClosureCommand(asked: { _ in [.rows(selection)] }) { work, _ in .discard(work[selection].map(\.name)) }
    }

    @Test func selectionsAreAnsweredInSwift() async throws {
        var configuration = MemoryLaneConfiguration()
        let all = Selection<Account>("TRUE", [])
        func rich(_ balance: Int64, _ limit: Int64) -> Selection<Account> {
            Selection("balance >= $1 ORDER BY balance LIMIT $2", [.integer(balance), .integer(limit)])
        }
        configuration.selections = [
            MemorySelection(all) { _, _ in true },
            MemorySelection(rich(0, 0)) { _, _ in false },  // the later one counts
            MemorySelection(rich(0, 0)) { account, parameters in
                account.balance >= (try SQLRow(parameters).integer(0))
            } arrange: { found, parameters in
                found.sorted { $0.balance < $1.balance }.prefix(Int(try SQLRow(parameters).integer(1))).map { $0 }
            },
        ]
        let engine = MemoryLaneEngine(time: time, configuration: configuration)
        let names = "abcdefghijklmnop".map(String.init)
        try await engine.change { tables in
            for (index, name) in names.enumerated() { try tables.put(Account(name, Int64(20 - index))) }
        }
        try await withLane(engine) { lane in
            let found = [
                try await submit(self.names(all), lane), try await submit(self.names(rich(18, 9)), lane),
                try await submit(self.names(rich(18, 2)), lane), try await submit(self.names(rich(21, 2)), lane),
            ]
            #expect(found == [names, ["c", "b", "a"], ["c", "b"], []], "by their keys, unless arranged otherwise")
        }
    }

    /// Nobody else is harmed by one that the engine does not know.
    @Test func unknownSelectionSaysWhatIsMissing() async throws {
        let engine = MemoryLaneEngine(time: time)
        let unknown = names(Selection("balance > $1", [0]))
        let turn = ClosureCommand<Int> { work, _ in
            work.append(Booking(1, 1))
            return .commit(1)
        }
        let failures = Notes<LaneFailure>()
        let lane = WriteLane(engine: engine, time: time)
        await withDiscardingTaskGroup { group in
            group.addTask {
                do throws(LaneFailure) { _ = try await submit(unknown, lane) } catch { failures.note(error) }
            }
            group.addTask {
                do throws(LaneFailure) { _ = try await submit(turn, lane) } catch { failures.note(error) }
            }
            await eventually("both wait") { lane.waitingCount == 2 }
            group.addTask { await lane.run() }
            await eventually("both are answered") { failures.all.count == 1 && engine.tables.rowCount == 1 }
            lane.stop()
        }
        guard case .unavailable(let reason)? = failures.all.first else {
            Issue.record("\(failures.all)")
            return
        }
        #expect(reason.contains("“balance > $1” is not known") && reason.contains("accounts"))
        #expect(try engine.records() == [Booking(1, 1)])
    }

    @Test func outsidersChangeAllOrNothing() async throws {
        let engine = MemoryLaneEngine(time: time)
        try await engine.change { try $0.put(Account("a", 1)) }
        let before = engine.tables
        await #expect(throws: CancellationError.self) {
            try await engine.change { tables in
                try tables.put(Account("a", 2))
                try tables.put(Account("b", 2))
                throw CancellationError()
            }
        }
        #expect(try engine.records() == [Account("a", 1)])
        let deposit = Deposit(name: "a", amount: 5)
        try await withLane(engine) { lane in
            let outcome = try await submit(deposit, lane)
            #expect(outcome == .balance(6))
        }
        #expect(try engine.record(Account.key("a"))?.balance == 6 && engine.record(Booking(6, 0).key)?.amount == 5)
        #expect(try before.record(Account.key("a"))?.balance == 1, "a snapshot stays as it is")
        #expect(before.rowCount == 1 && engine.tables.rowCount == 2)
    }

    @Test func fullMemoryRefusesTheBatch() async throws {
        var configuration = MemoryLaneConfiguration()
        configuration.rowLimit = 1
        let engine = MemoryLaneEngine(time: time, configuration: configuration)
        try await engine.change { try $0.put(Account("a", 1)) }
        try await withLane(engine) { lane in
            await #expect(
                throws: LaneFailure.unavailable(
                    "no room left for the database: 2 rows in memory, where the limit is 1")
            ) { try await submit(Deposit(name: "a", amount: 5), lane) }
        }
        #expect(try engine.record(Account.key("a"))?.balance == 1)
    }

    @Test func timeIsTheEngines() async throws {
        try await withLane(MemoryLaneEngine(time: time)) { lane in
            let clock = ClosureCommand<Timestamp> { .discard($1) }
            let now = try await submit(clock, lane)
            #expect(now == Timestamp(microseconds: 77))
        }
    }
}
