import Determinism
import PrometheusMetrics
import Storage

extension Observation {
    /// A lane that tells what it does, and how many commands wait in it.
    static func lane(
        _ named: Installation.NamedDatabase, _ observation: Observation?, time: any TimeSource
    ) -> WriteLane {
        guard let observation else { return WriteLane(engine: named.database, time: time) }
        let monitor = LaneMonitor(named.name, named.database.system, observation)
        let lane = WriteLane(engine: named.database, time: time, observer: monitor)
        observation.metrics.addGauge(label: "pantry_lane_waiting", dimensions: [("database", named.name)]) {
            Double(lane.waitingCount)
        }
        return lane
    }
}
