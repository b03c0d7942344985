import Determinism
import Testing

/// `TimeSource.run(until:)`: whoever comes first, and nobody waits for the other.
@Suite("Deadlines", .timeLimit(.minutes(1)))
struct TimeoutTests {
    private let time = ManualTime()
    private var deadline: Instant { Instant(nanoseconds: 0) + .seconds(3) }

    @Test func operationInTimeIsTheOutcome() async {
        let outcome = await time.run(until: deadline) { 7 }
        #expect(outcome.value == 7)
        await eventually("the timer is taken down") { time.sleeperCount == 0 }
    }

    @Test func operationThatEndsLateButBeforeTheDeadlineIsTheOutcome() async {
        let gate = Gate()
        async let outcome = time.run(until: deadline) {
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
        async let outcome = time.run(until: deadline) {
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
        let time = time
        let deadline = deadline
        let caller = Task {
            await time.run(until: deadline) {
                do { try await time.sleep(for: .seconds(100)) } catch { return "cancelled" }
                return "slept"
            }
        }
        await eventually("timer and operation sleep") { time.sleeperCount == 2 }
        caller.cancel()
        #expect(await caller.value.value == "cancelled")
        await eventually("nothing is left behind") { time.sleeperCount == 0 }
    }

    @Test func cancelledCallerOfADeafOperationIsFreeAtTheDeadline() async {
        let (time, deadline, gate) = (time, deadline, Gate())
        let back = Notes<Bool>()
        let caller = Task {
            let outcome = await time.run(until: deadline) { await gate.pass() }
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
        let (time, deadline) = (time, deadline)
        let caller = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await time.run(until: deadline) { Task.isCancelled }
        }
        #expect(await caller.value.value == true)
    }

    @Test func machineClockInterruptsAHangingCall() async {
        let (time, gate) = (SystemTime(), Gate())
        let start = time.instant()
        let outcome = await time.run(until: start + .milliseconds(20)) { await gate.pass() }
        #expect(outcome.value == nil)
        #expect(time.instant() - start >= .milliseconds(20))
        gate.open()
    }

    @Test(arguments: [Instant(nanoseconds: .max), SystemTime().instant() + .seconds(315_360_000)])
    func deadlineInTheFarFutureIsNotReached(deadline: Instant) async {
        let outcome = await SystemTime().run(until: deadline) {
            for _ in 0..<2_000 { await Task.yield() }
            return 5
        }
        #expect(outcome.value == 5)
    }

    @Test(arguments: [Instant(nanoseconds: .min), Instant(nanoseconds: 0)])
    func deadlineInThePastIsReachedAtOnce(deadline: Instant) async {
        let gate = Gate()
        let outcome = await SystemTime().run(until: deadline) { await gate.pass() }
        #expect(outcome.value == nil)
        gate.open()
    }
}

extension DeadlineOutcome {
    fileprivate var value: Value? {
        if case .finished(let value) = self { return value }
        return nil
    }
}
