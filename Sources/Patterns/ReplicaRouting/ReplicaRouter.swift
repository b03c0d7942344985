import Determinism
import Synchronization

/// Routes reads and writes of one replica set: writes to the primary, reads to a replica that is fresh enough for them.
///
/// ``run()`` watches the hosts; while it does not run, nothing is known and everything is refused. A choice takes one
/// short lock and allocates nothing. Of the replicas that satisfy a read, two are drawn and the one with fewer reads in
/// flight is taken (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
public final class ReplicaRouter: Sendable {
    /// The hosts, by ``HostIndex``.
    public let hosts: [ReplicaHost]
    /// The configuration.
    public let configuration: ReplicaRoutingConfiguration

    struct Waiter {
        let requirement: ReadRequirement
        let excluded: HostSet
        let wakeup: Wakeup
    }
    struct State {
        var machine: ReplicaSetMachine
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
        /// What the registry's loop is to register next.
        var claim: (record: TimelineRecord, old: TimelineRecord?)?
        /// What the history's loop is to read next.
        var history: (timeline: Timeline, host: HostIndex)?
        /// When reads were last seen.
        var busyAt: Instant?
    }
    let probe: any ReplicaProbe
    let registry: (any TimelineRegistry)?
    let observer: (any ReplicaRoutingObserver)?
    let time: any TimeSource
    /// The operating system's generator is a system call away; this one is seeded by it.
    let random: SeededRandom
    let state: Mutex<State>
    private let published: Mutex<ReplicaSetSnapshot>
    let loads: [HostLoad]
    let wakeups: [Wakeup]
    let registryWakeup = Wakeup()
    let historyWakeup = Wakeup()
    let catchUpWakeup = Wakeup()

    /// A router.
    /// - Parameters:
    ///   - hosts: 1 to ``HostSet/capacity``, each name once; in the same order on no matter which server.
    ///   - registry: where the fleet keeps the valid timeline; nil when the highest timeline decides alone.
    ///   - observer: hears of evictions and new states.
    /// - Throws: ``ReplicaRoutingConfigurationError``
    public init(
        hosts: [ReplicaHost], probe: any ReplicaProbe, registry: (any TimelineRegistry)? = nil,
        observer: (any ReplicaRoutingObserver)? = nil,
        configuration: ReplicaRoutingConfiguration = ReplicaRoutingConfiguration(),
        time: any TimeSource = SystemTime(), random: any RandomSource = SystemRandom()
    ) throws(ReplicaRoutingConfigurationError) {
        try configuration.validate()
        guard (1...HostSet.capacity).contains(hosts.count) else {
            throw ReplicaRoutingConfigurationError(
                "\(hosts.count) hosts; a replica set has 1 to \(HostSet.capacity)")
        }
        guard Set(hosts.map(\.name)).count == hosts.count else {
            throw ReplicaRoutingConfigurationError("a host is named twice")
        }
        (self.hosts, self.probe, self.registry, self.observer) = (hosts, probe, registry, observer)
        (self.configuration, self.time, self.random) = (configuration, time, SeededRandom(seed: random.next()))
        let machine = ReplicaSetMachine(hosts: hosts, configuration: configuration, hasRegistry: registry != nil)
        published = Mutex(machine.snapshot)
        state = Mutex(State(machine: machine))
        loads = hosts.map { _ in HostLoad() }
        wakeups = hosts.map { _ in Wakeup() }
    }

    /// What is known now.
    public var snapshot: ReplicaSetSnapshot { published.withLock { $0 } }

    // MARK: Routing

    /// Where a write goes.
    /// - Throws: ``ReplicaRoutingError/noPrimary``
    public func write() throws(ReplicaRoutingError) -> WriteRoute {
        let now = time.instant()
        let route: WriteRoute? = published.withLock { snapshot in
            snapshot.primary(at: now).map {
                WriteRoute(host: $0.host, timeline: $0.timeline, generation: snapshot.generation)
            }
        }
        guard let route else { throw .noPrimary }
        return route
    }

    /// Where a read goes, decided at once. Each route must be given back to ``end(_:_:)``, once.
    /// - Parameter excluded: hosts that have just failed this read.
    public func routeAtOnce(
        _ requirement: ReadRequirement, excluding excluded: HostSet = .empty
    ) throws(ReplicaRoutingError) -> ReadRoute {
        try begin(decide(requirement, excluded, time.instant()))
    }

    /// Where a read goes. One with a position waits a little for the furthest replica before it goes to the primary.
    /// Each route must be given back to ``end(_:_:)``, once.
    /// - Parameters:
    ///   - deadline: of the request; nil for none.
    ///   - excluded: hosts that have just failed this read.
    public func route(
        _ requirement: ReadRequirement, deadline: Instant? = nil, excluding excluded: HostSet = .empty
    ) async throws(ReplicaRoutingError) -> ReadRoute {
        let now = time.instant()
        let decided = decide(requirement, excluded, now)
        guard case .position(let position) = requirement, isWorthWaiting(decided, excluded, now) else {
            return try begin(decided)
        }
        noteObjection(in: decided)
        let rest = deadline.map { ($0 - now) / 10 } ?? configuration.catchUpWait
        let wait = min(configuration.catchUpWait, rest)
        if wait > .zero { await catchUp(to: position, excluded, until: now + wait) }
        if Task.isCancelled { throw .cancelled }
        return try begin(decide(requirement, excluded, time.instant()))
    }

    /// A new connection to a host was opened, and this is what the host said over it: as good as a probe, and newer.
    /// - Parameter since: when the host was asked.
    /// - Returns: the generation that the connection is opened under, for evictions.
    @discardableResult
    public func connected(to host: HostIndex, _ reading: HostReading, since: Instant) -> UInt64 {
        handle(.read(host, reading, since: since))
        return snapshot.generation
    }

    /// Whether a route that was decided some time ago would still be one of the right ones.
    public func stillHolds(_ route: ReadRoute) -> Bool {
        let now = time.instant()
        return published.withLock { snapshot in
            switch snapshot.choice(for: route.requirement, at: now, configuration) {
            case .replicas(let set): set.contains(route.host) || snapshot.primary(at: now)?.host == route.host
            case .primary(let host), .stale(let host): host == route.host
            case .none: false
            }
        }
    }

    /// The read has ended.
    public func end(_ route: ReadRoute, _ outcome: ReadOutcome) {
        guard loads.indices.contains(route.host.number) else { return }
        switch outcome {
        case .served(let latency): loads[route.host.number].end(after: latency)
        case .failed(let failure):
            loads[route.host.number].end(after: nil)
            connectionFailed(route.host, failure, generation: route.generation)
        case .abandoned: loads[route.host.number].end(after: nil)
        }
    }

    /// A connection failed in a way that says something about its host; also for writes.
    public func connectionFailed(
        _ host: HostIndex, _ failure: ReplicaSetMachine.ConnectionFailure, generation: UInt64
    ) {
        handle(.connectionFailed(host, failure, generation: generation))
    }

    private func decide(
        _ requirement: ReadRequirement, _ excluded: HostSet, _ now: Instant
    ) -> Result<ReadRoute, ReplicaRoutingError> {
        published.withLock { snapshot in
            let (host, isPrimary, isStale): (HostIndex, Bool, Bool)
            switch snapshot.choice(for: requirement, excluding: excluded, at: now, configuration) {
            case .replicas(let set): (host, isPrimary, isStale) = (leastLoaded(of: set), false, false)
            case .primary(let primary): (host, isPrimary, isStale) = (primary, true, false)
            case .stale(let freshest): (host, isPrimary, isStale) = (freshest, false, true)
            case .none(let error): return .failure(error)
            }
            return .success(
                ReadRoute(
                    host: host, requirement: requirement, isPrimary: isPrimary, timeline: snapshot.timeline,
                    generation: snapshot.generation, decidedAt: now,
                    asOf: isPrimary ? now : snapshot.hosts[host.number].asOf, isBeyondLimit: isStale))
        }
    }

    /// Draws two, and takes the one with fewer reads in flight.
    private func leastLoaded(of set: HostSet) -> HostIndex {
        let count = set.count
        guard count > 1 else { return set.member(at: 0) ?? HostIndex(0) }
        let draw = random.next()
        // Two different ones, by the two halves of one number.
        let first = Int((draw >> 32) * UInt64(count) >> 32)
        let second = (first + 1 + Int((draw & 0xFFFF_FFFF) * UInt64(count - 1) >> 32)) % count
        guard let a = set.member(at: first), let b = set.member(at: second) else { return HostIndex(0) }
        return loads[b.number].inFlight < loads[a.number].inFlight ? b : a
    }

    private func begin(
        _ decided: Result<ReadRoute, ReplicaRoutingError>
    ) throws(ReplicaRoutingError) -> ReadRoute {
        switch decided {
        case .success(let route):
            loads[route.host.number].begin()
            return route
        case .failure(let error):
            noteObjection(in: decided)
            throw error
        }
    }

    private func isWorthWaiting(
        _ decided: Result<ReadRoute, ReplicaRoutingError>, _ excluded: HostSet, _ now: Instant
    ) -> Bool {
        switch decided {
        case .success(let route):
            // Waiting for a replica pays only if there is one.
            route.isPrimary && published.withLock { $0.furthestReplica(excluding: excluded, at: now) != nil }
        case .failure(let error): error.isTransient
        }
    }

    /// Somebody has written on a timeline that is not known here: that says more than any probe.
    private func noteObjection(in decided: Result<ReadRoute, ReplicaRoutingError>) {
        if case .failure(.timelineUnknown(let position)) = decided { handle(.timelineSeen(position.timeline)) }
    }

    // MARK: The machine

    /// Gives the machine an event and does what it says.
    func handle(_ event: ReplicaSetMachine.Event) {
        let now = time.instant()
        let actions = state.withLock { state in
            let actions = state.machine.handle(event, now: now)
            for action in actions { note(action, in: &state, now) }
            return actions
        }
        for action in actions { perform(action) }
    }

    /// What has to be in step with the machine, under its lock.
    private func note(_ action: ReplicaSetMachine.Action, in state: inout State, _ now: Instant) {
        switch action {
        case .publish(let snapshot):
            published.withLock { $0 = snapshot }
            for waiter in state.waiters.values where Self.isServed(waiter, by: snapshot, now, configuration) {
                waiter.wakeup.signal()
            }
        case .register(let record, let old): state.claim = (record, old)
        case .readHistory(let timeline, let host): state.history = (timeline, host)
        case .evict, .probeAtOnce: break
        }
    }

    private func perform(_ action: ReplicaSetMachine.Action) {
        switch action {
        case .publish(let snapshot): observer?.published(snapshot)
        case .evict(let host, let reason, let generation): observer?.evict(host, reason, before: generation)
        case .register: registryWakeup.signal()
        case .readHistory: historyWakeup.signal()
        case .probeAtOnce: for wakeup in wakeups { wakeup.signal() }
        }
    }
}

/// How a routed read ended.
public enum ReadOutcome: Sendable, Hashable {
    /// With an answer, after this time.
    case served(latency: Duration)
    /// With a connection that says something about its host.
    case failed(ReplicaSetMachine.ConnectionFailure)
    /// In a way that says nothing about its host: the caller left, the statement was wrong, or the replica's recovery
    /// cancelled it (40001), which another replica may not do.
    case abandoned
}
