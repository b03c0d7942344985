import Foundation
import ReplicaRouting
import ReplicaRoutingTestKit
import Testing

/// Routers against servers that fail in every way the model knows, by seed.
@Suite("Simulated failures")
struct SimulationTests {
    private static let isLong = ProcessInfo.processInfo.environment["PANTRY_TEST_LONG"] == "1"

    @Test(arguments: [true, false])
    func thePromisesHoldForEverySeed(hasRegistry: Bool) {
        var total = SimulationReport()
        for seed in 1...(Self.isLong ? 1_000 : 50) as ClosedRange<UInt64> {
            var simulation = ReplicaRoutingSimulation(seed: seed, hasRegistry: hasRegistry)
            total.add(simulation.run(steps: 1_500))
        }
        #expect(total.violations == [])
        // The simulation must have been where it hurts.
        #expect(total.promotions > 50 && total.lostWrites > 500 && total.changesOfPrimary > 200)
        #expect(total.replicaReads > 2_000 && total.primaryReads > 2_000 && total.agedReads > 1_000)
    }

    /// With one replica and with many, and more routers than one should have.
    @Test(arguments: [(1, 1), (1, 4), (6, 3)])
    func thePromisesHoldForOtherSizes(replicaCount: Int, routerCount: Int) {
        var total = SimulationReport()
        for seed in 1_000...1_015 as ClosedRange<UInt64> {
            var simulation = ReplicaRoutingSimulation(
                seed: seed, hasRegistry: true, replicaCount: replicaCount, routerCount: routerCount)
            total.add(simulation.run(steps: 1_000))
        }
        #expect(total.violations == [])
    }

    @Test func aSeedAlwaysGivesTheSameRun() {
        var (first, second) = (
            ReplicaRoutingSimulation(seed: 42, hasRegistry: true), ReplicaRoutingSimulation(seed: 42, hasRegistry: true)
        )
        #expect("\(first.run(steps: 800))" == "\(second.run(steps: 800))")
    }
}
