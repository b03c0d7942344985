import Determinism
import ReplicaRouting

/// Runs several routers' machines against a ``SimulatedCluster`` that misbehaves, all by one seed: answers come late
/// and out of order, routers are cut off from hosts and from the registry, primaries die and come back, replicas are
/// promoted, also two at a time, paused, made anew. After every event the promises are checked against the truth.
public struct ReplicaRoutingSimulation {
    struct Message {
        let due: Instant
        let router: Int
        let event: ReplicaSetMachine.Event
    }
    struct Router {
        var machine: ReplicaSetMachine
        var unreachable: Set<Int> = []
        var reachesRegistry = true
        /// The branch behind the timeline that it believes in.
        var branch: Int?
        var incarnation = 0
        /// The runs of the servers that its connections are of.
        var runs: [Int: Int] = [:]
        /// Whether a pooler stands between: then connections hide that a server was started anew.
        var hasPooler = false
    }
    /// What the simulation has done and found so far.
    public internal(set) var report = SimulationReport()
    let random: SeededRandom
    let seed: UInt64
    let hasRegistry: Bool
    let configuration: ReplicaRoutingConfiguration
    var now = Instant(nanoseconds: 1_000_000_000)
    var cluster: SimulatedCluster
    var routers: [Router] = []
    var record: TimelineRecord?
    var messages: [Message] = []
    /// Commits with the timeline in their tokens.
    var tokens: [(commit: SimulatedCluster.Commit, position: LogPosition)] = []
    /// Which host each timeline was believed to be of: by all routers with a registry, by each one without.
    var owners: [String: Int] = [:]

    /// A simulation.
    /// - Parameters:
    ///   - seed: decides everything.
    ///   - hasRegistry: whether routers register timelines.
    public init(seed: UInt64, hasRegistry: Bool, replicaCount: Int = 3, routerCount: Int = 2) {
        random = SeededRandom(seed: seed)
        (self.seed, self.hasRegistry) = (seed, hasRegistry)
        configuration = ReplicaRoutingConfiguration()
        cluster = SimulatedCluster(replicaCount: replicaCount)
        for _ in 0..<routerCount {
            routers.append(Router(machine: Self.machine(cluster, configuration, hasRegistry)))
        }
        for index in routers.indices { routers[index].hasPooler = !index.isMultiple(of: 2) }
    }

    static func machine(
        _ cluster: SimulatedCluster, _ configuration: ReplicaRoutingConfiguration, _ hasRegistry: Bool
    ) -> ReplicaSetMachine {
        ReplicaSetMachine(
            hosts: cluster.servers.indices.map { ReplicaHost("host-\($0)") }, configuration: configuration,
            hasRegistry: hasRegistry)
    }

    /// Runs `steps` steps, then heals everything and checks that all routers find the primary and its replicas.
    /// - Returns: what was found.
    public mutating func run(steps: Int) -> SimulationReport {
        for _ in 0..<steps { step() }
        heal()
        return report
    }

    func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
    func chance(_ percent: Int) -> Bool { draw(100) < percent }

    mutating func step() {
        now = now + .microseconds(draw(20_000))
        deliver()
        let router = draw(routers.count)
        switch draw(100) {
        case 0..<40: probe(router, draw(cluster.servers.count))
        case 40..<50: askRegistry(router)
        case 50..<62: write(router)
        case 62..<78: read(router)
        case 78..<84: readEventually(router)
        case 84..<96: replicate()
        case 96..<97: disturbRouter(router)
        default: disturbCluster()
        }
    }

    // MARK: Messages

    mutating func deliver() {
        var due: [Message] = []
        messages.removeAll { message in
            guard message.due <= now else { return false }
            due.append(message)
            return true
        }
        while !due.isEmpty {
            let message = due.remove(at: draw(due.count))
            handle(message.event, by: message.router)
        }
    }

    mutating func send(_ event: ReplicaSetMachine.Event, to router: Int, within milliseconds: Int = 40) {
        messages.append(Message(due: now + .microseconds(draw(milliseconds * 1_000)), router: router, event: event))
    }

    mutating func probe(_ router: Int, _ host: Int) {
        if !routers[router].unreachable.contains(host), let reading = cluster.reading(of: host) {
            send(.read(HostIndex(host), reading, since: now), to: router)
        } else {
            send(.unanswered(HostIndex(host), .timedOut, since: now), to: router)
        }
    }

    mutating func askRegistry(_ router: Int) {
        guard hasRegistry else { return }
        send(routers[router].reachesRegistry ? .registered(record) : .registryUnanswered, to: router)
    }

    mutating func handle(_ event: ReplicaSetMachine.Event, by router: Int) {
        let before = routers[router].machine.snapshot
        let actions = routers[router].machine.handle(event, now: now)
        check(actions, before: before, by: router)
        for action in actions {
            switch action {
            case .register(let new, let old):
                guard routers[router].reachesRegistry else {
                    send(.registryUnanswered, to: router)
                    continue
                }
                if record == old { record = new }
                send(.registered(record), to: router)
            case .readHistory(let timeline, let host):
                let server = host.number
                if !routers[router].unreachable.contains(server), cluster.servers[server].isUp,
                    cluster.servers[server].isPrimary,
                    cluster.branches[cluster.servers[server].branch].timeline == timeline
                {
                    send(.history(cluster.history(of: cluster.servers[server].branch)), to: router)
                } else {
                    send(.historyUnanswered(timeline), to: router)
                }
            case .publish, .evict, .probeAtOnce: break
            }
        }
    }

    // MARK: Disturbances

    mutating func replicate() {
        let primaries = cluster.servers.indices.filter { cluster.servers[$0].isPrimary && isFollowed($0) }
        guard !primaries.isEmpty else { return }
        for replica in cluster.servers.indices where chance(70) {
            let primary = primaries[draw(primaries.count)]
            cluster.replicate(from: primary, to: replica, bytes: UInt64(draw(6_000)))
        }
    }

    /// No replica follows one of two primaries of the same timeline unless it is the registered one: PostgreSQL's
    /// numbers could not tell their logs apart.
    func isFollowed(_ primary: Int) -> Bool {
        let timeline = cluster.branches[cluster.servers[primary].branch].timeline
        let rivals = cluster.branches.filter { $0.timeline == timeline }.count
        return rivals == 1 || record?.timeline == timeline && record?.primary == "host-\(primary)"
    }

    mutating func disturbRouter(_ router: Int) {
        switch draw(6) {
        case 0: routers[router].unreachable.insert(draw(cluster.servers.count))
        case 1, 2: routers[router].unreachable = []
        case 3: routers[router].reachesRegistry.toggle()
        case 4 where chance(30):
            // The router's process is started anew: it has forgotten everything.
            routers[router].machine = Self.machine(cluster, configuration, hasRegistry)
            routers[router].branch = nil
            routers[router].incarnation += 1
            messages.removeAll { $0.router == router }
        default:
            let failures = ReplicaSetMachine.ConnectionFailure.allCases
            let generation = routers[router].machine.snapshot.generation
            handle(
                .connectionFailed(
                    HostIndex(draw(cluster.servers.count)), failures[draw(failures.count)],
                    generation: generation - min(generation, UInt64(draw(3)))), by: router)
        }
    }

    mutating func disturbCluster() {
        let server = draw(cluster.servers.count)
        switch draw(12) {
        case 0, 1: cluster.set(server, isUp: false)
        case 2, 3, 4: for index in cluster.servers.indices where chance(60) { cluster.set(index, isUp: true) }
        case 5: cluster.servers[server].isPaused = !cluster.servers[server].isPrimary
        case 6, 7: for index in cluster.servers.indices { cluster.servers[index].isPaused = false }
        case 8: cluster.restore(server, bytes: UInt64(draw(20_000)))
        case 9: failOver()
        case 10:
            // Two replicas are promoted at the same time, to the same timeline. Only a registry can settle that.
            guard hasRegistry, chance(30) else { return }
            failOver()
            failOver()
        default:
            // Rewinding to a primary that was replaced itself is an operator's error that nothing here can undo: its
            // next promotion would take a timeline's number again.
            if let primary = newestPrimary(), chance(60),
                cluster.branches[cluster.servers[primary].branch].timeline == cluster.highestTimeline
            {
                cluster.rewind(server, to: primary)
            }
        }
    }

    private mutating func failOver() {
        let replicas = cluster.servers.indices.filter {
            !cluster.servers[$0].isPrimary && cluster.servers[$0].isUp
        }
        guard !replicas.isEmpty else { return }
        let replica = replicas[draw(replicas.count)]
        let next = Timeline(cluster.branches[cluster.servers[replica].branch].timeline.number + 1)
        // Without a registry, two branches of one number could not be told apart by anybody.
        guard hasRegistry || next > cluster.highestTimeline else { return }
        cluster.promote(replica)
        report.promotions += 1
    }

    func newestPrimary() -> Int? {
        cluster.servers.indices.filter { cluster.servers[$0].isPrimary && cluster.servers[$0].isUp && isFollowed($0) }
            .max { a, b in
                cluster.branches[cluster.servers[a].branch].timeline
                    < cluster.branches[cluster.servers[b].branch].timeline
            }
    }
}
