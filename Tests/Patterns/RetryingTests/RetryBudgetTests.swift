import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// `Retry` with a `RetryBudget`.
@Suite("Retry budgets", .timeLimit(.minutes(1)))
struct RetryBudgetTests {
    private func bench(percent: Int = 0, perSecond: Int = 0, capacity: Int) -> RetryBench {
        var bench = RetryBench(attempts: 3)
        bench.budget = RetryBudget(percent: percent, perSecond: perSecond, capacity: capacity, time: bench.time)
        return bench
    }

    @Test func defaults() {
        let budget = RetryBudget()
        #expect(budget.balance == 50)
        #expect(budget.refusals == 0)
    }

    @Test func aRetryThatWaitsInItsPauseCounts() async throws {
        let bench = bench(capacity: 1)
        let (retry, first) = (try bench.retry(), bench.operation([AdvisedError.harmless(1)]))
        let answer = WatchedCall { try await retry.run(first) }
        await eventually("the first call's pause begins") { bench.time.sleeperCount == 1 }
        #expect(bench.budget?.balance == 0)
        await #expect(throws: AdvisedError.harmless(2)) { try await retry.run { throw AdvisedError.harmless(2) } }
        #expect(bench.events.decisions == [.pause(.seconds(1)), .giveUp(.budget)])
        #expect(bench.budget?.refusals == 1)
        await bench.pass([.seconds(1)])
        #expect(try await answer.value == 2)
    }

    @Test func eachRetryIsPaidForAndEachCallPaysOnce() async throws {
        let bench = bench(percent: 100, capacity: 2)
        let (retry, operation) = (try bench.retry(), bench.operation((0..<3).map { AdvisedError.harmless($0) }))
        let answer = WatchedCall { try await retry.run(operation) }
        await bench.pass([.seconds(1), .seconds(2)])
        await #expect(throws: AdvisedError.harmless(2)) { _ = try await answer.value }
        #expect(bench.budget?.balance == 0, "two retries, and a call when it was full")
        _ = try await retry.run { 1 }
        #expect(bench.budget?.balance == 1, "a call that succeeds pays as well")
    }

    @Test func whatIsNotRepeatedAnywayIsNotPaidFor() async throws {
        let bench = bench(capacity: 1)
        let retry = try bench.retry()
        for error: any Error in [AdvisedError.openCircuit, ForeignError(), CancellationError()] {
            await #expect(throws: (any Error).self) { try await retry.run { throw error } }
        }
        await #expect(throws: AdvisedError.harmless()) {
            try await CallDeadline.with(bench.time.instant()) { try await retry.run { throw AdvisedError.harmless() } }
        }
        #expect(bench.budget?.balance == 1)
        #expect(bench.budget?.refusals == 0)
    }

    @Test func timeBringsRetriesToWhoCallsRarely() async throws {
        let bench = bench(perSecond: 1, capacity: 1)
        let retry = try bench.retry()
        let operation = bench.operation((0..<3).map { AdvisedError.harmless($0) })
        let answer = WatchedCall { try await retry.run(operation) }
        await bench.pass([.seconds(1), .seconds(2)])
        await #expect(throws: AdvisedError.harmless(2)) { _ = try await answer.value }
        #expect(bench.events.decisions.prefix(2) == [.pause(.seconds(1)), .pause(.seconds(2))])
        #expect(bench.budget?.balance == 1)
    }

    /// Several callers of one dependency that fails altogether: their retries stay within what their calls allow.
    @Test func allCallersShareIt() async throws {
        var bench = bench(percent: 20, capacity: 10)
        bench.configuration.backoff = .constant(.zero)
        let retries = try (0..<4).map { _ in try bench.retry() }
        await withTaskGroup(of: Void.self) { group in
            for retry in retries {
                group.addTask {
                    for _ in 0..<250 {
                        _ = try? await retry.run { () async throws -> Int in throw AdvisedError.harmless() }
                    }
                }
            }
        }
        let repeated = bench.events.decisions.count { $0 == .pause(.zero) }
        #expect(repeated <= 10 + 200)
        #expect(repeated >= 200, "and are not kept from what is theirs")
    }
}
