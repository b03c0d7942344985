import CallPolicies
import CircuitBreaking
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// A breaker between its neighbors: retry and bulkhead outside of it, a timeout inside.
@Suite("A breaker in a chain", .timeLimit(.minutes(1)))
struct ChainTests {
    /// The call had no effect.
    private struct Harmless: RepeatAdvising {
        var repeatAdvice: RepeatAdvice { .repeatable() }
    }
    private let bench: BreakerBench
    private let bulkhead: Bulkhead
    private let attempts = Notes<Int>()

    init() throws {
        bench = try BreakerBench()
        bulkhead = Bulkhead(limit: 1, timer: bench.timer)
    }

    /// Attempts that follow at once.
    private func chain(attempts: Int) throws -> some CallPolicy {
        var configuration = RetryConfiguration()
        (configuration.attempts, configuration.repeats) = (attempts, .idempotentCalls)
        configuration.backoff = .constant(.zero)
        let retry = try Retry(configuration, time: bench.time, random: SeededRandom(seed: 1))
        return callPolicies {
            retry
            bulkhead
            bench.breaker
            CallTimeout(.seconds(3), timer: bench.timer)
        }
    }

    @Test func anOpenCircuitEndsTheAttemptsAndHasAFallback() async throws {
        let policies = try chain(attempts: 5)
        let answer = try await policies.call { () async throws -> Int in
            attempts.note(1)
            throw Harmless()
        } fallback: { error in
            (error as? CircuitOpenError)?.rejection.reason == .open ? -1 : -2
        }
        #expect(answer == -1 && attempts.all.count == 2, "two failures open it, and the third attempt is not made")
        #expect(bench.state == .open && bench.totals.failures == 2 && bench.totals.rejections == 1)
        #expect(bulkhead.snapshot.running == 0)
        await #expect(throws: CircuitOpenError.self) { try await policies.call { 1 } }
        #expect(bench.totals.rejections == 2, "rejected once, not once for each attempt")
    }

    @Test func eachAttemptIsACallToTheBreaker() async throws {
        let answer = try await chain(attempts: 3).call {
            attempts.note(1)
            if attempts.all.count == 1 { throw Harmless() }
            return attempts.all.count
        }
        #expect(answer == 2 && bench.state == .closed)
        #expect(bench.totals.failures == 1 && bench.totals.successes == 1)
    }

    @Test func aTimeoutInsideIsAFailureOfEachAttempt() async throws {
        let (time, attempts, policies) = (bench.time, attempts, try chain(attempts: 2))
        let call = Task {
            try await policies.call {
                attempts.note(1)
                try await time.sleep(for: .seconds(60))
            }
        }
        for round in 1...2 {
            let end = Instant(nanoseconds: 0) + .seconds(3 * round)
            await eventually("attempt \(round) is under way and bounded") {
                attempts.all.count == round && time.earliestDeadline == end
            }
            time.advance(by: .seconds(3))
        }
        await #expect(throws: CallTimeoutError(.limit, limit: .seconds(3), wasBegun: true)) { try await call.value }
        #expect(bench.state == .open && bench.totals.failures == 2)
        #expect(bench.totals.timeouts == 0, "the timeout was not its own")
    }

    @Test func aFullBulkheadIsNoCallToTheBreaker() async throws {
        let holder = try await bulkhead.acquire()
        let before = bench.totals
        let policies = try chain(attempts: 5)
        let error = await #expect(throws: BulkheadError.self) { try await policies.call { 1 } }
        #expect(error?.reason == .full)
        #expect(bench.totals.differences(from: before) == [] && bulkhead.snapshot.refusals == 1)
        holder.keep()
    }
}
