import ConnectionPooling
import Determinism
import ReplicaRouting
import Storage
import Synchronization

/// The servers of one database: who of them is the primary, a pool for each, and what becomes of connections when that
/// changes.
final class PostgresReplicaSet: Sendable {
    let name: String
    let members: [ReplicaSetMember]
    let router: ReplicaRouter
    private let probe: PostgresProbe
    private let reactor: PostgresReactor
    private let time: any TimeSource
    private let patience: Duration
    /// Whether a primary was ever found: before that, callers wait for the first answers.
    private let isSettled = Atomic(false)

    init(
        _ configuration: PostgresDatabaseConfiguration, reactor: PostgresReactor, time: any TimeSource,
        random: any RandomSource
    ) throws {
        (name, self.reactor, self.time) = (configuration.name, reactor, time)
        patience = configuration.pool.acquireTimeout
        let servers = try configuration.servers()
        let hosts = servers.map { ReplicaHost($0.hosts[0].description) }
        let evictions = Evictions(configuration.replicaObserver)
        probe = PostgresProbe(name, servers, reactor: reactor, time: time)
        var routing = configuration.routing
        if configuration.connection.durability == .relaxed { routing.requiresDurability = false }
        let router = try ReplicaRouter(
            hosts: hosts, probe: probe, registry: configuration.registry, observer: evictions,
            configuration: routing, time: time, random: random)
        self.router = router
        members = try servers.indices.map { index in
            let connections = OpenConnections()
            var limits = configuration.pool
            limits.hosts = [HostKey(hosts[index].name)]
            let pool = try ConnectionPool(
                configuration: limits,
                factory: ReplicaSetConnectionFactory(
                    configuration: servers[index], reactor: reactor, connections: connections,
                    host: HostIndex(index), router: router, time: time), time: time, random: random,
                observer: configuration.poolObserver)
            return ReplicaSetMember(hosts[index].name, servers[index], pool, connections)
        }
        evictions.attach(members)
    }

    /// Watches the servers and keeps connections, until the pools have shut down.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.router.run() }
            await withDiscardingTaskGroup { pools in
                for member in members { pools.addTask { await member.pool.run() } }
            }
            group.cancelAll()
        }
        probe.close()
    }

    func stop() { for member in members { member.pool.shutdown() } }

    // MARK: the primary

    /// Where writes go at this moment.
    func primary() throws(StorageError) -> WriteRoute {
        do { return try router.write() } catch { throw refusal(error) }
    }

    /// Where writes go. Right after the start it waits for the servers' first answers; after that, the truth of the
    /// moment counts.
    func primaryOnceKnown() async throws(StorageError) -> WriteRoute {
        if !isSettled.load(ordering: .relaxed) { await settle() }
        return try primary()
    }

    /// Waits for a first primary. Also for reads, which would otherwise be told that there is none.
    func settle() async {
        if isSettled.load(ordering: .relaxed) { return }
        let deadline = time.instant() + patience
        while (try? router.write()) == nil, time.instant() < deadline {
            guard (try? await time.sleep(for: .milliseconds(5))) != nil else { return }
        }
        isSettled.store(true, ordering: .relaxed)
    }

    /// Whether writes still go where they went when `route` was made: the same server on the same timeline.
    func isCurrent(_ route: WriteRoute) -> Bool {
        guard let now = try? router.write() else { return false }
        return now.host == route.host && now.timeline == route.timeline
    }

    func member(_ host: HostIndex) -> ReplicaSetMember { members[host.number] }

    /// A connection of its own to a server, in no pool.
    func connect(
        to host: HostIndex, _ configuration: PostgresConfiguration, within limit: Duration
    ) async throws(PostgresError) -> (connection: PostgresConnection, reading: HostReading) {
        try await ReplicaSetConnectionFactory(
            configuration: configuration, reactor: reactor, connections: member(host).connections, host: host,
            router: router, time: time
        ).open(within: limit)
    }

    /// What an error on a connection says about its server.
    func report(_ error: PostgresError, on route: WriteRoute) {
        guard let failure = ReplicaSetMachine.ConnectionFailure(error) else { return }
        router.connectionFailed(route.host, failure, generation: route.generation)
    }

    // MARK: words

    /// What the port says for what the router says.
    func refusal(_ error: ReplicaRoutingError) -> StorageError {
        switch error {
        case .writeLost: .lost("\(name): \(error)")
        case .noPrimary, .noReplica: .unavailable("\(name): \(error) (\(standings))")
        case .timelineUnknown, .mapOutdated, .cancelled: .unavailable("\(name): \(error)")
        }
    }

    /// What is known of the servers at this moment.
    var report: ReplicaSetReport { ReplicaSetReport(router.snapshot, members.map(\.name)) }

    /// Each server and why it does not serve, for whoever is on call.
    private var standings: String {
        let snapshot = router.snapshot
        return members.indices.map { index in
            let (standing, failure) = (snapshot.hosts[index].standing, probe.failure(of: HostIndex(index)))
            return "\(members[index].name) \(standing.words)" + (failure.map { ": \($0)" } ?? "")
        }.joined(separator: "; ")
    }

    /// Who answered a read, and how old its state was.
    func name(of route: ReadRoute) -> String {
        if route.isPrimary { return "\(name)/primary" }
        let age = route.age.map { "\(max(0, $0.wholeMilliseconds))ms" } ?? "unknown"
        return "\(name)/replica-\(route.host.number); lag=\(age)"
    }
}

/// Closes the connections that the router has given up, and hands on what it finds.
private final class Evictions: ReplicaRoutingObserver {
    private let members = Mutex<[ReplicaSetMember]>([])
    /// The primary of the newest state that was heard of.
    private let primary = Mutex<(host: HostIndex?, generation: UInt64)>((nil, 0))
    private let observer: (any PostgresReplicaObserver)?

    init(_ observer: (any PostgresReplicaObserver)?) { self.observer = observer }

    func attach(_ members: [ReplicaSetMember]) { self.members.withLock { $0 = members } }

    func published(_ snapshot: ReplicaSetSnapshot) {
        primary.withLock { primary in
            if snapshot.generation >= primary.generation {
                primary = (snapshot.primary?.host, snapshot.generation)
            }
        }
        guard let observer else { return }
        let names = members.withLock { $0.map(\.name) }
        if !names.isEmpty { observer.changed(ReplicaSetReport(snapshot, names)) }
    }

    func evict(_ host: HostIndex, _ reason: ReplicaSetMachine.EvictionReason, before generation: UInt64) {
        guard let member = members.withLock({ $0.indices.contains(host.number) ? $0[host.number] : nil }) else {
            return
        }
        member.pool.evict(.all)
        switch reason {
        // Perhaps only slow: a commit that is under way there may still be answered. A read can go elsewhere.
        case .unreachable where primary.withLock({ $0.host == host }): break
        // Nothing that it still says counts, and whoever waits for it is better told now.
        case .unreachable, .demoted, .superseded, .refused: member.connections.close(before: generation)
        }
        observer?.evicted(member.name, reason)
    }
}

extension ReplicaSetMachine.ConnectionFailure {
    /// What an error says about the server it came from; nil when it says nothing.
    init?(_ error: PostgresError) {
        if error.sqlState == .readOnlyTransaction {
            self = .readOnly
        } else if let state = error.sqlState, ["57P01", "57P02", "57P03"].contains(state.code) {
            self = .shuttingDown
        } else if error.code == .connect || error.code == .connectionLost {
            self = .lost
        } else {
            return nil
        }
    }
}
