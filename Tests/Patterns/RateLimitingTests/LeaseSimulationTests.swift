import Determinism
import DeterminismTestKit
import RateLimiting
import Testing

/// Several processes with a limiter each over one store, under a driven clock.
@Suite("Leases of many processes")
struct LeaseSimulationTests {
    private struct Outcome {
        /// Tokens admitted in each millisecond.
        var admitted: [Int64] = []
        var requests = 0
        var trips = 0
    }

    private func simulate(
        _ limit: RateLimit, processes: Int, milliseconds: Int, perMillisecond: (Int) -> Int, seed: UInt64,
        share: Double = 0.025
    ) async throws -> Outcome {
        let time = ManualTime()
        let store = try ScriptedStore(time)
        let random = SeededRandom(seed: seed)
        var configuration = LeaseConfiguration()
        configuration.largestShare = share
        var limiters: [LeasedRateLimiter] = []
        for _ in 0..<processes {
            limiters.append(
                try LeasedRateLimiter(store, configuration, processes: { processes }, time: time))
        }
        let request = RateLimitRequest(.consume, RateLimitKey("hot"), limit)
        var outcome = Outcome()
        for millisecond in 0..<milliseconds {
            var admitted: Int64 = 0
            for _ in 0..<perMillisecond(millisecond) {
                let limiter = limiters[Int(random.next(below: UInt64(processes)))]
                outcome.requests += 1
                if try await limiter.decide(request).isAllowed { admitted += 1 }
            }
            outcome.admitted.append(admitted)
            time.advance(by: .milliseconds(1))
        }
        outcome.trips = store.trips
        return outcome
    }

    /// The greatest number of tokens, over all stretches, beyond what a bucket admits in such a stretch.
    private func excess(_ admitted: [Int64], capacity: Int64, perMillisecond: Int64) -> Int64 {
        // The largest sum of (admitted - refill) over consecutive milliseconds, less the capacity: Kadane.
        var (best, running): (Int64, Int64) = (.min, 0)
        for tokens in admitted {
            running = max(running, 0) + tokens - perMillisecond
            best = max(best, running)
        }
        // The last millisecond's refill has not come when its tokens are used.
        return best + perMillisecond - capacity
    }

    @Test("ten processes, five times the demand: 20 times fewer trips, less than 1 % too many", arguments: 0..<3)
    func overload(seed: UInt64) async throws {
        let limit = try RateLimit.tokenBucket("a", capacity: 10_000, refill: 1_000)
        let outcome = try await simulate(
            limit, processes: 10, milliseconds: 10_000, perMillisecond: { _ in 5 }, seed: seed)
        let admitted = outcome.admitted.reduce(0, +)
        #expect(admitted <= 10_000 + 10_000)
        #expect(admitted > 19_700)
        #expect(outcome.requests > 20 * outcome.trips)
        #expect(excess(outcome.admitted, capacity: 10_000, perMillisecond: 1) < 100)
    }

    @Test("demand below the limit: everybody is admitted, 20 times fewer trips", arguments: 0..<3)
    func underLimit(seed: UInt64) async throws {
        let limit = try RateLimit.tokenBucket("a", capacity: 10_000, refill: 4_000)
        let outcome = try await simulate(
            limit, processes: 10, milliseconds: 5_000, perMillisecond: { _ in 3 }, seed: seed)
        #expect(outcome.admitted.reduce(0, +) == 15_000)
        #expect(outcome.requests > 20 * outcome.trips)
    }

    @Test("bursts: no stretch sees more than the stated share too many", arguments: 0..<8)
    func bursts(seed: UInt64) async throws {
        let random = SeededRandom(seed: seed &+ 100)
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1_000)
        let share = [0.025, 0.05, 0.2][Int(seed % 3)]
        var demand = 0
        var demands: [Int] = []
        for millisecond in 0..<6_000 {
            if millisecond % 250 == 0 { demand = [0, 0, 1, 3, 20][Int(random.next(below: 5))] }
            demands.append(demand)
        }
        let outcome = try await simulate(
            limit, processes: 4, milliseconds: 6_000, perMillisecond: { demands[$0] }, seed: seed, share: share)
        let excess = excess(outcome.admitted, capacity: 1_000, perMillisecond: 1)
        #expect(Double(excess) <= share * 1_000)
    }
}
