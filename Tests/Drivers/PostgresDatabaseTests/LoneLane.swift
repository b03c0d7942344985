import Determinism
import DeterminismTestKit
import ProcessTestKit
import Storage

@testable import PostgresDriver

/// A write lane as another server has one, whose engine pauses by a clock of its own, on which nobody else sleeps.
struct LoneLane {
    private let lane: WriteLane
    private let clock: ManualTime

    private struct Engine: LaneEngine {
        let postgres: PostgresLane

        func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
            postgres.take(batch, whenEnded)
        }
    }

    static func with<Value: Sendable>(
        _ url: String, on reactor: PostgresReactor, seed: UInt64,
        _ body: @Sendable (LoneLane) async throws -> Value
    ) async throws -> Value {
        let (clock, random) = (ManualTime(), SeededRandom(seed: seed))
        let configuration = PostgresDatabaseConfiguration(
            name: "shard-0", connection: try PostgresConfiguration(url: url))
        let servers = try PostgresReplicaSet(configuration, reactor: reactor, time: SystemTime(), random: random)
        let postgres = PostgresLane(configuration, servers: servers, time: clock, random: random)
        let lane = WriteLane(engine: Engine(postgres: postgres), time: SystemTime())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await servers.run() }
            group.addTask { await postgres.run() }
            group.addTask { await lane.run() }
            defer {
                lane.stop()
                postgres.stop()
                servers.stop()
            }
            return try await body(LoneLane(lane: lane, clock: clock))
        }
    }

    func put(_ name: String) async throws(LaneFailure) -> Int64 {
        try await lane.submit(
            PutUnit(name: name), tenant: nil, deadline: SystemTime().instant() + .seconds(30))
    }

    /// The next pauses that the engine makes, none of which takes longer than this needs to see it.
    func pauses(_ count: Int) async throws -> [Duration] {
        var pauses: [Duration] = []
        while pauses.count < count {
            let end = try await Poll.until("the lane pauses", within: .seconds(20)) { clock.earliestDeadline }
            pauses.append(end - clock.instant())
            endPause()
        }
        return pauses
    }

    /// Ends the pause that the engine is in, if it is in one.
    func endPause() { _ = clock.advanceToNextSleeper() }
}
