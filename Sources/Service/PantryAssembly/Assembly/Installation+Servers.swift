import ConnectionPooling
import Determinism
import PantryDomain
import PostgresDriver
import ReplicaRouting

extension Installation {
    /// The servers of every database as this process sees them now.
    package func servers() -> [DatabaseServer] {
        databases.flatMap { named in
            guard let service = named.database as? PostgresService else {
                return [
                    DatabaseServer(
                        database: named.name, name: "\(named.name)/primary", address: "", engine: named.database.system,
                        standing: "primary", detail: "is the only one", isPrimary: true, serves: true, lag: .zero)
                ]
            }
            let (report, pools) = (service.database.report, service.database.pools)
            return report.servers.enumerated().map { index, server in
                let isPrimary = server.standing == .primary
                return DatabaseServer(
                    database: named.name,
                    name: isPrimary ? "\(named.name)/primary" : "\(named.name)/replica-\(index)",
                    address: server.name, engine: named.database.system, standing: server.standing.word,
                    detail: server.standing.words, isPrimary: isPrimary,
                    serves: isPrimary || server.standing == .serving,
                    timeline: report.timeline.map { Int64($0.number) }, lagBytes: Int64(clamping: server.lagBytes),
                    lag: isPrimary ? .zero : server.asOf.map { max(time.instant() - $0, .zero) },
                    pool: pools.indices.contains(index) ? DatabaseServer.Pool(pools[index].pool) : nil)
            }
        }
    }
}

extension DatabaseServer.Pool {
    fileprivate init(_ snapshot: PoolSnapshot) {
        self.init(
            limit: snapshot.limit, size: snapshot.size, leased: snapshot.leased, idle: snapshot.idle,
            waiting: snapshot.waiting, tenants: snapshot.tenants, oldestWait: snapshot.oldestWait)
    }
}

extension ReplicaSetSnapshot.Standing {
    fileprivate var word: String {
        switch self {
        case .untried: "untried"
        case .down: "down"
        case .primary: "primary"
        case .serving: "replica"
        case .lagging: "lagging"
        case .ahead: "ahead"
        case .refused: "refused"
        }
    }
}
