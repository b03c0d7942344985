import ConnectionPooling
import CoreMetrics
import Determinism
import Logging
import PostgresDriver
import PrometheusMetrics
import ReplicaRouting
import Synchronization

/// Writes into the log what becomes of a database's servers, and counts what its pools do.
final class ServerMonitor: PostgresReplicaObserver, PoolObserver {
    private struct Connect: Hashable {
        let server: String
        let outcome: String
    }
    private let database: String
    private let logger: Logger?
    private let alerts: AlertDispatcher?
    private let waits: CoreMetrics.Timer?
    private let refusals: CounterFamily<String>?
    private let connects: CounterFamily<Connect>?
    private let evictions: CounterFamily<String>?
    private struct Known {
        var generation: UInt64 = 0
        var standings: [String: ReplicaSetSnapshot.Standing] = [:]
        var hasPrimary = false
    }
    private let known = Mutex(Known())

    init(_ database: String, _ logger: Logger?, _ observation: Observation?, _ alerts: AlertDispatcher? = nil) {
        (self.database, self.logger, self.alerts) = (database, logger, alerts)
        let metrics = observation?.metrics
        waits = metrics.map {
            Timer(label: "pantry_pool_wait_duration", dimensions: [("database", database)], factory: $0)
        }
        refusals = metrics.map {
            CounterFamily("pantry_pool_refusals", $0) { [("database", database), ("reason", $0)] }
        }
        connects = metrics.map {
            CounterFamily("pantry_pool_connects", $0) {
                [("database", database), ("server", $0.server), ("outcome", $0.outcome)]
            }
        }
        evictions = metrics.map {
            CounterFamily("pantry_server_evictions", $0) { [("database", database), ("server", $0)] }
        }
    }

    // MARK: servers

    func changed(_ report: ReplicaSetReport) {
        let (news, isLost) = known.withLock { known -> ([ReplicaSetReport.Server], Bool) in
            // Reports may overtake each other.
            guard report.generation >= known.generation else { return ([], false) }
            known.generation = report.generation
            let hasPrimary = report.servers.contains { $0.standing == .primary }
            defer { known.hasPrimary = hasPrimary }
            let news = report.servers.filter {
                known.standings.updateValue($0.standing, forKey: $0.name) != $0.standing
            }
            return (news, known.hasPrimary && !hasPrimary)
        }
        if isLost {
            alerts?.raise(.shardUnavailable, database, "\(database) has no primary: it takes no writes at this moment")
        }
        for server in news {
            let level: Logger.Level =
                switch server.standing {
                case .untried: .debug
                // For as long as it takes to register it.
                case .refused(.unregistered): .info
                case .primary, .serving: .notice
                case .down, .lagging, .ahead, .refused: .warning
                }
            logger?.log(
                level: level, "\(server.name) \(server.standing.words)",
                metadata: ["database": "\(database)", "timeline": "\(report.timeline.map { "\($0)" } ?? "-")"])
        }
    }

    func evicted(_ server: String, _ reason: ReplicaSetMachine.EvictionReason) {
        evictions?.increment(server)
        logger?.warning(
            "connections to \(server) are being closed: it \(reason.words)", metadata: ["database": "\(database)"])
    }

    // MARK: pools

    func leased(tenant: TenantKey?, waited: Duration) { waits?.recordNanoseconds(waited.inNanoseconds) }

    func refused(tenant: TenantKey?, reason: PoolRefusal, waited: Duration) { refusals?.increment("\(reason)") }

    func connected(host: HostKey, took: Duration) {
        connects?.increment(Connect(server: "\(host)", outcome: "opened"))
    }

    func connectFailed(host: HostKey, error: any Error, took: Duration) {
        connects?.increment(Connect(server: "\(host)", outcome: "failed"))
    }

    func leakSuspected(_ report: LeakReport) {
        var metadata: Logger.Metadata = ["database": "\(database)"]
        // The pool's tenants are organizations, whose numbers are written in another way everywhere else.
        if let tenant = report.holder.tenant { metadata["organization"] = "\(Int64(bitPattern: tenant.value))" }
        logger?.warning("\(report)", metadata: metadata)
    }
}

extension ReplicaSetMachine.EvictionReason {
    fileprivate var words: String {
        switch self {
        case .unreachable: "does not answer"
        case .demoted: "was the primary and is a replica now"
        case .superseded: "was the primary, and another one is"
        case .refused(let refusal): "was the primary, and is refused: \(refusal.words)"
        }
    }
}

extension Observation {
    /// Publishes the state of a database's servers and pools.
    func measure(_ database: PostgresDatabase, _ name: String) {
        for (index, server) in database.report.servers.enumerated() {
            let labels = [("database", name), ("server", server.name)]
            func gauge(_ label: String, _ more: [(String, String)] = [], _ read: @escaping @Sendable () -> Double) {
                metrics.addGauge(label: label, dimensions: labels + more, read: read)
            }
            gauge("pantry_server_is_primary") { database.report.servers[index].standing == .primary ? 1 : 0 }
            gauge("pantry_server_serves") { database.report.servers[index].standing.serves ? 1 : 0 }
            gauge("pantry_server_lag_bytes") { Double(database.report.servers[index].lagBytes) }
            gauge("pantry_server_lag_seconds") { [time] in
                let server = database.report.servers[index]
                if server.standing == .primary { return 0 }
                guard let asOf = server.asOf else { return .nan }
                return max(0, Double((time.instant() - asOf).inNanoseconds) / 1e9)
            }
            for (state, count): (String, @Sendable (PoolSnapshot) -> Int) in [
                ("leased", { $0.leased }), ("idle", { $0.idle }),
                ("other", { max(0, $0.size - $0.leased - $0.idle) }),
            ] {
                gauge("pantry_pool_connections", [("state", state)]) { Double(count(database.pools[index].pool)) }
            }
            gauge("pantry_pool_waiting") { Double(database.pools[index].pool.waiting) }
        }
    }
}

extension ReplicaSetSnapshot.Standing {
    fileprivate var serves: Bool {
        switch self {
        case .primary, .serving: true
        case .untried, .down, .lagging, .ahead, .refused: false
        }
    }
}
