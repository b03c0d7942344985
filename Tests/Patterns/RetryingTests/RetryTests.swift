import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// `Retry`: attempts, pauses and notices, in their order.
@Suite("Retries", .timeLimit(.minutes(1)))
struct RetryTests {
    @Test func aCallThatSucceedsIsMadeOnce() async throws {
        let bench = RetryBench()
        let answer = try await bench.retry().run(bench.operation([]))
        #expect(answer == 1)
        #expect(bench.events.all == [.attempt(at: .zero)])
        #expect(bench.time.sleeperCount == 0)
    }

    @Test func attemptsNoticesAndPausesComeInTheirOrder() async throws {
        let bench = RetryBench(attempts: 4)
        let retry = try bench.retry()
        let operation = bench.operation([AdvisedError.harmless(1), AdvisedError.harmless(2)])
        let answer = WatchedCall { try await retry.run(operation) }
        await bench.pass([.seconds(1), .seconds(2)])
        #expect(try await answer.value == 3)
        #expect(
            bench.events.all == [
                .attempt(at: .zero), .notice(1, .pause(.seconds(1))), .attempt(at: .seconds(1)),
                .notice(2, .pause(.seconds(2))), .attempt(at: .seconds(3)),
            ])
        #expect(bench.errors.all == [.harmless(1), .harmless(2)])
    }

    @Test func theErrorOfTheLastAttemptIsTheCallers() async throws {
        let bench = RetryBench(attempts: 2)
        let retry = try bench.retry()
        let operation = bench.operation([AdvisedError.harmless(1), AdvisedError.harmless(2), AdvisedError.harmless(3)])
        let answer = WatchedCall { try await retry.run(operation) }
        await bench.pass([.seconds(1)])
        await #expect(throws: AdvisedError.harmless(2)) { _ = try await answer.value }
        #expect(bench.events.attempts.count == 2)
        #expect(bench.events.decisions == [.pause(.seconds(1)), .giveUp(.attemptsUsedUp)])
    }

    @Test func anErrorThatSaysNothingIsRepeatedOnlyForIdempotentCalls() async throws {
        let careful = RetryBench()
        await #expect(throws: ForeignError()) { try await careful.retry().run(careful.operation([ForeignError()])) }
        #expect(careful.events.decisions == [.giveUp(.mayHaveHadAnEffect)])

        var bench = RetryBench()
        bench.configuration.repeats = .idempotentCalls
        let (retry, operation) = (try bench.retry(), bench.operation([ForeignError()]))
        let answer = WatchedCall { try await retry.run(operation) }
        await bench.pass([.seconds(1)])
        #expect(try await answer.value == 2)
    }

    @Test func othersErrorsAreJudgedByTheAdvice() async throws {
        let bench = RetryBench(attempts: 9)
        let retry = try bench.retry { error in
            (error as? ForeignError)?.code == 503 ? .repeatable(after: .seconds(7)) : .pointless
        }
        let operation = bench.operation([ForeignError(code: 503), ForeignError(code: 400)])
        let answer = WatchedCall { try await retry.run(operation) }
        await bench.pass([.seconds(7)])
        await #expect(throws: ForeignError(code: 400)) { _ = try await answer.value }
        #expect(bench.events.decisions == [.pause(.seconds(7)), .giveUp(.pointless)])
    }

    @Test func anOpenCircuitIsNotTriedAgain() async throws {
        var bench = RetryBench()
        bench.configuration.repeats = .idempotentCalls
        let (retry, operation) = (try bench.retry(), bench.operation([AdvisedError.openCircuit]))
        await #expect(throws: AdvisedError.openCircuit) { try await retry.run(operation) }
        #expect(bench.events.all == [.attempt(at: .zero), .notice(1, .giveUp(.pointless))])
        #expect(bench.time.sleeperCount == 0)
    }

    @Test func cancellationThatACalleeReportsIsNotRepeated() async throws {
        var bench = RetryBench()
        bench.configuration.repeats = .idempotentCalls
        let (retry, operation) = (try bench.retry(), bench.operation([CancellationError()]))
        await #expect(throws: CancellationError.self) { try await retry.run(operation) }
        #expect(bench.events.decisions == [.giveUp(.pointless)])
    }

    @Test func jitterIsDrawnForEachPause() async throws {
        var bench = RetryBench(attempts: 20)
        bench.configuration.backoff = Backoff(base: .seconds(10), multiplier: 1, longest: .seconds(10), jitter: .full)
        let retry = try bench.retry()
        let operation = bench.operation((0..<19).map { AdvisedError.harmless($0) })
        let answer = WatchedCall { try await retry.run(operation) }
        for attempts in 1..<20 {
            await eventually("attempt \(attempts) has failed") {
                bench.events.decisions.count == attempts && bench.time.advanceToNextSleeper()
            }
        }
        #expect(try await answer.value == 20)
        let pauses = Set(bench.events.decisions)
        #expect(pauses.count == 19, "no two alike: \(pauses)")
    }

    @Test func theShortInitializerIsTheDefaultsButForItsArguments() {
        let retry = Retry(attempts: 5, repeats: .idempotentCalls)
        var expected = RetryConfiguration()
        (expected.attempts, expected.repeats) = (5, .idempotentCalls)
        #expect(retry.configuration == expected)
        #expect(Retry(attempts: 3).configuration == RetryConfiguration())
    }

    /// What an actor hands over stays in it: attempts run in its place.
    private actor Counter {
        private var count = 0

        func countUpWith(_ retry: Retry) async throws -> Int {
            try await retry.run {
                count += 1
                if count < 3 { throw AdvisedError.harmless() }
                return count
            }
        }
    }

    @Test func anActorsAttemptsRunInTheActor() async throws {
        var bench = RetryBench()
        bench.configuration.backoff = .constant(.zero)
        let retry = try bench.retry()
        let count = try await Counter().countUpWith(retry)
        #expect(count == 3)
    }
}
