import Determinism
import DeterminismTestKit
import Synchronization
import Testing

@testable import Storage

/// Writes into rows in memory.
private final class MemoryEngine: LaneEngine {
    private let rows = Mutex(
        MemoryRows([Account("a", 10)], fences: [FenceRecord(organization: 1, epoch: 1, state: .active)]))

    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        Task {
            var own = rows.withLock { $0 }
            let ending = try? own.drive(batch)
            let result = own
            rows.withLock { $0 = result }
            if let ending { whenEnded(ending) }
        }
    }
}

/// Notes what it is told, with the marks that it gave.
private final class Chronicle: LaneObserver {
    enum Entry: Sendable, Hashable {
        case queued(String, Int)
        case ended(Int, LaneFailure?)
        case began([Int?])
        case settled(Int, BatchReport)
        case batchEnded(Int)
    }
    let entries = Notes<Entry>()
    private let count = Atomic(0)
    private func next() -> Int { count.add(1, ordering: .relaxed).newValue }

    func commandQueued(_ command: Any.Type) -> Mark? {
        let mark = next()
        entries.note(.queued("\(command)", mark))
        return mark
    }
    func commandEnded(_ mark: Mark, _ failure: LaneFailure?) { entries.note(.ended(mark as? Int ?? 0, failure)) }
    func batchBegan(_ commands: [Mark?]) -> Mark? {
        entries.note(.began(commands.map { $0 as? Int }))
        return next()
    }
    func batchSettled(_ mark: Mark, _ report: BatchReport) { entries.note(.settled(mark as? Int ?? 0, report)) }
    func batchEnded(_ mark: Mark) { entries.note(.batchEnded(mark as? Int ?? 0)) }
}

/// What an observer of a lane is told.
@Suite("LaneObserver", .timeLimit(.minutes(1)))
struct LaneObserverTests {
    private let later = SystemTime().instant() + .seconds(60)

    @Test func aCommandIsFollowedFromTheQueueToItsOutcome() async throws {
        let chronicle = Chronicle()
        let lane = WriteLane(engine: MemoryEngine(), time: SystemTime(), observer: chronicle)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await lane.run() }
            let outcome = try await lane.submit(Deposit(name: "a", amount: 5), tenant: nil, deadline: later)
            #expect(outcome == .balance(15))
            lane.stop()
        }
        await #expect(throws: LaneFailure.overloaded) {
            try await lane.submit(Deposit(name: "a", amount: 5), tenant: nil, deadline: later)
        }
        let report = BatchReport(commands: 1, loads: 1, trips: 1, rows: 2, hasFailed: false)
        #expect(
            Set(chronicle.entries.all) == [
                .queued("Deposit", 1), .began([1]), .settled(2, report), .batchEnded(2), .ended(1, nil),
                .queued("Deposit", 3), .ended(3, .overloaded),
            ])
        #expect(chronicle.entries.all.prefix(3) == [.queued("Deposit", 1), .began([1]), .settled(2, report)])
    }

    @Test func theOrganizationOfACommandWithAnOutcomeIsTold() async throws {
        let told = Notes<Int64>()
        let lane = WriteLane(engine: MemoryEngine(), time: SystemTime(), settled: { told.note($0) })
        let deposit = Deposit(name: "a", amount: 5)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await lane.run() }
            let (served, moved) = (Tenant(organization: 1, epoch: 1), Tenant(organization: 1, epoch: 2))
            _ = try await lane.submit(deposit, tenant: served, deadline: later)
            #expect(told.all == [1], "before its caller goes on")
            _ = try await lane.submit(deposit, tenant: nil, deadline: later)
            await #expect(throws: LaneFailure.fenced) {
                try await lane.submit(deposit, tenant: moved, deadline: later)
            }
            lane.stop()
        }
        #expect(told.all == [1])
    }
}
