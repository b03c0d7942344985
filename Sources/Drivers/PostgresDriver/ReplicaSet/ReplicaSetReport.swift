import Determinism
import ReplicaRouting

/// Told of what becomes of a database's servers, for logs and metrics. Called outside all locks; must be quick.
public protocol PostgresReplicaObserver: Sendable {
    /// Something is different: who is the primary, who is up, how far the replicas are. Calls may overtake each other;
    /// the higher generation is the newer.
    func changed(_ report: ReplicaSetReport)
    /// Connections to this server are being closed.
    func evicted(_ server: String, _ reason: ReplicaSetMachine.EvictionReason)
}

/// The servers of a database at one moment.
public struct ReplicaSetReport: Sendable, Hashable {
    /// One of them.
    public struct Server: Sendable, Hashable {
        /// As `host:port`.
        public let name: String
        /// What it is good for.
        public let standing: ReplicaSetSnapshot.Standing
        /// Its state holds everything that was committed before this moment; nil when that is unknown.
        public let asOf: Instant?
        /// Bytes of log between it and the primary.
        public let lagBytes: UInt64
    }
    /// Counts the reports.
    public let generation: UInt64
    /// The valid timeline; nil before the first primary.
    public let timeline: Timeline?
    /// In the order of the configuration.
    public let servers: [Server]

    init(_ snapshot: ReplicaSetSnapshot, _ names: [String]) {
        (generation, timeline) = (snapshot.generation, snapshot.timeline)
        servers = zip(names, snapshot.hosts).map { name, host in
            Server(name: name, standing: host.standing, asOf: host.asOf, lagBytes: host.lagBytes)
        }
    }
}

extension ReplicaSetSnapshot.Standing {
    /// In words, for a log.
    public var words: String {
        switch self {
        case .untried: "has not answered yet"
        case .down: "does not answer"
        case .primary: "is the primary"
        case .serving: "is a replica"
        case .lagging: "is a replica that lags behind"
        case .ahead: "is a replica of a newer timeline than any primary's"
        case .refused(let refusal): "is refused: \(refusal.words)"
        }
    }
}

extension ReplicaSetSnapshot.Refusal {
    /// In words, for a log.
    public var words: String {
        switch self {
        case .foreign: "it belongs to another cluster"
        case .notDurable: "fsync or synchronous_commit is off, so that it loses what it has acknowledged"
        case .oldTimeline: "its timeline was left; another primary has taken over"
        case .rival: "another primary claims the same timeline"
        case .unregistered: "the control database does not know it as the primary yet"
        case .diverged: "it has replayed what the valid timeline does not contain"
        case .timelineUnknown: "it is not known whether its state belongs to the valid timeline"
        }
    }
}
