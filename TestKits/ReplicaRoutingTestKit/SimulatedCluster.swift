import Determinism
import ReplicaRouting

/// A model of PostgreSQL servers that replicate, crash, come back, are promoted and rewound: the truth that routers
/// have to find out. Pure; the randomness is the caller's.
public struct SimulatedCluster: Sendable {
    /// One line of history. Two promotions from the same timeline make two branches of the same number.
    public struct Branch: Sendable {
        /// Its timeline.
        public let timeline: Timeline
        /// Where it left which branch; nil for the first.
        public let origin: (branch: Int, lsn: LSN)?
    }
    /// A commit that a client was told of.
    public struct Commit: Sendable {
        /// On which branch.
        public let branch: Int
        /// The end of its record.
        public let lsn: LSN
        /// When the client was told.
        public let moment: Instant
    }
    /// A server.
    public struct Server: Sendable {
        /// Whether it runs and is not suspended.
        public var isUp = true
        /// Counts its starts: connections do not outlive one.
        public internal(set) var run = 0
        /// Whether it takes writes.
        public var isPrimary: Bool
        /// The branch it writes or follows.
        public var branch = 0
        /// How far it is.
        public var position: LSN
        /// Whether its replay is paused.
        public var isPaused = false
        /// Whether it has `fsync` on.
        public var isDurable = true
    }

    /// All branches, by number.
    public private(set) var branches = [Branch(timeline: .first, origin: nil)]
    /// The servers.
    public var servers: [Server]
    /// All commits, in their order.
    public private(set) var commits: [Commit] = []
    /// `system_identifier`.
    public let systemIdentifier: UInt64 = 7_777

    /// A primary and `replicaCount` replicas.
    public init(replicaCount: Int) {
        let start = LSN(bytes: 1_000_000)
        servers = [Server(isPrimary: true, position: start)]
        for _ in 0..<replicaCount { servers.append(Server(isPrimary: false, position: start)) }
    }

    /// The highest timeline there is.
    public var highestTimeline: Timeline { branches.map(\.timeline).max() ?? .first }

    // MARK: What happens

    /// A primary commits.
    /// - Returns: the commit, or nil when the server takes no writes.
    public mutating func commit(on server: Int, bytes: UInt64, at moment: Instant) -> Commit? {
        guard servers[server].isUp, servers[server].isPrimary else { return nil }
        servers[server].position = LSN(bytes: servers[server].position.bytes + bytes)
        let commit = Commit(branch: servers[server].branch, lsn: servers[server].position, moment: moment)
        commits.append(commit)
        return commit
    }

    /// A replica receives and replays up to so many bytes of a primary's log, if its own state is part of it.
    public mutating func replicate(from primary: Int, to replica: Int, bytes: UInt64) {
        let (source, target) = (servers[primary], servers[replica])
        guard source.isUp, source.isPrimary, target.isUp, !target.isPrimary, !target.isPaused,
            isPrefix(branch: target.branch, position: target.position, of: source.branch, upTo: source.position)
        else { return }
        servers[replica].branch = source.branch
        servers[replica].position = min(LSN(bytes: target.position.bytes + bytes), source.position)
    }

    /// A replica becomes a primary, on a timeline one above its own.
    public mutating func promote(_ replica: Int) {
        guard servers[replica].isUp, !servers[replica].isPrimary else { return }
        let old = servers[replica]
        branches.append(
            Branch(
                timeline: Timeline(branches[old.branch].timeline.number + 1), origin: (old.branch, old.position)))
        (servers[replica].isPrimary, servers[replica].branch) = (true, branches.count - 1)
        (servers[replica].isPaused, servers[replica].position) = (false, LSN(bytes: old.position.bytes + 100))
    }

    /// A replica becomes a primary, on a timeline above all.
    public mutating func promoteAboveAll(_ replica: Int) {
        let old = servers[replica]
        branches.append(Branch(timeline: Timeline(highestTimeline.number + 1), origin: (old.branch, old.position)))
        (servers[replica].isPrimary, servers[replica].branch) = (true, branches.count - 1)
        (servers[replica].isPaused, servers[replica].position) = (false, LSN(bytes: old.position.bytes + 100))
    }

    /// A server is taken back to where it left a primary's history, and becomes its replica (`pg_rewind`).
    public mutating func rewind(_ server: Int, to primary: Int) {
        guard server != primary, servers[primary].isPrimary else { return }
        servers[server].run += 1
        let common = commonPosition(servers[server].branch, servers[server].position, servers[primary].branch)
        servers[server].isPrimary = false
        servers[server].branch = servers[primary].branch
        servers[server].position = min(common, servers[primary].position)
    }

    /// A replica is made anew from an old backup: it lies so many bytes further back.
    public mutating func restore(_ replica: Int, bytes: UInt64) {
        guard !servers[replica].isPrimary else { return }
        servers[replica].run += 1
        let position = servers[replica].position.bytes
        let floor = branches[servers[replica].branch].origin?.lsn.bytes ?? 1_000_000
        servers[replica].position = LSN(bytes: max(floor, position - min(position, bytes)))
    }

    /// A server goes down or comes up.
    public mutating func set(_ server: Int, isUp: Bool) {
        if isUp, !servers[server].isUp { servers[server].run += 1 }
        servers[server].isUp = isUp
    }

    // MARK: What is true

    /// What a server says of itself; nil when it does not answer.
    public func reading(of server: Int) -> HostReading? {
        let state = servers[server]
        guard state.isUp else { return nil }
        return HostReading(
            systemIdentifier: systemIdentifier, role: state.isPrimary ? .primary : .replica,
            timeline: branches[state.branch].timeline, position: state.position,
            isReplayPaused: state.isPaused,
            durability: HostReading.Durability(syncsFiles: state.isDurable))
    }

    /// The history of a branch.
    public func history(of branch: Int) -> TimelineHistory {
        var ancestors: [TimelineHistory.Ancestor] = []
        var next = branches[branch].origin
        while let origin = next {
            ancestors.insert(
                TimelineHistory.Ancestor(branches[origin.branch].timeline, end: origin.lsn), at: 0)
            next = branches[origin.branch].origin
        }
        return TimelineHistory(of: branches[branch].timeline, ancestors: ancestors)
    }

    /// Whether a commit is part of a branch.
    public func isPart(_ commit: Commit, of branch: Int) -> Bool {
        isPrefix(branch: commit.branch, position: commit.lsn, of: branch, upTo: LSN(bytes: .max))
    }

    /// Whether a server's present state contains a commit.
    public func contains(_ commit: Commit, in server: Int) -> Bool {
        isPrefix(
            branch: commit.branch, position: commit.lsn, of: servers[server].branch, upTo: servers[server].position)
    }

    private func isPrefix(branch: Int, position: LSN, of other: Int, upTo end: LSN) -> Bool {
        var (walk, limit) = (other, end)
        while true {
            if walk == branch { return position <= limit }
            guard let origin = branches[walk].origin else { return false }
            (walk, limit) = (origin.branch, min(limit, origin.lsn))
        }
    }

    private func commonPosition(_ branch: Int, _ position: LSN, _ other: Int) -> LSN {
        var (walk, limit) = (branch, position)
        while true {
            var (target, bound) = (other, LSN(bytes: .max))
            while true {
                if target == walk { return min(limit, bound) }
                guard let origin = branches[target].origin else { break }
                (target, bound) = (origin.branch, min(bound, origin.lsn))
            }
            guard let origin = branches[walk].origin else { return .zero }
            (walk, limit) = (origin.branch, min(limit, origin.lsn))
        }
    }
}
