import Determinism
import ReplicaRouting
import Testing

/// A machine with a clock, and short words for what hosts say.
struct MachineBench {
    var machine: ReplicaSetMachine
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var last: [ReplicaSetMachine.Action] = []

    init(
        hosts: Int = 3, hasRegistry: Bool = false,
        configuration: ReplicaRoutingConfiguration = ReplicaRoutingConfiguration()
    ) {
        machine = ReplicaSetMachine(
            hosts: (0..<hosts).map { ReplicaHost("host-\($0)") }, configuration: configuration,
            hasRegistry: hasRegistry)
    }

    var snapshot: ReplicaSetSnapshot { machine.snapshot }
    var standings: [ReplicaSetSnapshot.Standing] { snapshot.hosts.map(\.standing) }
    var primary: Int? { snapshot.primary(at: now)?.host.number }
    var evictions: [ReplicaSetMachine.Action] { last.filter { if case .evict = $0 { true } else { false } } }

    static func reading(
        _ role: HostReading.Role, _ position: UInt64, timeline: UInt32? = 1, system: UInt64 = 7,
        heartbeatAge: Duration? = nil, durability: HostReading.Durability = HostReading.Durability()
    ) -> HostReading {
        HostReading(
            systemIdentifier: system, role: role, timeline: timeline.map { Timeline($0) },
            position: LSN(bytes: position), heartbeatAge: heartbeatAge, durability: durability)
    }

    @discardableResult
    mutating func handle(_ event: ReplicaSetMachine.Event) -> [ReplicaSetMachine.Action] {
        last = machine.handle(event, now: now)
        return last
    }

    mutating func advance(_ duration: Duration) { now = now + duration }

    /// A host answers at once.
    mutating func hear(
        _ host: Int, _ role: HostReading.Role, _ position: UInt64, timeline: UInt32? = 1, system: UInt64 = 7,
        heartbeatAge: Duration? = nil, durability: HostReading.Durability = HostReading.Durability()
    ) {
        let reading = Self.reading(
            role, position, timeline: timeline, system: system, heartbeatAge: heartbeatAge, durability: durability)
        handle(.read(HostIndex(host), reading, since: now))
    }

    mutating func miss(_ host: Int, times: Int = 1) {
        for _ in 0..<times { handle(.unanswered(HostIndex(host), .timedOut, since: now)) }
    }

    /// A primary at 1000 on host 0, the others replicas that are as far.
    mutating func settle(timeline: UInt32 = 1) {
        for host in snapshot.hosts.indices {
            hear(host, host == 0 ? .primary : .replica, 1_000, timeline: timeline)
        }
        if timeline > 1 {
            handle(.history(TimelineHistory(of: Timeline(timeline), ancestors: [.init(.first, end: LSN(bytes: 500))])))
        }
    }

    func choice(_ requirement: ReadRequirement, excluding: HostSet = .empty) -> ReplicaSetSnapshot.Choice {
        snapshot.choice(for: requirement, excluding: excluding, at: now, machine.snapshotConfiguration)
    }
}

extension ReplicaSetMachine {
    /// The defaults, which these tests choose by.
    var snapshotConfiguration: ReplicaRoutingConfiguration { ReplicaRoutingConfiguration() }
}

extension ReplicaSetSnapshot.Choice {
    var replicas: [Int]? {
        guard case .replicas(let set) = self else { return nil }
        return (0..<set.count).compactMap { set.member(at: $0)?.number }
    }
}
