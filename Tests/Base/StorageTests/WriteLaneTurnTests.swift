import Determinism
import DeterminismTestKit
import Synchronization
import Testing

@testable import Storage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Whose turn it is when somebody has to wait, and when the lane ends.
@Suite("WriteLane: turns", .timeLimit(.minutes(1)))
struct WriteLaneTurnTests {
    private let later = Instant(nanoseconds: 0) + .seconds(60)

    /// Asks for an account.
    private struct Look: LaneCommand {
        let name: String
        func needs(_ loaded: WorkingSet) -> [Need] { [.row(Account.key(name))] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64?> {
            .discard(work[Account.key(name)]?.balance)
        }
    }

    /// Commands that were put off came back in front of all others, batch after batch, while somebody held their row.
    @Test func whoWaitsForAHeldRowDoesNotHoldUpTheOthers() async throws {
        let engine = HoldingEngine([Account("held", 1), Account("free", 2)], holding: "held")
        var configuration = WriteLaneConfiguration()
        configuration.batchLimit = 2
        let lane = WriteLane(engine: engine, time: StoppingClock(), configuration: configuration)
        try await withThrowingDiscardingTaskGroup { group in
            for count in 1...3 {
                group.addTask {
                    let balance = try await lane.submit(Look(name: "held"), tenant: nil, deadline: later)
                    #expect(balance == 1)
                }
                await eventually("\(count) are in the queue") { lane.waitingCount == count }
            }
            group.addTask { await lane.run() }
            let balance = try await lane.submit(Look(name: "free"), tenant: nil, deadline: later)
            #expect(balance == 2)
            engine.letGo()
            lane.stop()
        }
    }

    /// The batch of those who had waited too long ended without a word to the runner, which waited for it.
    @Test func aLaneThatStopsWhileItsLastCommandExpiresReturns() async {
        for _ in 0..<200 {
            let trap = StoppingClock()
            let lane = WriteLane(engine: MemoryLaneEngine(time: trap), time: trap)
            await withDiscardingTaskGroup { group in
                group.addTask { await lane.run() }
                for _ in 0..<20 { await Task.yield() }
                trap.whenAsked { lane.stop() }
                let outcome = try? await lane.submit(
                    Look(name: "a"), tenant: nil, deadline: Instant(nanoseconds: -1))
                // Nobody says it again: that would wake the runner.
                #expect(outcome == nil)
            }
        }
    }
}

/// Says that one account is locked by somebody else, until it is told otherwise.
private final class HoldingEngine: LaneEngine {
    private let state: Mutex<(rows: MemoryRows, holds: Bool)>
    private let name: String

    init(_ accounts: [Account], holding name: String) {
        state = Mutex((MemoryRows(accounts), true))
        self.name = name
    }
    func letGo() { state.withLock { $0.holds = false } }

    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        Task {
            await Task.yield()
            var batch = batch
            let (rows, holds) = state.withLock { ($0.rows, $0.holds) }
            var action = batch.handle(.begun, now: Timestamp(microseconds: 0))
            while case .load(let loads) = action {
                let held = Set(loads.indices.filter { holds && loads[$0].key?.text == name })
                let found = loads.map { (try? rows.records($0)) ?? [] }
                action = batch.handle(.loaded(found, held: held), now: Timestamp(microseconds: 0))
            }
            if case .end(let ending) = action { whenEnded(ending) }
        }
    }
}

/// Does something when it is asked for the time.
private final class StoppingClock: TimeSource {
    private let action = Mutex<(@Sendable () -> Void)?>(nil)
    func whenAsked(_ body: @escaping @Sendable () -> Void) { action.withLock { $0 = body } }
    func now() -> Timestamp { Timestamp(microseconds: 0) }
    func instant() -> Instant {
        if let body = action.withLock({ $0.take() }) {
            body()
            // So that the runner has looked before the batch is given up.
            for _ in 0..<2_000 { sched_yield() }
        }
        return Instant(nanoseconds: 0)
    }
    func sleep(until deadline: Instant) async throws { throw CancellationError() }
}
