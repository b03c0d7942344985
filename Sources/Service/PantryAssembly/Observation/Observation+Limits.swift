import CoreMetrics
import PrometheusMetrics
import RateLimiting

extension Observation {
    /// Publishes what becomes of requests at the limits, and what it took to decide.
    func measure(_ limits: InstalledLimits) {
        let counts = limits.counts
        for (event, count): (String, @Sendable (RateLimitCounts.Snapshot) -> Int) in [
            ("store_trip", { $0.storeTrips }), ("store_failure", { $0.storeFailures }),
            ("lease_decision", { $0.leaseDecisions }), ("remembered_refusal", { $0.rememberedRefusals }),
            ("fallback_decision", { $0.fallbackDecisions }), ("fallback_admission", { $0.fallbackAdmissions }),
            ("coalesced", { $0.coalesced }), ("tokens_leased", { Int($0.tokensLeased) }),
            ("tokens_returned", { Int($0.tokensReturned) }), ("tokens_lapsed", { Int($0.tokensLapsed) }),
            ("tokens_reconciled", { Int($0.tokensReconciled) }), ("tokens_dropped", { Int($0.tokensDropped) }),
            ("table_full", { $0.fullTables }), ("would_have_refused", { $0.wouldHaveRefused }),
        ] {
            metrics.addCounter(label: "pantry_rate_limit_events", dimensions: [("event", event)]) {
                UInt64(max(count(counts.snapshot), 0))
            }
        }
        metrics.addGauge(label: "pantry_rate_limit_processes") { Double(limits.processes()) }
    }
}
