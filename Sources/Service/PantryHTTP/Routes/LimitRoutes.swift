import Determinism
import HTTPTypes
import PantryDomain
import RateLimiting
import StrictJSON

/// The rate limits as they stand in the process that answers.
package struct LimitsReport: Sendable {
    package var plans: [String: RequestLimits.Plan]
    /// Where they are kept: `memory` or `redis`.
    package var store: String
    /// How many processes share them, as far as this one knows.
    package var processes: Int
    package var counts: RateLimitCounts.Snapshot

    package init(
        plans: [String: RequestLimits.Plan], store: String, processes: Int, counts: RateLimitCounts.Snapshot
    ) {
        (self.plans, self.store, self.processes, self.counts) = (plans, store, processes, counts)
    }
}

/// What each plan allows, for operators, and what it took to decide.
struct LimitRoutes {
    let services: PantryServices

    var all: [Route] { [Route(.get, "/ops/limits", .operatorOnly, answering: list)] }

    private func list(_ call: Call) async throws -> Reply {
        _ = try QueryReader(call.query, known: [])
        let report = services.limits()
        var json = JSONWriter(capacity: 1_024)
        json.object { json in
            json.member(
                "data",
                array: { list in
                    for (name, plan) in report?.plans.sorted(by: { $0.key < $1.key }) ?? [] {
                        list.object { json in
                            json.member("plan", name)
                            Self.write(plan.requests, as: "requests", to: &json)
                            Self.write(plan.orders, as: "orders", to: &json)
                        }
                    }
                })
            guard let report else { return }
            json.member("store", report.store)
            json.member("processes", report.processes)
            json.member("counts", object: { Self.write(report.counts, to: &$0) })
        }
        return .json(.ok, bytes: json.bytes)
    }

    private static func write(_ limit: RateLimit?, as name: String, to json: inout JSONWriter) {
        guard let limit else { return json.member(name, raw: "null") }
        json.member(
            name,
            object: { json in
                switch limit.algorithm {
                case .tokenBucket: json.member("algorithm", "token-bucket")
                case .slidingWindow: json.member("algorithm", "sliding-window")
                case .fixedWindow: json.member("algorithm", "fixed-window")
                }
                json.member("quota", limit.quota)
                json.member("windowMilliseconds", limit.window.inMilliseconds)
                if let block = limit.blocksFor { json.member("blockMilliseconds", block.inMilliseconds) }
            })
    }

    private static func write(_ counts: RateLimitCounts.Snapshot, to json: inout JSONWriter) {
        json.member("storeTrips", counts.storeTrips)
        json.member("storeFailures", counts.storeFailures)
        json.member("leaseDecisions", counts.leaseDecisions)
        json.member("rememberedRefusals", counts.rememberedRefusals)
        json.member("fallbackDecisions", counts.fallbackDecisions)
        json.member("fallbackAdmissions", counts.fallbackAdmissions)
        json.member("tokensReconciled", counts.tokensReconciled)
        json.member("wouldHaveRefused", counts.wouldHaveRefused)
    }
}
