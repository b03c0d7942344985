import Determinism
import DeterminismTestKit
import Synchronization
import Testing

/// `CallTimer`: one task watches the deadlines of all calls, and loses none.
@Suite("Call timer", .timeLimit(.minutes(1)))
struct CallTimerTests {
    /// Notes when it was told.
    private final class Target: DeadlineTarget {
        private let time: any TimeSource
        private let told = Mutex<[Instant]>([])
        init(_ time: any TimeSource) { self.time = time }
        var all: [Instant] { told.withLock { $0 } }
        func deadlinePassed() {
            let now = time.instant()
            told.withLock { $0.append(now) }
        }
    }
    private let time = ManualTime()
    private let timer: CallTimer

    init() { timer = CallTimer(time: time) }

    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test func tellsOnceAtTheDeadline() async {
        let target = Target(time)
        let ticket = timer.schedule(target, at: at(5))
        await eventually("the watch sleeps") { time.sleeperCount == 1 }
        time.advance(by: .milliseconds(4_999))
        #expect(target.all == [])
        time.advance(by: .milliseconds(1))
        await eventually("it is told") { target.all == [at(5)] }
        #expect(!timer.cancel(ticket), "it has come already")
        time.advance(by: .seconds(100))
        for _ in 0..<100 { await Task.yield() }
        #expect(target.all == [at(5)])
    }

    @Test func anEarlierDeadlineReplacesTheSleepingWatch() async {
        let (late, early) = (Target(time), Target(time))
        _ = timer.schedule(late, at: at(100))
        await eventually("the watch sleeps") { time.earliestDeadline == at(100) }
        _ = timer.schedule(early, at: at(5))
        await eventually("one watch sleeps, for the earlier one") {
            time.earliestDeadline == at(5) && time.sleeperCount == 1
        }
        time.advance(by: .seconds(5))
        await eventually("the earlier one is told") { early.all == [at(5)] }
        #expect(late.all == [])
        await eventually("the watch goes on to the later one") { time.earliestDeadline == at(100) }
        time.advance(by: .seconds(95))
        await eventually("the later one is told, too") { late.all == [at(100)] }
    }

    @Test func aLaterDeadlineNeedsNoOtherWatch() async {
        _ = timer.schedule(Target(time), at: at(5))
        await eventually("the watch sleeps") { time.sleeperCount == 1 }
        _ = timer.schedule(Target(time), at: at(6))
        for _ in 0..<200 { await Task.yield() }
        #expect(time.sleeperCount == 1)
    }

    @Test func aCancelledDeadlineIsNotTold() async {
        let (first, second) = (Target(time), Target(time))
        let ticket = timer.schedule(first, at: at(5))
        _ = timer.schedule(second, at: at(6))
        #expect(timer.count == 2)
        #expect(timer.cancel(ticket))
        #expect(!timer.cancel(ticket))
        #expect(timer.count == 1)
        await eventually("the watch sleeps") { time.sleeperCount == 1 }
        time.advance(by: .seconds(10))
        await eventually("the other one is told") { second.all.count == 1 }
        #expect(first.all == [])
    }

    @Test func aDeadlineThatHasPassedIsToldAtOnce() async {
        time.advance(by: .seconds(50))
        let target = Target(time)
        _ = timer.schedule(target, at: at(10))
        await eventually("it is told") { target.all == [at(50)] }
    }

    @Test func aDeadlineThatNeverComesDoesNotKeepTheWatchAwake() async {
        // The machine's clock is asked to sleep for as long as there are nanoseconds for.
        let (time, target) = (SleepCounter(), Target(SystemTime()))
        let timer = CallTimer(time: time)
        let ticket = timer.schedule(target, at: Instant(nanoseconds: .max))
        await eventually("the watch sleeps") { time.sleeps >= 1 }
        for _ in 0..<1_000 { await Task.yield() }
        #expect(time.sleeps == 1)
        #expect(timer.cancel(ticket))
        #expect(target.all == [])
    }

    /// Targets that schedule others as they are told, as calls do that are made again.
    @Test func whoIsToldMayUseTheTimer() async {
        final class Chain: DeadlineTarget {
            let timer: CallTimer
            let told = Atomic(0)
            init(_ timer: CallTimer) { self.timer = timer }
            func deadlinePassed() {
                guard told.wrappingAdd(1, ordering: .relaxed).newValue < 5 else { return }
                _ = timer.schedule(self, at: timer.instant() + .seconds(1))
            }
        }
        let chain = Chain(timer)
        _ = timer.schedule(chain, at: at(1))
        for told in 1...5 {
            await eventually("the watch sleeps") { time.earliestDeadline == at(Int64(told)) }
            time.advance(by: .seconds(1))
            await eventually("it is told") { chain.told.load(ordering: .relaxed) == told }
        }
        #expect(timer.count == 0)
    }

    @Test func thousandsOfCallsLeaveNothingBehind() async {
        for index in 0..<5_000 {
            let outcome = await timer.run(until: timer.instant() + .seconds(3)) { index }
            guard case .finished(index) = outcome else {
                Issue.record("call \(index) did not end in time")
                return
            }
        }
        #expect(timer.count == 0)
        #expect(time.sleeperCount <= 1, "one watch at most")
        await eventually("the watch sleeps") { time.sleeperCount == 1 }
        time.advance(by: .seconds(3))
        for _ in 0..<200 { await Task.yield() }
        #expect(time.sleeperCount == 0, "nobody watches over nothing")
        let target = Target(time)
        _ = timer.schedule(target, at: at(100))
        await eventually("a watch begins anew") { time.sleeperCount == 1 }
        time.advance(by: .seconds(97))
        await eventually("it is told") { target.all == [at(100)] }
    }

    /// Deadlines of all lengths from many tasks, half of them cancelled: each of the others is told once, in time.
    @Test(arguments: UInt64(0)..<8)
    func losesNoDeadlineUnderManyTasks(seed: UInt64) async {
        let (time, timer) = (time, timer)
        let targets = (0..<8).map { _ in (0..<100).map { _ in Target(time) } }
        let expected = await withTaskGroup(of: (Int, [Int: Instant]).self) { group in
            for (task, own) in targets.enumerated() {
                group.addTask {
                    let random = SeededRandom(seed: seed &* 31 &+ UInt64(task))
                    var expected: [Int: Instant] = [:]
                    for (index, target) in own.enumerated() {
                        let deadline = time.instant() + .milliseconds(Int64(random.next(below: 5_000)))
                        let ticket = timer.schedule(target, at: deadline)
                        if random.next(below: 2) == 0, timer.cancel(ticket) { continue }
                        expected[index] = deadline
                        if random.next(below: 8) == 0 { await Task.yield() }
                        if random.next(below: 8) == 0 { time.advance(by: .milliseconds(20)) }
                    }
                    return (task, expected)
                }
            }
            return await group.reduce(into: [Int: [Int: Instant]]()) { $0[$1.0] = $1.1 }
        }
        await eventually("all deadlines have passed") {
            time.advance(by: .milliseconds(50))
            return timer.count == 0
        }
        await eventually("all are told") {
            expected.allSatisfy { task, own in own.keys.allSatisfy { !targets[task][$0].all.isEmpty } }
        }
        for (task, own) in targets.enumerated() {
            for (index, target) in own.enumerated() {
                let deadline = expected[task]?[index]
                #expect(target.all.count == (deadline == nil ? 0 : 1))
                if let deadline, let told = target.all.first { #expect(told >= deadline, "told too early") }
            }
        }
    }
}

/// The machine's clock, and how often somebody went to sleep by it.
private final class SleepCounter: TimeSource {
    private let system = SystemTime()
    private let count = Atomic(0)
    var sleeps: Int { count.load(ordering: .relaxed) }

    func now() -> Timestamp { system.now() }
    func instant() -> Instant { system.instant() }
    func sleep(until deadline: Instant) async throws {
        count.wrappingAdd(1, ordering: .relaxed)
        try await system.sleep(until: deadline)
    }
}
