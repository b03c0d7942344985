import CircuitBreaking
import Determinism
import DeterminismTestKit
import Testing

/// What a breaker shows of itself.
@Suite("Snapshots", .timeLimit(.minutes(1)))
struct SnapshotTests {
    @Test func aNewBreakerHasCountedNothing() throws {
        let snapshot = try BreakerBench().breaker.snapshot
        #expect(snapshot.name == "bank" && snapshot.state == .closed && snapshot.mode == .automatic)
        #expect(snapshot.generation == 0 && snapshot.calls == 0 && snapshot.failurePercent == nil)
        #expect(snapshot.slowPercent == nil && snapshot.retryAfter == nil && snapshot.latencyCount == 0)
        #expect(snapshot.median == nil && snapshot.percentile95 == nil && snapshot.percentile99 == nil)
    }

    @Test func showsTheRatesAndTheLatencies() throws {
        let bench = try BreakerBench {
            $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 10)
            $0.slowRate = SlowRateRule(threshold: .milliseconds(90), percent: 50, minimumCalls: 10)
            $0.window = .calls(100)
        }
        for number in 1...100 {
            let permit = try bench.breaker.acquire()
            bench.time.advance(by: .milliseconds(number))
            permit.record(number % 4 == 0 ? .failure() : .success)
        }
        let snapshot = bench.breaker.snapshot
        #expect(snapshot.calls == 100 && snapshot.failurePercent == 25 && snapshot.slowPercent == 11)
        #expect(snapshot.latencyCount == 100)
        func isNear(_ duration: Duration?, _ milliseconds: Double) -> Bool {
            let actual = Double(duration?.inMicroseconds ?? 0) / 1_000
            return abs(actual - milliseconds) <= milliseconds * 0.0625
        }
        #expect(isNear(snapshot.median, 50), "\(snapshot.median as Duration?)")
        #expect(isNear(snapshot.percentile95, 95) && isNear(snapshot.percentile99, 99))
        #expect(snapshot.totals.slow == 11 && snapshot.totals.successes == 75)
    }

    @Test func whatHasLeftTheWindowsIsNotShown() async throws {
        let bench = try BreakerBench {
            $0.slowRate = SlowRateRule(threshold: .seconds(1))
            $0.latencyWindow = .seconds(60)
        }
        await bench.fail()
        #expect(bench.breaker.snapshot.calls == 1 && bench.breaker.snapshot.failurePercent == 100)
        bench.time.advance(by: .seconds(11))
        let later = bench.breaker.snapshot
        #expect(later.calls == 0 && later.failurePercent == nil && later.slowPercent == nil)
        #expect(later.latencyCount == 1)
        bench.time.advance(by: .seconds(60))
        #expect(bench.breaker.snapshot.latencyCount == 0)
        #expect(bench.breaker.snapshot.totals.failures == 1)
    }

    @Test func showsHowLongAnOpenCircuitWaits() throws {
        let bench = try BreakerBench()
        bench.breaker.open()
        #expect(bench.breaker.snapshot.retryAfter == .seconds(30))
        bench.time.advance(by: .seconds(12))
        #expect(bench.breaker.snapshot.retryAfter == .seconds(18))
        bench.time.advance(by: .seconds(100))
        let snapshot = bench.breaker.snapshot
        #expect(snapshot.retryAfter == .zero && snapshot.state == .open, "an open circuit waits for a call")
    }

    @Test func lookingNoticesProbesAndCallsWhoseTimeIsUp() throws {
        let bench = try BreakerBench {
            $0.window = .calls(10)
            $0.failureRate = nil
            $0.slowRate = SlowRateRule(threshold: .seconds(2), percent: 100, minimumCalls: 1)
        }
        let hanging = try bench.breaker.acquire()
        bench.time.advance(by: .seconds(2))
        #expect(bench.breaker.snapshot.state == .open)
        bench.breaker.tryNow()
        let probe = try bench.breaker.acquire()
        bench.time.advance(by: .seconds(10))
        #expect(bench.breaker.snapshot.state == .open && bench.totals.expiredProbes == 1)
        hanging.record(.success)
        probe.record(.success)
    }

    @Test func withoutALatencyWindowThereAreNoPercentiles() async throws {
        let bench = try BreakerBench { $0.latencyWindow = nil }
        await bench.fail()
        #expect(bench.breaker.snapshot.latencyCount == 0 && bench.breaker.snapshot.median == nil)
    }
}
