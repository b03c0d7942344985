import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// Retry, bulkhead, timeout and fallback around one call.
@Suite("Chains of policies", .timeLimit(.minutes(1)))
struct ChainTests {
    private let time = ManualTime()
    private let timer: CallTimer
    private let bulkhead: Bulkhead
    private let retry: Retry
    private let notes = Notes<String>()

    init() throws {
        timer = CallTimer(time: time)
        bulkhead = Bulkhead(limit: 1, queue: 1, longestWait: .seconds(10), timer: timer)
        var configuration = RetryConfiguration()
        configuration.repeats = .idempotentCalls
        configuration.backoff = .constant(.seconds(1))
        configuration.deadline = .seconds(20)
        retry = try Retry(configuration, time: time, random: SeededRandom(seed: 1))
    }

    private var policies: some CallPolicy {
        callPolicies {
            retry
            bulkhead
            CallTimeout(.seconds(3), timer: timer)
        }
    }

    /// Takes time, unless it is cancelled.
    private func operation(taking durations: [Duration]) -> @Sendable () async throws -> Int {
        let (time, notes) = (time, notes)
        return {
            let number = notes.all.count
            notes.note("attempt at \((time.instant() - Instant(nanoseconds: 0)).components.seconds)")
            try await time.sleep(for: durations[min(number, durations.count - 1)])
            return number
        }
    }

    /// Lets time pass, once somebody sleeps until that moment.
    private func pass(to moment: Duration) async {
        let moment = Instant(nanoseconds: 0) + moment
        await eventually("somebody sleeps until then") { time.earliestDeadline == moment }
        time.advance(by: moment - time.instant())
    }

    @Test func eachAttemptHasThePlaceAndTheTimeoutToItself() async throws {
        let (policies, operation) = (policies, operation(taking: [.seconds(60), .seconds(2)]))
        let call = WatchedCall { try await policies.call(operation) }
        await pass(to: .seconds(3))
        await eventually("the pause begins, and the place is free") {
            time.earliestDeadline == Instant(nanoseconds: 4_000_000_000) && bulkhead.snapshot.running == 0
        }
        #expect(timer.count == 0, "the timeout has ended as well")
        let answer = try await bulkhead.run { "somebody else" }
        #expect(answer == "somebody else")
        await pass(to: .seconds(4))
        await eventually("the second attempt has the place") { notes.all.count == 2 && bulkhead.snapshot.running == 1 }
        await pass(to: .seconds(6))
        #expect(try await call.value == 1)
        #expect(notes.all == ["attempt at 0", "attempt at 4"])
        #expect(bulkhead.snapshot.running == 0)
        #expect(timer.count == 0)
    }

    @Test func timeInTheQueueIsNotTheTimeouts() async throws {
        let holder = try await bulkhead.acquire()
        let (policies, operation) = (policies, operation(taking: [.milliseconds(2_500)]))
        let call = WatchedCall { try await policies.call(operation) }
        await eventually("it waits, and is watched") { bulkhead.snapshot.waiting == 1 && time.sleeperCount == 1 }
        time.advance(by: .seconds(2))
        _ = consume holder
        await pass(to: .milliseconds(4_500))
        #expect(try await call.value == 0)
        #expect(notes.all == ["attempt at 2"])
    }

    @Test func theFallbackAnswersLast() async throws {
        let (policies, notes) = (policies, notes)
        let call = WatchedCall {
            try await policies.call { () async throws -> Int in
                notes.note("attempt")
                throw AdvisedError.harmless(notes.all.count)
            } fallback: { error in
                notes.note("fallback")
                return (error as? AdvisedError)?.number ?? 0
            }
        }
        await pass(to: .seconds(1))
        await pass(to: .seconds(2))
        #expect(try await call.value == 3)
        #expect(notes.all == ["attempt", "attempt", "attempt", "fallback"])
    }

    @Test func aFullBulkheadIsNotTriedAgainAndHasAFallback() async throws {
        let full = Bulkhead(limit: 1, timer: timer)
        let holder = try await full.acquire()
        let policies = callPolicies {
            retry
            full
            CallTimeout(.seconds(3), timer: timer)
        }
        let answer = try await policies.call(operation(taking: [.zero])) { error in
            (error as? BulkheadError)?.reason == .full ? -1 : -2
        }
        #expect(answer == -1)
        #expect(notes.all.isEmpty)
        #expect(full.snapshot.refusals == 1)
        holder.keep()
    }

    @Test func anAnswerNeedsNoFallback() async throws {
        let answer = try await policies.call {
            5
        } fallback: { _ in
            6
        }
        #expect(answer == 5)
    }

    @Test func aCancelledCallerWantsNoFallback() async throws {
        let (policies, operation, isAsked) = (policies, operation(taking: [.seconds(60)]), Flag())
        let call = WatchedCall {
            try await policies.call(operation) { _ in
                isAsked.raise()
                return 0
            }
        }
        await eventually("the operation and its watch sleep") { time.sleeperCount == 2 }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(!isAsked.isRaised)
        #expect(notes.all == ["attempt at 0"])
        #expect(bulkhead.snapshot.running == 0)
    }

    @Test func theRetrysDeadlineCutsTheLastAttemptShort() async throws {
        var configuration = retry.configuration
        (configuration.attempts, configuration.deadline) = (10, .seconds(6))
        let short = try Retry(configuration, time: time, random: SeededRandom(seed: 1))
        let policies = callPolicies {
            short
            bulkhead
            CallTimeout(.seconds(3), timer: timer)
        }
        let operation = operation(taking: [.seconds(60)])
        let call = WatchedCall { try await policies.call(operation) }
        for moment in [3, 4, 6] as [Int64] { await pass(to: .seconds(moment)) }
        await #expect(throws: CallTimeoutError(.callerDeadline, limit: .seconds(2), wasBegun: true)) {
            try await call.value
        }
        #expect(notes.all == ["attempt at 0", "attempt at 4"])
    }

    @Test func theRetrysDeadlineBoundsTheWaitForAPlace() async throws {
        let holder = try await bulkhead.acquire()
        var configuration = retry.configuration
        configuration.deadline = .seconds(6)
        let short = try Retry(configuration, time: time, random: SeededRandom(seed: 1))
        let policies = callPolicies {
            short
            bulkhead
        }
        let operation = operation(taking: [.zero])
        let call = WatchedCall { try await policies.call(operation) }
        await pass(to: .seconds(6))
        let error = await #expect(throws: BulkheadError.self) { try await call.value }
        #expect(error?.reason == .waitedTooLong)
        #expect(notes.all.isEmpty)
        holder.keep()
    }
}
