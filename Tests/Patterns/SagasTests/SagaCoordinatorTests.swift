import Determinism
import DeterminismTestKit
import Storage
import Synchronization
import Testing

@testable import Sagas

/// Sagas in memory, claimed by epoch as the real store does.
private final class MemoryStore: SagaStore {
    struct Row {
        var epoch: Int64 = 1
        var dueAt = Timestamp(microseconds: 0)
        var leaseUntil = Timestamp(microseconds: 0)
        var isFinished = false
    }
    struct State {
        var rows: [SagaID: Row] = [:]
        var order: [SagaID] = []
        var failure: StorageError?
        var limits: [Int] = []
    }
    let state = Mutex(State())
    let time: ManualTime

    init(_ time: ManualTime) { self.time = time }

    func add(_ id: SagaID, _ row: Row = Row()) {
        state.withLock { state in
            state.rows[id] = row
            state.order.append(id)
        }
    }
    func finish(_ id: SagaID) { state.withLock { $0.rows[id]?.isFinished = true } }
    func ticket(_ id: SagaID, epoch: Int64 = 1) -> SagaTicket {
        SagaTicket(
            tenant: Tenant(organization: 1, epoch: 1), id: id, definition: "test", subject: id.uuid, epoch: epoch,
            mayHaveBeenCalled: true)
    }
    func due(at now: Timestamp, ignoringLeases: Bool, limit: Int) async throws -> [SagaTicket] {
        try state.withLock { state in
            state.limits.append(limit)
            if let failure = state.failure { throw failure }
            let due = state.order.filter { id in
                guard let row = state.rows[id] else { return false }
                return !row.isFinished && row.dueAt <= now && (ignoringLeases || row.leaseUntil <= now)
            }
            return due.prefix(limit).map { ticket($0, epoch: state.rows[$0]?.epoch ?? 0) }
        }
    }
    func claim(_ ticket: SagaTicket) async throws -> SagaTicket? {
        let now = time.now()
        return state.withLock { state in
            guard state.rows[ticket.id]?.epoch == ticket.epoch else { return nil }
            state.rows[ticket.id]?.epoch += 1
            state.rows[ticket.id]?.leaseUntil = now + .seconds(30)
            return self.ticket(ticket.id, epoch: ticket.epoch + 1)
        }
    }
}

/// Does what the test says, and notes whom it worked on.
private struct ScriptedWorker: SagaWorker {
    let worked: Notes<SagaID>
    let body: @Sendable (SagaTicket) async -> String?
    func work(on ticket: SagaTicket) async -> String? {
        worked.note(ticket.id)
        return await body(ticket)
    }
}

/// Which sagas are worked on, when, and who is told.
@Suite("SagaCoordinator", .timeLimit(.minutes(1)))
struct SagaCoordinatorTests {
    private let time = ManualTime()
    private let worked = Notes<SagaID>()
    private let troubles = Notes<String>()
    private let gate = Gate()
    private let store: MemoryStore

    init() { store = MemoryStore(time) }

    private func saga(_ number: UInt64) -> SagaID { SagaID(UUIDv7(high: 1, low: number)) }

    private func coordinator(
        limit: Int = 100, _ body: @escaping @Sendable (SagaTicket) async -> String?
    ) -> SagaCoordinator<ScriptedWorker> {
        var configuration = SagaCoordinatorConfiguration()
        configuration.concurrencyLimit = limit
        let troubles = troubles
        return SagaCoordinator(
            worker: ScriptedWorker(worked: worked, body: body), store: store, time: time, configuration: configuration,
            reportTrouble: { troubles.note("\($0)") })
    }

    /// A coordinator whose workers wait at the gate, finish the saga and report.
    private func gated(limit: Int = 100) -> SagaCoordinator<ScriptedWorker> {
        let (gate, store) = (gate, store)
        return coordinator(limit: limit) { ticket in
            await gate.pass()
            store.finish(ticket.id)
            return "epoch \(ticket.epoch)"
        }
    }

    private var soon: Instant { time.instant() + .seconds(5) }

    /// Runs `body` beside `run()`, then stops.
    private func running(
        _ coordinator: SagaCoordinator<ScriptedWorker>, _ body: () async throws -> Void
    ) async rethrows {
        let loop = Task { await coordinator.run() }
        await eventually("the two clocks run") { time.sleeperCount == 2 }
        do { try await body() } catch {
            gate.open()
            coordinator.stop()
            throw error
        }
        gate.open()
        coordinator.stop()
        await loop.value
    }

    @Test func everyoneWhoWaitsIsToldOnce() async {
        let coordinator = gated()
        await running(coordinator) {
            coordinator.start(store.ticket(saga(1), epoch: 4))
            coordinator.start(store.ticket(saga(1), epoch: 4))
            coordinator.start(store.ticket(saga(1), epoch: 3))
            await eventually("it is at work") { gate.waitingCount == 1 }
            async let first = coordinator.report(of: saga(1), until: soon)
            async let second = coordinator.report(of: saga(1), until: soon)
            await eventually("both wait") { coordinator.waiterCount == 2 }
            gate.open()
            #expect(await [first, second] == ["epoch 4", "epoch 4"])
            #expect(coordinator.waiterCount == 0)
        }
        #expect(worked.all == [saga(1)], "not twice at one time")
    }

    /// An order was taken over to be canceled while the task that had just parked it was at its end: the new claim was
    /// dropped, and the caller heard what the old one had to say.
    @Test func aLaterClaimIsWorkedOnWhenTheOldOneIsDone() async {
        let coordinator = gated()
        await running(coordinator) {
            coordinator.start(store.ticket(saga(1), epoch: 4))
            await eventually("it is at work") { gate.waitingCount == 1 }
            async let old = coordinator.report(of: saga(1), until: soon)
            await eventually("one waits") { coordinator.waiterCount == 1 }
            async let new = coordinator.startAndReport(store.ticket(saga(1), epoch: 5), until: soon)
            await eventually("both wait") { coordinator.waiterCount == 2 }
            async let last = coordinator.report(of: saga(1), until: soon)
            await eventually("all wait") { coordinator.waiterCount == 3 }
            #expect(worked.all == [saga(1)], "not twice at one time")
            gate.open()
            #expect(await [old, new, last] == ["epoch 4", "epoch 5", "epoch 5"])
            #expect(coordinator.waiterCount == 0)
        }
        #expect(worked.all == [saga(1), saga(1)])
    }

    @Test func aLaterClaimThatNobodyWorksOnAnyMoreIsAnsweredNil() async {
        let coordinator = gated()
        await running(coordinator) {
            coordinator.start(store.ticket(saga(1), epoch: 4))
            await eventually("it is at work") { gate.waitingCount == 1 }
            async let late = coordinator.startAndReport(
                store.ticket(saga(1), epoch: 5), until: time.instant() + .seconds(1))
            async let forsaken = coordinator.startAndReport(store.ticket(saga(1), epoch: 5), until: soon)
            await eventually("both wait") { coordinator.waiterCount == 2 }
            time.advance(by: .seconds(1))
            #expect(await late == nil)
            coordinator.suspend()
            gate.open()
            #expect(await forsaken == nil)
            await eventually("nothing is at work") { coordinator.isIdle }
        }
        #expect(worked.all == [saga(1)])
    }

    @Test func nobodyIsToldOfASagaThatIsNotAtWork() async {
        let coordinator = gated()
        await running(coordinator) {
            #expect(await coordinator.report(of: saga(9), until: soon) == nil)
        }
    }

    @Test func waitingEndsAtTheDeadlineAndTheWorkGoesOn() async {
        let coordinator = gated()
        await running(coordinator) {
            coordinator.start(store.ticket(saga(1)))
            await eventually("it is at work") { gate.waitingCount == 1 }
            let back = Notes<String?>()
            let (early, late) = (time.instant() + .milliseconds(30), time.instant() + .seconds(50))
            await withDiscardingTaskGroup { group in
                group.addTask { back.note(await coordinator.report(of: saga(1), until: early)) }
                group.addTask { back.note(await coordinator.report(of: saga(1), until: late)) }
                await advanceUntil("the first gives up") { back.all.count == 1 }
                #expect(back.all == [nil])
                #expect(time.instant() >= early && time.instant() < late)
                gate.open()
            }
            #expect(back.all == [nil, "epoch 1"])
        }
    }

    @Test func deadlineHoldsWhileTheLastWorkIsDrained() async {
        let coordinator = gated()
        let loop = Task { await coordinator.run() }
        await eventually("the two clocks run") { time.sleeperCount == 2 }
        coordinator.start(store.ticket(saga(1)))
        await eventually("it is at work") { gate.waitingCount == 1 }
        let (back, deadline) = (Notes<String?>(), time.instant() + .milliseconds(30))
        await withDiscardingTaskGroup { group in
            group.addTask { back.note(await coordinator.report(of: saga(1), until: deadline)) }
            await eventually("it waits") { coordinator.waiterCount == 1 }
            coordinator.stop()
            await advanceUntil("the wait ends though the work does not") { back.all.count == 1 }
        }
        #expect(gate.waitingCount == 1)
        gate.open()
        await loop.value
    }

    @Test func recoveryReturnsWhenEverythingIsDone() async throws {
        for number in 1...3 as ClosedRange<UInt64> { store.add(saga(number)) }
        // Leased by a server that is gone, and one that is not due yet.
        store.add(saga(4), .init(leaseUntil: Timestamp(microseconds: 90_000_000)))
        store.add(saga(5), .init(dueAt: Timestamp(microseconds: 90_000_000)))
        let coordinator = gated()
        try await running(coordinator) {
            let count = Notes<Int>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { count.note(try await coordinator.recover(alone: true)) }
                await eventually("all four are at work") { gate.waitingCount == 4 }
                #expect(count.all == [])
                gate.open()
                try await group.waitForAll()
            }
            #expect(count.all == [4])
        }
        #expect(Set(worked.all) == Set((1...4).map { saga($0) }))
    }

    @Test func recoveryBesideOthersLeavesTheirLeases() async throws {
        store.add(saga(1))
        store.add(saga(2), .init(leaseUntil: Timestamp(microseconds: 90_000_000)))
        gate.open()
        let coordinator = gated()
        try await running(coordinator) {
            let count = try await coordinator.recover(alone: false)
            #expect(count == 1)
        }
        #expect(worked.all == [saga(1)])
    }

    /// What cannot be worked on stays due; what is behind it must be recovered all the same.
    @Test func recoveryPassesWhatCannotBeWorkedOn() async throws {
        for number in 1...1_200 as ClosedRange<UInt64> { store.add(saga(number)) }
        let coordinator = coordinator { _ in nil }
        try await running(coordinator) {
            let count = try await coordinator.recover(alone: true)
            #expect(count == 1_200)
        }
        #expect(Set(worked.all).count == 1_200 && worked.all.count == 1_200)
    }

    @Test func recoveryTellsOfAStoreThatFails() async throws {
        store.state.withLock { $0.failure = .unavailable("away") }
        let coordinator = gated()
        await running(coordinator) {
            await #expect(throws: StorageError.unavailable("away")) { try await coordinator.recover(alone: true) }
        }
    }

    @Test func cancelledRunLeavesNobodyWaiting() async throws {
        store.add(saga(1))
        let coordinator = gated()
        let loop = Task { await coordinator.run() }
        await eventually("the two clocks run") { time.sleeperCount == 2 }
        loop.cancel()
        // Nobody takes it from here on: neither of these may wait for ever.
        async let recovered = coordinator.recover(alone: true)
        coordinator.start(store.ticket(saga(2)))
        async let report = coordinator.report(of: saga(2), until: soon)
        gate.open()
        await loop.value
        _ = try await recovered
        _ = await report
        #expect(!coordinator.hasRoom)
        coordinator.start(store.ticket(saga(3)))
        #expect(await coordinator.report(of: saga(3), until: soon) == nil)
    }

    /// Lets time go on until the condition holds.
    private func advanceUntil(
        _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ holds: () -> Bool
    ) async {
        for _ in 0..<2_000 where !holds() {
            if time.sleeperCount > 0 { time.advance(by: .milliseconds(1)) }
            for _ in 0..<20 { await Task.yield() }
        }
        await eventually(what, sourceLocation: sourceLocation, holds)
    }

    @Test func sweepPicksUpWhatIsDue() async {
        store.add(saga(1), .init(dueAt: Timestamp(microseconds: 400_000)))
        store.add(saga(2), .init(leaseUntil: Timestamp(microseconds: 90_000_000)))
        store.add(saga(3), .init(dueAt: Timestamp(microseconds: 90_000_000)))
        let coordinator = gated()
        await running(coordinator) {
            await advanceUntil("the first is at work") { gate.waitingCount == 1 }
            #expect(time.instant() >= Instant(nanoseconds: 500_000_000))
            // It stays due while it is at work, even past its lease; it is not taken a second time.
            store.state.withLock { $0.rows[saga(1)]?.leaseUntil = Timestamp(microseconds: 0) }
            let sweeps = store.state.withLock { $0.limits.count }
            await advanceUntil("it swept twice more") { store.state.withLock { $0.limits.count } >= sweeps + 2 }
            #expect(store.state.withLock { $0.rows[saga(1)]?.epoch } == 2, "claimed once")
        }
        #expect(worked.all == [saga(1)])
    }

    @Test func sweepGoesOnAfterTrouble() async {
        store.add(saga(1))
        store.state.withLock { $0.failure = .unavailable("away") }
        let coordinator = gated()
        await running(coordinator) {
            await advanceUntil("it is told of") { !troubles.all.isEmpty }
            store.state.withLock { $0.failure = nil }
            await advanceUntil("the next sweep works") { gate.waitingCount == 1 }
        }
        #expect(troubles.all.allSatisfy { $0.contains("away") })
        #expect(worked.all == [saga(1)])
    }

    @Test func sweepStopsAtTheLimit() async {
        for number in 1...5 as ClosedRange<UInt64> { store.add(saga(number)) }
        let coordinator = gated(limit: 2)
        #expect(coordinator.hasRoom)
        await running(coordinator) {
            await advanceUntil("two are at work") { gate.waitingCount == 2 }
            let sweeps = store.state.withLock { $0.limits.count }
            await advanceUntil("it swept again") { store.state.withLock { $0.limits.count } >= sweeps + 2 }
            #expect(worked.all.count == 2 && !coordinator.hasRoom)
            #expect(store.state.withLock { $0.rows.values.count { $0.epoch > 1 } } == 2, "the others are not claimed")
        }
    }

    @Test func stopWaitsForTheWorkAndTakesNoMore() async {
        let coordinator = gated()
        let ended = Notes<Bool>()
        let loop = Task {
            await coordinator.run()
            ended.note(true)
        }
        await eventually("the two clocks run") { time.sleeperCount == 2 }
        coordinator.start(store.ticket(saga(1)))
        await eventually("it is at work") { gate.waitingCount == 1 }
        coordinator.stop()
        coordinator.start(store.ticket(saga(2)))
        #expect(!coordinator.hasRoom)
        #expect(await coordinator.report(of: saga(1), until: soon) == nil)
        for _ in 0..<200 { await Task.yield() }
        #expect(ended.all == [])
        gate.open()
        // The clock stands still: the end must not wait for a sweep.
        await loop.value
        #expect(worked.all == [saga(1)])
    }
}
