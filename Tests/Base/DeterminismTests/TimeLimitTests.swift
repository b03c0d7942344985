import Determinism
import DeterminismTestKit
import Testing

/// `TimeLimit`: whoever comes first, and nobody waits for the other.
@Suite("Time limits", .timeLimit(.minutes(1)))
struct TimeLimitTests {
    private let time = ManualTime()
    private let limit: TimeLimit

    init() { limit = TimeLimit(.seconds(3), time: time) }

    @Test func operationInTimeIsTheOutcome() async {
        let outcome = await limit.run { 7 }
        #expect(outcome.value == 7)
        #expect(limit.callCount == 0)
        await eventually("the watch sleeps") { time.sleeperCount == 1 }
        time.advance(by: .seconds(3))
        for _ in 0..<200 { await Task.yield() }
        #expect(time.sleeperCount == 0, "nobody watches over nothing")
    }

    @Test func operationThatEndsLateButBeforeTheDeadlineIsTheOutcome() async {
        let gate = Gate()
        async let outcome = limit.run {
            await gate.pass()
            return "done"
        }
        await eventually("both are under way") { gate.waitingCount == 1 && time.sleeperCount == 1 }
        time.advance(by: .milliseconds(2_999))
        #expect(time.sleeperCount == 1, "the deadline is not reached yet")
        gate.open()
        #expect(await outcome.value == "done")
    }

    @Test func deadlineDoesNotWaitForADeafOperation() async {
        let (gate, late) = (Gate(), Notes<Bool>())
        async let outcome = limit.run {
            await gate.pass()
            late.note(Task.isCancelled)
            return 1
        }
        await eventually("both are under way") { gate.waitingCount == 1 && time.sleeperCount == 1 }
        time.advance(by: .seconds(3))
        #expect(await outcome.value == nil)
        #expect(late.all == [], "the answer came while the operation was still at it")
        gate.open()
        await eventually("the operation ends, cancelled, and its result is dropped") { late.all == [true] }
    }

    @Test func cancellationOfTheCallerReachesTheOperation() async {
        let (time, limit) = (time, limit)
        let caller = Task {
            await limit.run {
                do { try await time.sleep(for: .seconds(100)) } catch { return "cancelled" }
                return "slept"
            }
        }
        await eventually("watch and operation sleep") { time.sleeperCount == 2 }
        caller.cancel()
        #expect(await caller.value.value == "cancelled")
        #expect(limit.callCount == 0)
    }

    @Test func cancelledCallerOfADeafOperationIsFreeAtTheDeadline() async {
        let (limit, gate) = (limit, Gate())
        let back = Notes<Bool>()
        let caller = Task {
            let outcome = await limit.run { await gate.pass() }
            back.note(true)
            return outcome.value == nil
        }
        await eventually("both are under way") { gate.waitingCount == 1 && time.sleeperCount == 1 }
        caller.cancel()
        for _ in 0..<200 { await Task.yield() }
        #expect(back.all == [], "the outcome is not known yet")
        time.advance(by: .seconds(4))
        #expect(await caller.value)
        gate.open()
    }

    @Test func callerThatIsCancelledAlreadyStillGetsAnOutcome() async {
        let limit = limit
        let caller = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await limit.run { Task.isCancelled }
        }
        #expect(await caller.value.value == true)
    }

    @Test func machineClockInterruptsAHangingCall() async {
        let (time, gate) = (SystemTime(), Gate())
        let start = time.instant()
        let outcome = await TimeLimit(.milliseconds(20), time: time).run { await gate.pass() }
        #expect(outcome.value == nil)
        #expect(time.instant() - start >= .milliseconds(20))
        gate.open()
    }

    @Test func limitOfTenYearsIsNotReached() async {
        let outcome = await TimeLimit(.seconds(315_360_000), time: SystemTime()).run {
            for _ in 0..<2_000 { await Task.yield() }
            return 5
        }
        #expect(outcome.value == 5)
    }

    @Test(arguments: [Duration.zero, .seconds(-1)])
    func limitThatIsNoneIsReachedAtOnce(duration: Duration) async {
        let gate = Gate()
        let outcome = await TimeLimit(duration, time: SystemTime()).run { await gate.pass() }
        #expect(outcome.value == nil)
        gate.open()
    }

    @Test func oneTimerServesAllCalls() async {
        let gate = Gate()
        let (time, limit) = (time, limit)
        let outcomes = await withTaskGroup(of: Int?.self) { group in
            for index in 0..<100 {
                group.addTask {
                    await limit.run {
                        if index % 2 == 0 { await gate.pass() }
                        return index
                    }.value
                }
            }
            await eventually("the odd ones are back") { gate.waitingCount == 50 && limit.callCount == 50 }
            #expect(time.sleeperCount == 1)
            time.advance(by: .seconds(3))
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(outcomes.compactMap { $0 }) == Set(stride(from: 1, to: 100, by: 2)))
        #expect(outcomes.count { $0 == nil } == 50)
        #expect(limit.callCount == 0)
        gate.open()
    }

    @Test func eachCallHasItsOwnDeadline() async {
        let (early, late) = (Gate(), Gate())
        async let first = limit.run { await early.pass() }
        await eventually("the first is under way") { early.waitingCount == 1 && time.sleeperCount == 1 }
        time.advance(by: .seconds(2))
        async let second = limit.run { await late.pass() }
        await eventually("the second is under way") { late.waitingCount == 1 && limit.callCount == 2 }
        time.advance(by: .seconds(1))
        #expect(await first.value == nil)
        #expect(limit.callCount == 1, "the second has two seconds left")
        await eventually("the watch sleeps for the second") { time.sleeperCount == 1 }
        time.advance(by: .seconds(2))
        #expect(await second.value == nil)
        early.open()
        late.open()
    }

    @Test func aCallThatOutlastsManyShortOnesKeepsItsDeadline() async {
        let gate = Gate()
        async let long = limit.run { await gate.pass() }
        await eventually("the long one is under way") { gate.waitingCount == 1 && time.sleeperCount == 1 }
        for index in 0..<1_000 { #expect(await limit.run { index }.value == index) }
        #expect(limit.callCount == 1)
        time.advance(by: .seconds(3))
        #expect(await long.value == nil)
        for index in 0..<1_000 { #expect(await limit.run { index }.value == index) }
        gate.open()
    }
}

extension DeadlineOutcome {
    fileprivate var value: Value? {
        if case .finished(let value) = self { return value }
        return nil
    }
}
