import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// `Retry` when nobody wants the answer any more.
@Suite("Retries: cancellation", .timeLimit(.minutes(1)))
struct RetryCancellationTests {
    @Test func cancelledDuringAPause() async throws {
        let bench = RetryBench()
        let (retry, operation) = (try bench.retry(), bench.operation([AdvisedError.harmless()]))
        let call = WatchedCall { try await retry.run(operation) }
        await eventually("the pause begins") { bench.time.sleeperCount == 1 }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(bench.time.sleeperCount == 0)
        #expect(bench.events.all == [.attempt(at: .zero), .notice(1, .pause(.seconds(1)))])
    }

    @Test func cancelledDuringAnAttempt() async throws {
        let (bench, gate) = (RetryBench(), Gate())
        let retry = try bench.retry()
        let call = WatchedCall {
            try await retry.run {
                await gate.pass()
                throw AdvisedError.harmless(7)
            }
        }
        await eventually("the attempt is under way") { gate.waitingCount == 1 }
        call.cancel()
        gate.open()
        await #expect(throws: AdvisedError.harmless(7), "its own error, not a made-up one") { try await call.value }
        #expect(bench.events.all == [.notice(1, .giveUp(.pointless))])
        #expect(bench.time.sleeperCount == 0)
    }

    @Test func cancelledDuringAnAttemptThatSucceedsAllTheSame() async throws {
        let (bench, gate) = (RetryBench(), Gate())
        let retry = try bench.retry()
        let call = WatchedCall {
            try await retry.run {
                await gate.pass()
                return 1
            }
        }
        await eventually("the attempt is under way") { gate.waitingCount == 1 }
        call.cancel()
        gate.open()
        #expect(try await call.value == 1)
    }

    @Test func aCancelledCallerPaysForNoRetry() async throws {
        var bench = RetryBench()
        bench.budget = RetryBudget(percent: 0, perSecond: 0, capacity: 1, time: bench.time)
        let (retry, gate) = (try bench.retry(), Gate())
        let call = WatchedCall {
            try await retry.run {
                await gate.pass()
                throw AdvisedError.harmless()
            }
        }
        await eventually("the attempt is under way") { gate.waitingCount == 1 }
        call.cancel()
        gate.open()
        await call.end()
        #expect(bench.budget?.balance == 1)
    }
}
