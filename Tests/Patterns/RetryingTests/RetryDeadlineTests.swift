import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// `Retry` and `CallDeadline`.
@Suite("Retries: deadlines", .timeLimit(.minutes(1)))
struct RetryDeadlineTests {
    private let seen = Notes<Duration?>()

    private func bench(deadline: Duration?) -> RetryBench {
        var bench = RetryBench(attempts: 10)
        bench.configuration.deadline = deadline
        bench.configuration.backoff = .constant(.milliseconds(400))
        return bench
    }

    /// Notes the deadline that it runs under, and fails.
    private func failing(_ bench: RetryBench) -> @Sendable () async throws -> Int {
        let (seen, attempt) = (seen, bench.operation((0..<10).map { AdvisedError.harmless($0) }))
        return {
            seen.note(CallDeadline.current.map { $0 - Instant(nanoseconds: 0) })
            return try await attempt()
        }
    }

    @Test func theTotalDeadlineIsSeenByEveryAttemptAndNoPauseEndsBehindIt() async throws {
        let bench = bench(deadline: .seconds(1))
        let (retry, operation) = (try bench.retry(), failing(bench))
        let answer = WatchedCall { try await retry.run(operation) }
        await bench.pass([.milliseconds(400), .milliseconds(400)])
        await #expect(throws: AdvisedError.harmless(2)) { _ = try await answer.value }
        #expect(seen.all == [.seconds(1), .seconds(1), .seconds(1)])
        #expect(bench.events.attempts == [.zero, .milliseconds(400), .milliseconds(800)])
        #expect(bench.events.decisions.last == .giveUp(.deadline))
        #expect(CallDeadline.current == nil)
    }

    @Test func theDeadlineCountsFromTheCallsBeginning() async throws {
        let bench = bench(deadline: .seconds(1))
        bench.time.advance(by: .seconds(50))
        let (retry, operation) = (try bench.retry(), failing(bench))
        let answer = WatchedCall { try await retry.run(operation) }
        await bench.pass([.milliseconds(400), .milliseconds(400)])
        await answer.end()
        #expect(seen.all == [.seconds(51), .seconds(51), .seconds(51)])
    }

    @Test func anEarlierDeadlineOfTheCallerWins() async throws {
        let bench = bench(deadline: .seconds(1))
        let (retry, operation) = (try bench.retry(), failing(bench))
        let answer = WatchedCall {
            try await CallDeadline.with(Instant(nanoseconds: 500_000_000)) { try await retry.run(operation) }
        }
        await bench.pass([.milliseconds(400)])
        await #expect(throws: AdvisedError.harmless(1)) { _ = try await answer.value }
        #expect(seen.all == [.milliseconds(500), .milliseconds(500)])
        #expect(bench.events.decisions.last == .giveUp(.deadline))
    }

    @Test func aLaterDeadlineOfTheCallerDoesNotProlongItsOwn() async throws {
        let bench = bench(deadline: .milliseconds(300))
        let (retry, operation) = (try bench.retry(), failing(bench))
        await #expect(throws: AdvisedError.harmless(0)) {
            try await CallDeadline.with(Instant(nanoseconds: 60_000_000_000)) { try await retry.run(operation) }
        }
        #expect(seen.all == [.milliseconds(300)])
    }

    @Test func withoutADeadlineOfItsOwnTheCallersCounts() async throws {
        let bench = bench(deadline: nil)
        let (retry, operation) = (try bench.retry(), failing(bench))
        await #expect(throws: AdvisedError.harmless(0)) {
            try await CallDeadline.with(Instant(nanoseconds: 400_000_000)) { try await retry.run(operation) }
        }
        #expect(bench.events.decisions == [.giveUp(.deadline)], "a pause that ends at the deadline is too long")
    }

    @Test func theTimeThatAttemptsTakeCounts() async throws {
        let bench = bench(deadline: .seconds(1))
        let retry = try bench.retry()
        await #expect(throws: AdvisedError.harmless()) {
            try await retry.run {
                bench.time.advance(by: .milliseconds(600))
                throw AdvisedError.harmless()
            }
        }
        #expect(bench.events.decisions == [.giveUp(.deadline)])
    }

    @Test func aTimeoutByTheCallersDeadlineIsNotRepeated() async throws {
        var bench = bench(deadline: nil)
        bench.configuration.repeats = .idempotentCalls
        for (cause, decision) in [
            (CallTimeoutError.Cause.callerDeadline, RetryMachine.Decision.giveUp(.pointless)),
            (.limit, .pause(.milliseconds(400))),
        ] {
            let events = bench.events.decisions.count
            let (retry, error) = (try bench.retry(), CallTimeoutError(cause, limit: .seconds(1), wasBegun: true))
            let call = WatchedCall { try await retry.run { throw error } }
            await eventually("a decision") { bench.events.decisions.count > events }
            call.cancel()
            await call.end()
            #expect(bench.events.decisions.last == decision)
        }
    }
}
