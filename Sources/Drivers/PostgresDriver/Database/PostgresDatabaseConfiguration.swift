import ConnectionPooling
import Determinism
import ReplicaRouting
import Storage

/// How a ``PostgresDatabase`` is used.
public struct PostgresDatabaseConfiguration: Sendable {
    /// The name that reads state, such as `shard-0`.
    public var name: String
    /// Where it is. Of several servers each may be, or become, the primary.
    public var connection: PostgresConfiguration
    /// Its read replicas. Any of them may be promoted: who the primary is, the servers themselves say.
    public var replicas: [PostgresConfiguration] = []
    /// How many connections each server may have, beside the write lane's and the probe's.
    public var pool = {
        var pool = PoolConfiguration()
        // The probes say when a server is back; a pool that waits for longer would only keep it idle.
        pool.connecting.longestPause = .seconds(1)
        return pool
    }()
    /// How long a read waits for a connection to a replica before it goes to another server; 1 s by default.
    public var replicaPatience: Duration = .seconds(1)
    /// How the servers are watched and reads are routed.
    public var routing = {
        var routing = ReplicaRoutingConfiguration()
        // The probes share this process with its load. A busy moment of ours must not look like a server's silence; one
        // that refuses connections is found as fast as before.
        routing.shortestProbeTimeout = .milliseconds(500)
        return routing
    }()
    /// Where the fleet keeps which timeline is the valid one; nil where the highest one decides alone.
    public var registry: (any TimelineRegistry)?
    /// Told of what becomes of the servers.
    public var replicaObserver: (any PostgresReplicaObserver)?
    /// Told of what the pools do; the host's key is that of the server.
    public var poolObserver: (any PoolObserver)?
    /// How the write lane waits for rows.
    public var lane = PostgresLaneConfiguration()
    /// Called right before a commit is sent and right after it was acknowledged; nil in production. Tests stop the
    /// process there.
    public var commitObserver: (@Sendable (CommitPhase) -> Void)?
    /// Called with how long each commit took, from right before it was sent to its acknowledgement.
    public var commitDurationObserver: (@Sendable (Duration) -> Void)?
    /// Called with each error that is no ordinary refusal: no connection, a full disk, a damaged page. Callers upstairs
    /// answer with what a client may know; the operator's log needs the cause.
    public var failureObserver: (@Sendable (StorageError) -> Void)?
    /// The most attempts of a transaction that loses against others, the first one included; 5 by default.
    public var attempts = 5
    /// For how long a transaction that loses against others is run again, from its first attempt's beginning, pauses
    /// included; 10 s by default, nil for no limit. A pause that would end later is not begun, nor is an attempt; one
    /// that is under way goes on to its end. The caller's `CallDeadline` counts where it is earlier.
    public var retryTimeout: Duration? = .seconds(10)

    /// A database with the default limits.
    public init(name: String, connection: PostgresConfiguration) { (self.name, self.connection) = (name, connection) }
}

extension PostgresDatabaseConfiguration {
    /// The servers, those of the connection first, each with one host.
    /// - Throws: ``PostgresConfigurationError`` when one cannot be, or is named twice.
    func servers() throws(PostgresConfigurationError) -> [PostgresConfiguration] {
        var (servers, names): ([PostgresConfiguration], Set<String>) = ([], [])
        guard (1...8).contains(lane.connections) else {
            throw PostgresConfigurationError("\(name): lane.connections is \(lane.connections), not from 1 to 8")
        }
        for group in [connection] + replicas {
            try group.validate()
            for host in group.hosts {
                guard names.insert(host.description).inserted else {
                    throw PostgresConfigurationError("\(name): the server \(host) is named twice")
                }
                var server = group
                // Who is what, is found out by asking; a server must not be refused for what it was yesterday.
                (server.hosts, server.sessionAttributes) = ([host], .any)
                servers.append(server)
            }
        }
        return servers
    }
    /// Tells the observer of what an operator must know.
    func observe(_ error: StorageError) {
        switch error {
        case .constraint, .conflict: break
        default: failureObserver?(error)
        }
    }
}
