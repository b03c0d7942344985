import CircuitBreaking
import Determinism
import Testing

/// Every promise under random schedules, beside a reference that is written without any cleverness.
@Suite("Simulated breakers")
struct SimulationTests {
    @Test(arguments: UInt64(0)..<8)
    func promisesHold(batch: UInt64) throws {
        var (calls, rejections, probes, stale, released, stepsBack, lost) = (0, 0, 0, 0, 0, 0, 0)
        var reasons: [String: Int] = [:]
        for seed in (batch * 100)..<(batch * 100 + 100) {
            let simulation = BreakerSimulation(seed: seed)
            do throws(BreakerSimulation.Failure) {
                try simulation.run(steps: 500)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            let summary = simulation.summary
            calls += summary.calls
            rejections += summary.rejections
            probes += summary.probes
            stale += summary.stale
            released += summary.released
            stepsBack += summary.stepsBack
            lost += summary.lost
            reasons.merge(summary.reasons, uniquingKeysWith: +)
        }
        // A schedule in which nothing happens proves nothing.
        #expect(calls > 20_000 && rejections > 2_000 && probes > 1_000 && stale > 300, "\(calls) \(rejections)")
        #expect(released > 50 && stepsBack > 500 && lost > 500, "\(released) \(stepsBack) \(lost)")
        for reason in [
            "failureRate", "slowRate", "consecutiveFailures", "waitOver", "probesSucceeded", "probesFailed",
            "probesSlow", "probesExpired", "operatorDecision",
        ] {
            #expect(reasons[reason, default: 0] > 5, "\(reason) in \(reasons)")
        }
    }
}
