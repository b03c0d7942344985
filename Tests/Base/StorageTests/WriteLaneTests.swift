import Determinism
import DeterminismTestKit
import Synchronization
import Testing

@testable import Storage

/// An engine that holds each batch until it is let go, and then runs it over rows in memory.
private final class HeldEngine: LaneEngine {
    private struct State {
        var rows: MemoryRows
        var sizes: [Int] = []
        var permits = 0
        var waiting: CheckedContinuation<Void, Never>?
    }
    private let state: Mutex<State>

    init(_ accounts: [Account] = [], permits: Int = 0) {
        state = Mutex(State(rows: MemoryRows(accounts), permits: permits))
    }

    /// How many commands each batch had, those that have only arrived included.
    var sizes: [Int] { state.withLock { $0.sizes } }
    var rows: MemoryRows { state.withLock { $0.rows } }

    /// Lets that many batches go.
    func release(_ count: Int = 1) {
        let waiting = state.withLock { state in
            state.permits += count
            guard state.permits > 0, let waiting = state.waiting else { return CheckedContinuation<Void, Never>?.none }
            (state.permits, state.waiting) = (state.permits - 1, nil)
            return waiting
        }
        waiting?.resume()
    }

    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        Task {
            await pass(batch)
            var rows = state.withLock { $0.rows }
            let ending = try? rows.drive(batch)
            state.withLock { $0.rows = rows }
            if let ending { whenEnded(ending) }
        }
    }

    private func pass(_ batch: BatchMachine) async {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                state.sizes.append(batch.count)
                if state.permits > 0 {
                    state.permits -= 1
                    return true
                }
                state.waiting = continuation
                return false
            }
            if goesOn { continuation.resume() }
        }
    }
}

/// A clock that is moved by hand.
private final class HandClock: TimeSource {
    private let elapsed = Mutex(Duration.zero)
    func advance(by duration: Duration) { elapsed.withLock { $0 += duration } }
    func now() -> Timestamp { Timestamp(microseconds: 0) + elapsed.withLock { $0 } }
    func instant() -> Instant { Instant(nanoseconds: 0) + elapsed.withLock { $0 } }
    func sleep(until deadline: Instant) async throws { throw CancellationError() }
}

/// How commands get from their callers into batches.
@Suite("WriteLane", .timeLimit(.minutes(1)))
struct WriteLaneTests {
    private let clock = HandClock()
    private let later = Instant(nanoseconds: 0) + .seconds(60)

    /// Marks its turn.
    private struct Turn: LaneCommand {
        let number: Int
        let turns: Notes<Int>
        func needs(_ loaded: WorkingSet) -> [Need] { [] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int> {
            turns.note(number)
            work.append(Booking(Int64(number), 1))
            return .commit(number)
        }
    }

    private func lane(_ engine: HeldEngine, batch: Int = 256, queue: Int = 8_192) -> WriteLane {
        var configuration = WriteLaneConfiguration()
        (configuration.batchLimit, configuration.queueLimit) = (batch, queue)
        return WriteLane(engine: engine, time: clock, configuration: configuration)
    }

    private typealias Answers = Notes<Result<Int, LaneFailure>>

    /// Submits these turns one after the other, each once the one before is in the queue.
    private func queue(
        _ numbers: Range<Int>, in lane: WriteLane, _ group: inout DiscardingTaskGroup, _ turns: Notes<Int>,
        _ answers: Answers, deadline: Instant? = nil
    ) async {
        let deadline = deadline ?? later
        for number in numbers {
            let before = lane.waitingCount
            group.addTask {
                do throws(LaneFailure) {
                    let outcome = try await lane.submit(
                        Turn(number: number, turns: turns), tenant: nil, deadline: deadline)
                    answers.note(.success(outcome))
                } catch { answers.note(.failure(error)) }
            }
            await eventually("\(number) is in the queue") { lane.waitingCount == before + 1 }
        }
    }

    @Test func batchesGatherWhileOneIsBeingWritten() async {
        let (engine, turns, answers) = (HeldEngine(), Notes<Int>(), Answers())
        let lane = lane(engine, batch: 4)
        await withDiscardingTaskGroup { group in
            await queue(0..<1, in: lane, &group, turns, answers)
            group.addTask { await lane.run() }
            await eventually("the lone command goes at once") { engine.sizes == [1] }
            await queue(1..<11, in: lane, &group, turns, answers)
            engine.release()
            await eventually("the first is answered, the next batch is there") {
                engine.sizes == [1, 4] && answers.all.count == 1
            }
            #expect(turns.all == [0], "nothing of the second batch is decided before its transaction")
            engine.release(100)
            await eventually("all are answered") { answers.all.count == 11 }
            lane.stop()
        }
        #expect(engine.sizes == [1, 4, 4, 2])
        #expect(turns.all == Array(0..<11), "first come, first served")
        #expect(Set(answers.all) == Set((0..<11).map { .success($0) }))
    }

    @Test func fullQueueRefusesAtOnce() async {
        let (engine, turns, answers) = (HeldEngine(permits: 100), Notes<Int>(), Answers())
        let lane = lane(engine, queue: 3)
        await withDiscardingTaskGroup { group in
            await queue(0..<3, in: lane, &group, turns, answers)
            await #expect(throws: LaneFailure.overloaded) {
                try await lane.submit(Turn(number: 3, turns: turns), tenant: nil, deadline: later)
            }
            #expect(answers.all.isEmpty && lane.waitingCount == 3)
            group.addTask { await lane.run() }
            await eventually("there is room again") { answers.all.count == 3 }
            await #expect(throws: Never.self) {
                try await lane.submit(Turn(number: 4, turns: turns), tenant: nil, deadline: later)
            }
            lane.stop()
        }
        #expect(turns.all == [0, 1, 2, 4])
    }

    @Test func commandThatWaitedTooLongIsNotWritten() async {
        let (engine, turns, answers) = (HeldEngine(), Notes<Int>(), Answers())
        let lane = lane(engine)
        await withDiscardingTaskGroup { group in
            await queue(0..<1, in: lane, &group, turns, answers)
            group.addTask { await lane.run() }
            await eventually("the first is in flight") { engine.sizes == [1] }
            await queue(1..<2, in: lane, &group, turns, answers, deadline: clock.instant() + .seconds(5))
            await queue(2..<3, in: lane, &group, turns, answers)
            await queue(3..<4, in: lane, &group, turns, answers, deadline: clock.instant() + .seconds(6))
            clock.advance(by: .seconds(6))
            engine.release(100)
            await eventually("all are answered") { answers.all.count == 4 }
            // A batch of nothing but late commands does not reach the engine.
            await #expect(throws: LaneFailure.expired) {
                try await lane.submit(Turn(number: 9, turns: turns), tenant: nil, deadline: Instant(nanoseconds: 0))
            }
            lane.stop()
        }
        #expect(engine.sizes == [1, 2])
        #expect(turns.all == [0, 2, 3])
        #expect(answers.all.filter { $0 == .failure(.expired) }.count == 1)
    }

    @Test func stopAnswersWhatWaitsAndTakesNoMore() async {
        let (engine, turns, answers) = (HeldEngine(), Notes<Int>(), Answers())
        let lane = lane(engine, batch: 2)
        await withDiscardingTaskGroup { group in
            group.addTask { await lane.run() }
            await withDiscardingTaskGroup { callers in
                callers.addTask {
                    _ = try? await lane.submit(Turn(number: 0, turns: turns), tenant: nil, deadline: later)
                }
                await eventually("the first is in flight") { engine.sizes == [1] }
                await queue(1..<6, in: lane, &callers, turns, answers)
                lane.stop()
                await #expect(throws: LaneFailure.overloaded) {
                    try await lane.submit(Turn(number: 6, turns: turns), tenant: nil, deadline: later)
                }
                engine.release(100)
            }
        }
        #expect(turns.all == Array(0..<6), "run() came back after the queue was empty")
        #expect(engine.sizes == [1, 2, 2, 1])
        #expect(Set(answers.all) == Set((1..<6).map { .success($0) }))
    }

    @Test func stoppedIdleLaneReturns() async {
        let lane = lane(HeldEngine())
        async let running: Void = lane.run()
        for _ in 0..<50 { await Task.yield() }
        lane.stop()
        lane.stop()
        await running
    }

    @Test func commandsOfAFailedBatchKeepTheirOrder() async throws {
        let (engine, turns, answers) = (HeldEngine([Account("a", 0)]), Notes<Int>(), Answers())
        let lane = lane(engine)
        await withDiscardingTaskGroup { group in
            await queue(0..<2, in: lane, &group, turns, answers)
            // Another booking 1: a constraint fails the batch, and alone it fails again.
            await queue(1..<2, in: lane, &group, turns, answers)
            await queue(2..<3, in: lane, &group, turns, answers)
            group.addTask { await lane.run() }
            engine.release(100)
            await eventually("all are answered") { answers.all.count == 4 }
            lane.stop()
        }
        #expect(engine.sizes == [4, 1, 1, 1, 1])
        #expect(turns.all == [0, 1, 1, 2, 0, 1, 1, 2], "decided together, then each alone")
        #expect(
            answers.all.filter {
                $0 == .failure(.conflict("bookings \(Booking(1, 0).key.erased.parameters) is there already"))
            }.count == 1)
        #expect(try engine.rows.tables.records(of: Booking.self).map(\.number) == [0, 1, 2])
    }

    @Test func cancelledCallerStillGetsItsOutcome() async {
        let (engine, turns) = (HeldEngine(), Notes<Int>())
        let lane = lane(engine)
        let later = later
        await withDiscardingTaskGroup { group in
            group.addTask { await lane.run() }
            let caller = Task { try await lane.submit(Turn(number: 1, turns: turns), tenant: nil, deadline: later) }
            await eventually("it is in flight") { engine.sizes == [1] }
            caller.cancel()
            engine.release()
            #expect((try? await caller.value) == 1)
            lane.stop()
        }
    }

    @Test func aLoneCommandsBatchBeginsInItsCallersTask() async {
        let (engine, turns) = (DirectEngine(), Notes<Int>())
        let lane = WriteLane(engine: engine, time: clock)
        await withDiscardingTaskGroup { group in
            group.addTask { await lane.run() }
            // Answered once the lane runs; from then on it is idle between two commands.
            _ = try? await lane.submit(Turn(number: 0, turns: turns), tenant: nil, deadline: later)
            for caller in 1..<20 {
                await Marker.$caller.withValue(caller) {
                    _ = try? await lane.submit(Turn(number: caller, turns: turns), tenant: nil, deadline: later)
                }
            }
            lane.stop()
        }
        #expect(engine.callers.all.suffix(19) == Array(1..<20), "no task of the lane's stood between")
    }

    @Test func nobodyIsForgottenWhenCommandsComeWhileABatchEnds() async {
        for round in 0..<40 {
            let (engine, turns) = (HeldEngine(permits: 1_000), Notes<Int>())
            let lane = lane(engine, batch: 1 + round % 5)
            await withDiscardingTaskGroup { group in
                group.addTask { await lane.run() }
                await withDiscardingTaskGroup { callers in
                    for caller in 0..<8 {
                        callers.addTask {
                            for turn in 0..<4 {
                                _ = try? await lane.submit(
                                    Turn(number: caller * 4 + turn, turns: turns), tenant: nil, deadline: later)
                            }
                        }
                    }
                }
                lane.stop()
            }
            #expect(Set(turns.all) == Set(0..<32))
        }
    }
}

private enum Marker {
    @TaskLocal static var caller: Int?
}

/// Notes in whose task it was called.
private final class DirectEngine: LaneEngine {
    let callers = Notes<Int>()

    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        callers.note(Marker.caller ?? -1)
        Task.detached {
            var rows = MemoryRows()
            if let ending = try? rows.drive(batch) { whenEnded(ending) }
        }
    }
}
