import CallPolicies
import CircuitBreaking
import Determinism
import DeterminismTestKit
import Testing

/// What errors and answers say.
@Suite("Judging calls", .timeLimit(.minutes(1)))
struct ClassifierTests {
    private struct Busy: RepeatAdvising { let repeatAdvice: RepeatAdvice }
    private struct Full: CallNotMade {}
    private struct FullForNow: CallNotMade, RepeatAdvising {
        var repeatAdvice: RepeatAdvice { .repeatable(after: .seconds(1)) }
    }

    @Test func theStandardJudgesByWhatErrorsSay() {
        func outcome(_ error: any Error) -> CallOutcome { CallClassifier.standardOutcome(of: error) }
        #expect(outcome(Broken()) == .failure())
        #expect(outcome(CallTimeoutError(.limit, limit: .seconds(1), wasBegun: true)) == .failure())
        #expect(outcome(CallTimeoutError(.callerDeadline, limit: .seconds(1), wasBegun: true)) == .ignored)
        #expect(outcome(CancellationError()) == .ignored)
        #expect(outcome(Full()) == .ignored)
        #expect(outcome(FullForNow()) == .ignored)
        #expect(outcome(Busy(repeatAdvice: .repeatable(after: .seconds(9)))) == .failure(retryAfter: .seconds(9)))
        #expect(outcome(Busy(repeatAdvice: .uncertain(after: .seconds(8)))) == .failure(retryAfter: .seconds(8)))
        #expect(outcome(Busy(repeatAdvice: .pointless)) == .failure())
    }

    @Test func anOpenCircuitFurtherInIsNotAFailure() async throws {
        let (outer, inner) = (try BreakerBench(), try BreakerBench())
        await inner.fail(2)
        for _ in 0..<5 {
            await #expect(throws: CircuitOpenError.self) {
                try await outer.breaker.run { try await inner.breaker.run { 1 } }
            }
        }
        #expect(outer.state == .closed && outer.totals.ignored == 5)
    }

    @Test func retryAfterOfAnErrorSaysHowLongTheCircuitStaysOpen() async throws {
        let bench = try BreakerBench()
        await bench.fail()
        _ = try? await bench.breaker.run { throw Busy(repeatAdvice: .repeatable(after: .seconds(77))) }
        #expect(bench.breaker.snapshot.retryAfter == .seconds(77))
        let error = #expect(throws: CircuitOpenError.self) { _ = try bench.breaker.acquire() }
        #expect(error?.retryAfter == .seconds(77))
    }

    @Test(arguments: [nil, Duration.seconds(3)])
    func callersMayJudgeByThemselves(timeout: Duration?) async throws {
        let classifier = CallClassifier { $0 is Mistaken ? .ignored : .failure(retryAfter: .seconds(4)) }
        let bench = try BreakerBench(classifier: classifier) { $0.timeout = timeout }
        for _ in 0..<5 { _ = try? await bench.breaker.run { throw Mistaken() } }
        #expect(bench.totals.ignored == 5)
        for _ in 0..<2 { _ = try? await bench.breaker.run { throw Broken() } }
        #expect(bench.breaker.snapshot.retryAfter == .seconds(4))
    }

    /// Some clients end calls that take too long by cancelling them.
    @Test(arguments: [nil, Duration.seconds(3)])
    func aCancellationThatIsNotTheCallersIsJudged(timeout: Duration?) async throws {
        let bench = try BreakerBench(classifier: CallClassifier { _ in .failure() }) { $0.timeout = timeout }
        for _ in 0..<2 { _ = try? await bench.breaker.run { throw CancellationError() } }
        #expect(bench.state == .open && bench.totals.failures == 2)
        bench.breaker.close()
        let gate = Gate()
        let caller = Task {
            try await bench.breaker.run {
                await gate.pass()
                throw CancellationError()
            }
        }
        await eventually("it is under way") { gate.waitingCount == 1 }
        caller.cancel()
        gate.open()
        await #expect(throws: CancellationError.self) { try await caller.value }
        #expect(bench.totals.ignored == 1 && bench.totals.failures == 2, "that of the caller is not")
    }

    /// Answers such as status 503 are no errors to a client, and failures to a breaker.
    @Test(arguments: [nil, Duration.seconds(3)])
    func answersMayBeFailuresAndAreReturned(timeout: Duration?) async throws {
        let bench = try BreakerBench { $0.timeout = timeout }
        func status(_ code: Int) async throws -> Int {
            try await bench.breaker.run {
                code
            } judging: { code in
                switch code {
                case 500...: .failure(retryAfter: .seconds(12))
                case 404: .ignored
                default: .success
                }
            }
        }
        for code in [200, 404, 503] {
            let answer = try await status(code)
            #expect(answer == code)
        }
        #expect(bench.totals.successes == 1 && bench.totals.ignored == 1 && bench.totals.failures == 1)
        bench.breaker.close()
        for _ in 0..<2 { _ = try await status(503) }
        #expect(bench.breaker.snapshot.retryAfter == .seconds(12))
    }

    /// That it compiles is the point.
    @Test func aJudgeMayUseWhatBelongsToItsCallersActor() async throws {
        actor Client {
            var bad = 503
            func ask(_ breaker: CircuitBreaker) async throws -> Int {
                try await breaker.run {
                    503
                } judging: {
                    $0 == bad ? .failure() : .success
                }
            }
        }
        let bench = try BreakerBench()
        #expect(try await Client().ask(bench.breaker) == 503 && bench.totals.failures == 1)
    }

    @Test func anUnboundedCallsAnswersAreJudged() async throws {
        let bench = try BreakerBench()
        for _ in 0..<2 {
            let answer = try await bench.breaker.runUnbounded {
                "no"
            } judging: {
                $0 == "no" ? .failure() : .success
            }
            #expect(answer == "no")
        }
        #expect(bench.state == .open)
    }
}
