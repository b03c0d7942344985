import PrometheusMetrics
import Retrying

extension Observation {
    /// Publishes what goes on in a bulkhead.
    func measure(_ bulkhead: Bulkhead) {
        let labels = [("bulkhead", bulkhead.name)]
        for (state, count): (String, @Sendable (BulkheadSnapshot) -> Int) in [
            ("running", { $0.running }), ("waiting", { $0.waiting }),
        ] {
            metrics.addGauge(label: "pantry_bulkhead_calls", dimensions: labels + [("state", state)]) {
                Double(count(bulkhead.snapshot))
            }
        }
        for (reason, count): (String, @Sendable (BulkheadSnapshot) -> UInt64) in [
            ("full", { $0.refusals }), ("late", { $0.timeouts }),
        ] {
            metrics.addCounter(label: "pantry_bulkhead_shed", dimensions: labels + [("reason", reason)]) {
                count(bulkhead.snapshot)
            }
        }
    }
}
