import CallPolicies
import CircuitBreaking
import Determinism
import DeterminismTestKit
import Testing

/// `CircuitBreaker.run` and `runUnbounded`: what a call's end counts as.
@Suite("Calls under a breaker", .timeLimit(.minutes(1)))
struct RunTests {
    @Test(arguments: [nil, Duration.seconds(3)])
    func answersAndErrorsComeThrough(timeout: Duration?) async throws {
        let bench = try BreakerBench { $0.timeout = timeout }
        #expect(try await bench.breaker.run { 7 } == 7)
        await #expect(throws: Broken.self) { try await bench.breaker.run { throw Broken() } }
        #expect(bench.totals.successes == 1 && bench.totals.failures == 1)
        await #expect(throws: Broken.self) { try await bench.breaker.run { throw Broken() } }
        await #expect(throws: Broken.self) { try await bench.breaker.run { throw Broken() } }
        #expect(bench.totals.failures == 3 && bench.state == .closed, "three of four, where all have to fail")
        #expect(bench.timer.count == 0, "nothing is left behind")
    }

    @Test(arguments: [nil, Duration.seconds(3)])
    func anOpenCircuitMakesNoCall(timeout: Duration?) async throws {
        let bench = try BreakerBench { $0.timeout = timeout }
        await bench.fail(2)
        let made = Notes<Int>()
        let error = await #expect(throws: CircuitOpenError.self) { try await bench.breaker.run { made.note(1) } }
        #expect(made.all == [])
        #expect(error?.circuit == "bank" && error?.rejection.reason == .open && error?.rejection.generation == 1)
        #expect(error?.retryAfter == .seconds(30) && error?.repeatAdvice == .pointless)
        #expect("\(try #require(error))" == "Circuit 'bank' is open; another try may get through in 30.0 seconds")
        #expect(bench.totals.rejections == 1)
    }

    @Test func errorsOfTheOtherRejectionsSayWhichTheyAre() async throws {
        let bench = try BreakerBench()
        bench.breaker.open()
        bench.breaker.tryNow()
        let permit = try bench.breaker.acquire()
        let probing = await #expect(throws: CircuitOpenError.self) { try await bench.breaker.run {} }
        #expect(
            "\(try #require(probing))".contains("half-open and all its probes are out; another try may get through"))
        permit.record(.ignored)
        bench.breaker.setMode(.forcedOpen)
        let forced = await #expect(throws: CircuitOpenError.self) { try await bench.breaker.run {} }
        #expect("\(try #require(forced))" == "Circuit 'bank' was opened by an operator")
        #expect(try #require(forced).retryAfter == nil)
    }

    // MARK: - Time

    @Test func aCallThatTakesTooLongIsAFailureAndIsCancelled() async throws {
        let bench = try BreakerBench { $0.timeout = .seconds(3) }
        let (gate, late) = (Gate(), Notes<Bool>())
        async let outcome: CallTimeoutError? = {
            do {
                try await bench.breaker.run {
                    await gate.pass()
                    late.note(Task.isCancelled)
                }
                return nil
            } catch { return error as? CallTimeoutError }
        }()
        await eventually("it is under way") { gate.waitingCount == 1 && bench.time.sleeperCount == 1 }
        bench.time.advance(by: .seconds(3))
        let error = await outcome
        #expect(error == CallTimeoutError(.limit, limit: .seconds(3), wasBegun: true))
        #expect(bench.totals.failures == 1 && bench.totals.timeouts == 1)
        gate.open()
        await eventually("it was cancelled") { late.all == [true] }
        #expect(bench.totals.successes == 0, "what it still says is not counted")
    }

    @Test func timeoutsOpenTheCircuit() async throws {
        let bench = try BreakerBench { $0.timeout = .seconds(3) }
        let gate = Gate()
        for round in 1...2 {
            async let outcome: Bool = {
                do { return try await bench.call(until: gate) != 7 } catch { return error is CallTimeoutError }
            }()
            await eventually("it is under way") { gate.waitingCount == round && bench.time.sleeperCount == 1 }
            bench.time.advance(by: .seconds(3))
            #expect(await outcome)
        }
        #expect(bench.state == .open && bench.totals.timeouts == 2)
        gate.open()
    }

    @Test func theCallersOwnDeadlineIsNeutral() async throws {
        let bench = try BreakerBench { $0.timeout = .seconds(3) }
        let gate = Gate()
        for round in 1...5 {
            let deadline = bench.time.instant() + .seconds(1)
            async let outcome: CallTimeoutError? = {
                do {
                    _ = try await CallDeadline.with(deadline) { try await bench.call(until: gate) }
                    return nil
                } catch { return error as? CallTimeoutError }
            }()
            await eventually("it is under way") { gate.waitingCount == round && bench.time.sleeperCount == 1 }
            bench.time.advance(by: .seconds(1))
            #expect(await outcome == CallTimeoutError(.callerDeadline, limit: .seconds(1), wasBegun: true))
        }
        #expect(bench.state == .closed && bench.totals.ignored == 5 && bench.totals.failures == 0)
        gate.open()
    }

    @Test func aDeadlineThatHasPassedMakesNoCallAndTakesNoPermit() async throws {
        let bench = try BreakerBench { $0.timeout = .seconds(3) }
        bench.time.advance(by: .seconds(5))
        let (deadline, before) = (bench.time.instant(), bench.totals)
        let error = await #expect(throws: CallTimeoutError.self) {
            try await CallDeadline.with(deadline) { try await bench.breaker.run { 1 } }
        }
        #expect(error?.wasBegun == false && error?.cause == .callerDeadline)
        #expect(bench.totals.differences(from: before) == [])
    }

    @Test func aLaterDeadlineOfTheCallerChangesNothing() async throws {
        let bench = try BreakerBench { $0.timeout = .seconds(3) }
        let gate = Gate()
        async let outcome: CallTimeoutError? = {
            do {
                _ = try await CallDeadline.with(bench.time.instant() + .seconds(3)) {
                    try await bench.call(until: gate)
                }
                return nil
            } catch { return error as? CallTimeoutError }
        }()
        await eventually("it is under way") { gate.waitingCount == 1 && bench.time.sleeperCount == 1 }
        bench.time.advance(by: .seconds(3))
        #expect(await outcome?.cause == .limit)
        #expect(bench.totals.timeouts == 1)
        gate.open()
    }

    @Test func aCallThatBoundsItselfIsNotBounded() async throws {
        let bench = try BreakerBench { $0.timeout = .seconds(3) }
        let answer = try await bench.breaker.runUnbounded {
            bench.time.advance(by: .seconds(100))
            return 7
        }
        #expect(answer == 7 && bench.totals.successes == 1 && bench.time.sleeperCount == 0)
    }

    // MARK: - Cancellation

    @Test(arguments: [nil, Duration.seconds(3)])
    func cancellationIsNeutral(timeout: Duration?) async throws {
        let bench = try BreakerBench { $0.timeout = timeout }
        let time = bench.time
        let sleepers = timeout == nil ? 1 : 2
        for _ in 0..<5 {
            let caller = Task { try await bench.breaker.run { try await time.sleep(for: .seconds(1)) } }
            await eventually("it is under way") { time.sleeperCount == sleepers }
            caller.cancel()
            await #expect(throws: CancellationError.self) { try await caller.value }
            #expect(bench.state == .closed)
            // The watch may sleep on; it is the next call's.
            await eventually("the call is back") { time.sleeperCount == sleepers - 1 }
        }
        #expect(bench.totals.ignored == 5 && bench.totals.failures == 0)
    }

    @Test func cancellationFreesTheProbesPermit() async throws {
        let bench = try BreakerBench()
        bench.breaker.open()
        bench.breaker.tryNow()
        let time = bench.time
        let caller = Task { try await bench.breaker.run { try await time.sleep(for: .seconds(1)) } }
        await eventually("the probe is out") { time.sleeperCount == 1 }
        #expect(throws: CircuitOpenError.self) { _ = try bench.breaker.acquire() }
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        #expect(bench.state == .halfOpen)
        #expect(try await bench.breaker.run { 7 } == 7)
        #expect(bench.state == .closed)
    }

    /// Some libraries answer a cancellation with an error of their own.
    @Test func anyErrorOfACancelledCallerIsNeutral() async throws {
        let bench = try BreakerBench()
        let gate = Gate()
        let caller = Task {
            try await bench.breaker.run {
                await gate.pass()
                throw Broken()
            }
        }
        await eventually("it is under way") { gate.waitingCount == 1 }
        caller.cancel()
        gate.open()
        await #expect(throws: Broken.self) { try await caller.value }
        #expect(bench.totals.ignored == 1 && bench.totals.failures == 0)
    }

    @Test func aCancelledCallThatNoticesTooLateIsNeutral() async throws {
        let bench = try BreakerBench { $0.timeout = .seconds(3) }
        let gate = Gate()
        let caller = Task { try await bench.call(until: gate) }
        await eventually("it is under way") { gate.waitingCount == 1 && bench.time.sleeperCount == 1 }
        caller.cancel()
        bench.time.advance(by: .seconds(3))
        await #expect(throws: CallTimeoutError.self) { try await caller.value }
        #expect(bench.totals.ignored == 1 && bench.totals.timeouts == 0)
        gate.open()
    }

    @Test func theCancellationOfSomethingFurtherInIsNeutral() async throws {
        let bench = try BreakerBench()
        for _ in 0..<5 {
            await #expect(throws: CancellationError.self) {
                try await bench.breaker.run { throw CancellationError() }
            }
        }
        #expect(bench.totals.ignored == 5 && bench.state == .closed)
    }
}
