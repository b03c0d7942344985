import Determinism

/// Follows a replica set: who is up, who is the primary, how far each replica is. A pure state machine.
///
/// Health has hysteresis: it takes several failures to be down, and several answers to be up again. A host is the
/// primary when it says that it is not in recovery *and* nothing contradicts: not a higher timeline, not the registry,
/// not another claimant. A new timeline is registered by compare-and-set before its primary is believed. Lag is
/// measured against the primary's own positions (see `PositionLog`), not against clocks.
///
/// Deviations from what proxies do (PgDog, Odyssey: poll `pg_is_in_recovery()`, take whoever says no): the timeline
/// decides between two that say no, and a primary that was replaced is refused for ever.
///
/// Every event in every state gives actions, none when it changes nothing. What is late is left out by the moment its
/// question was sent.
public struct ReplicaSetMachine: Sendable {
    /// What happened.
    public enum Event: Sendable, Hashable {
        /// A host answered; the question was sent at `since`.
        case read(HostIndex, HostReading, since: Instant)
        /// A host did not answer a question sent at `since`.
        case unanswered(HostIndex, ProbeFailure, since: Instant)
        /// A replica said up to where it has replayed; the question was sent at `since`.
        case replayed(HostIndex, LSN, since: Instant)
        /// A connection to a host failed in a way that says something about the host. It was opened, or last known
        /// to be good, under `generation`.
        case connectionFailed(HostIndex, ConnectionFailure, generation: UInt64)
        /// Reads of a host took this long in the mean since the last such event.
        case measured(HostIndex, latency: Duration, count: Int)
        /// This record stands in the registry.
        case registered(TimelineRecord?)
        /// The registry could not be asked, or a claim not be made.
        case registryUnanswered
        /// The history of a timeline was read.
        case history(TimelineHistory)
        /// The history of a timeline could not be read.
        case historyUnanswered(Timeline)
        /// An authentic token names this timeline: somebody has written on it.
        case timelineSeen(Timeline)
    }
    /// What a connection's failure says about its host.
    public enum ConnectionFailure: Sendable, Hashable, CaseIterable {
        /// The connection was lost or could not be made (SQLSTATE class 08).
        case lost
        /// The server is going down or starting up (57P01, 57P02, 57P03).
        case shuttingDown
        /// The server took no write (25006): it is no primary any more.
        case readOnly
    }
    /// Why connections to a host are to be closed.
    public enum EvictionReason: Sendable, Hashable {
        /// It does not answer.
        case unreachable
        /// It was the primary and is a replica now.
        case demoted
        /// It was the primary, and another one is.
        case superseded
        /// It was the primary, and is refused for this reason.
        case refused(ReplicaSetSnapshot.Refusal)
    }
    /// What the shell does, in this order.
    public enum Action: Sendable, Hashable {
        /// Publish the new state.
        case publish(ReplicaSetSnapshot)
        /// Close connections to a host that were opened before `generation`: idle ones now, leased ones when they come
        /// back.
        case evict(HostIndex, EvictionReason, before: UInt64)
        /// Register a timeline, and report what stands then.
        case register(TimelineRecord, replacing: TimelineRecord?)
        /// Ask a primary for its timeline's history, and report it.
        case readHistory(Timeline, from: HostIndex)
        /// Probe the hosts now rather than at their next time.
        case probeAtOnce
    }

    struct Belief: Sendable, Hashable {
        let host: HostIndex
        let timeline: Timeline
    }
    enum Registry: Sendable, Hashable {
        /// There is none: the highest timeline decides.
        case none
        /// It was not read yet.
        case unread
        /// This stands in it.
        case read(TimelineRecord?)
    }

    let configuration: ReplicaRoutingConfiguration
    let names: [String]
    var hosts: [HostState]
    var registry: Registry
    var isRegistryAway = false
    var pendingClaim: TimelineRecord?
    var belief: Belief?
    /// The last that was believed. Nobody else is on its timeline: a promotion begins a new one.
    var owner: Belief?
    /// The highest timeline that a primary was believed on.
    var highest: Timeline? { owner?.timeline }
    /// The highest timeline that others were seen to use.
    var seen: Timeline?
    var systemIdentifier: UInt64?
    var history: TimelineHistory?
    var pendingHistory: Timeline?
    var positions = PositionLog()
    /// The present state.
    public internal(set) var snapshot: ReplicaSetSnapshot

    /// A machine that knows nothing yet.
    /// - Parameters:
    ///   - hosts: at most ``HostSet/capacity``; those beyond are left out.
    ///   - hasRegistry: whether timelines are registered; then no primary is believed before the registry was read.
    public init(hosts: [ReplicaHost], configuration: ReplicaRoutingConfiguration, hasRegistry: Bool) {
        self.configuration = configuration
        names = hosts.prefix(HostSet.capacity).map(\.name)
        self.hosts = Array(repeating: HostState(), count: names.count)
        registry = hasRegistry ? .unread : .none
        snapshot = ReplicaSetSnapshot(hostCount: names.count)
    }

    /// Takes an event.
    public mutating func handle(_ event: Event, now: Instant) -> [Action] {
        var actions: [Action] = []
        let wasDown = hosts.map { $0.health == .down }
        switch event {
        case .read(let host, let reading, let since):
            guard hosts.indices.contains(host.number),
                hosts[host.number].heard(reading, since: since, now: now, configuration)
            else { return [] }
            // Somebody was promoted to what this replica follows. A registry would know.
            if registry == .none, reading.role == .replica, reading.systemIdentifier == systemIdentifier,
                let timeline = hosts[host.number].timeline
            {
                seen = max(seen ?? timeline, timeline)
            }
        case .unanswered(let host, _, let since):
            guard hosts.indices.contains(host.number) else { return [] }
            hosts[host.number].failed(since: since, configuration)
        case .replayed(let host, let lsn, let since):
            guard hosts.indices.contains(host.number) else { return [] }
            hosts[host.number].replayed(lsn, since: since)
        case .connectionFailed(let host, let failure, let generation):
            guard hosts.indices.contains(host.number) else { return [] }
            return connectionFailed(host, failure, generation, now)
        case .measured(let host, let latency, let count):
            guard hosts.indices.contains(host.number) else { return [] }
            measured(host, latency, count, now)
        case .registered(let record):
            guard registry != .none, isNews(record) else { return [] }
            (registry, isRegistryAway, pendingClaim) = (.read(record), false, nil)
            if let record { systemIdentifier = record.systemIdentifier }
        case .registryUnanswered:
            isRegistryAway = registry != .none
        case .history(let new):
            if pendingHistory == new.timeline { pendingHistory = nil }
            if new.timeline == highest, history != new {
                history = new
                positions.apply(new)
            }
        case .historyUnanswered(let timeline):
            if pendingHistory == timeline { pendingHistory = nil }
        case .timelineSeen(let timeline):
            guard timeline > (seen ?? Timeline(0)) else { return [] }
            seen = timeline
            if timeline > (highest ?? Timeline(0)) { actions.append(.probeAtOnce) }
        }
        settle(wasDown, now, &actions)
        // Claimed again with the next answer, not at once: a registry that fails at once would be asked without end.
        if event == .registryUnanswered { pendingClaim = nil }
        return actions
    }

    /// Timelines only ascend: a lower one was read from somewhere that is behind.
    private func isNews(_ record: TimelineRecord?) -> Bool {
        guard case .read(let known?) = registry else { return true }
        return (record?.timeline ?? Timeline(0)) >= known.timeline
    }

    private mutating func connectionFailed(
        _ host: HostIndex, _ failure: ConnectionFailure, _ generation: UInt64, _ now: Instant
    ) -> [Action] {
        // A connection from before the host last changed its part proves nothing about its present one.
        guard generation >= evictedAt[host.number] ?? 0 else { return [] }
        var actions = [Action.probeAtOnce]
        if failure == .readOnly, belief?.host == host {
            hosts[host.number].doubt(at: now)
            settle(hosts.map { $0.health == .down }, now, &actions)
        }
        return actions
    }
    /// The generation of each host's last eviction.
    private var evictedAt: [Int: UInt64] = [:]

    /// After every event: who is the primary now, what is each replica worth, and what follows.
    private mutating func settle(_ wasDown: [Bool], _ now: Instant, _ actions: inout [Action]) {
        let old = belief
        elect(&actions)
        if let belief, let since = hosts[belief.host.number].heardAt {
            positions.note(LogPosition(belief.timeline, hosts[belief.host.number].position), at: since)
        }
        var next = assess(now)
        let former = snapshot.generation
        next.generation = former
        let evictions = evictions(from: old, wasDown: wasDown)
        if next != snapshot || !evictions.isEmpty {
            next.generation = former + 1
            snapshot = next
            actions.append(.publish(next))
        }
        for (host, reason) in evictions {
            evictedAt[host.number] = snapshot.generation
            actions.append(.evict(host, reason, before: snapshot.generation))
        }
        if old != nil, belief == nil { actions.append(.probeAtOnce) }
        requestHistory(&actions)
    }

    private func evictions(from old: Belief?, wasDown: [Bool]) -> [(HostIndex, EvictionReason)] {
        var evictions: [(HostIndex, EvictionReason)] = []
        for index in hosts.indices {
            let host = HostIndex(index)
            if hosts[index].health == .down, !wasDown[index] {
                evictions.append((host, .unreachable))
            } else if let old, old.host == host, belief?.host != host {
                if hosts[index].reading?.role == .replica {
                    evictions.append((host, .demoted))
                } else if let refusal = hosts[index].refusal, refusal != .oldTimeline {
                    evictions.append((host, .refused(refusal)))
                } else {
                    evictions.append((host, hosts[index].isTrusted ? .superseded : .demoted))
                }
            }
        }
        return evictions
    }

    private mutating func requestHistory(_ actions: inout [Action]) {
        guard let belief, history?.timeline != belief.timeline, pendingHistory != belief.timeline else { return }
        pendingHistory = belief.timeline
        actions.append(.readHistory(belief.timeline, from: belief.host))
    }
}
