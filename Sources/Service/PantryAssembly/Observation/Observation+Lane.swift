import Determinism
import PrometheusMetrics
import Storage

extension Observation {
    /// A lane that tells what it does, and how many commands wait in it.
    /// - Parameter settled: see ``Storage/WriteLane``.
    static func lane(
        _ named: Installation.NamedDatabase, _ observation: Observation?, time: any TimeSource,
        settled: (@Sendable (Int64) -> Void)? = nil
    ) -> WriteLane {
        guard let observation else {
            return WriteLane(engine: named.database, time: time, settled: settled)
        }
        let monitor = LaneMonitor(named.name, named.database.system, observation)
        let lane = WriteLane(engine: named.database, time: time, observer: monitor, settled: settled)
        observation.metrics.addGauge(label: "pantry_lane_waiting", dimensions: [("database", named.name)]) {
            Double(lane.waitingCount)
        }
        return lane
    }
}
