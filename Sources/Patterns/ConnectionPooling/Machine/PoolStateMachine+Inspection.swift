import Determinism

/// Looking at the machine from outside.
extension PoolStateMachine {
    /// The state in numbers.
    public func snapshot(now: Instant) -> PoolSnapshot {
        var snapshot = PoolSnapshot()
        snapshot.limit = slots.limit
        snapshot.size = slots.size
        snapshot.leased = slots.count(.leased)
        snapshot.idle = slots.count(.idle)
        snapshot.connecting = slots.count(.connecting)
        snapshot.validating = slots.count(.validating)
        snapshot.resetting = slots.count(.resetting)
        snapshot.closing = slots.count(.closing)
        snapshot.waiting = queue.count
        snapshot.tenants = tenants.activeCount
        snapshot.oldestWait = queue.oldestArrival.map { now - $0 }
        snapshot.generation = generation
        return snapshot
    }

    /// The state of each host.
    public func hostSnapshots() -> [HostSnapshot] {
        hosts.hosts.filter { !$0.isRetired || $0.connections > 0 }.map {
            HostSnapshot(
                host: $0.key, connections: $0.connections, breaker: $0.breaker.state, isRetired: $0.isRetired)
        }
    }

    /// Why the last connect failed, if none has succeeded since.
    public var lastConnectError: (any Error)? { hosts.lastError }

    /// Whether a connect is under way for it, and has not been given up.
    public func isConnecting(_ connection: ConnectionID) -> Bool { slots.holds(connection, .connecting) }

    /// The host of the connection.
    public func host(ofSlot slot: Int) -> HostKey { hosts[slots[slot].host].key }

    /// How many connections a tenant may count on at this moment; nil if it neither holds nor waits.
    public mutating func share(of tenant: TenantKey?) -> Int? {
        let index = tenants.index(of: tenant)
        return tenants[index].isActive ? tenants.share(index, of: slots.limit) : nil
    }

    /// What does not fit together inside, for tests; empty unless the machine has a bug. O(limit + waiters + tenants).
    public func inconsistencies() -> [String] {
        var problems = slots.inconsistencies()
        problems += tenants.inconsistencies(leased: slots.count(.leased), waiting: queue.count)
        problems += queue.inconsistencies()
        for (index, host) in hosts.hosts.enumerated() {
            let real = slots.slots.count { $0.state != .free && $0.host == index }
            if real != host.connections {
                problems.append("\(host.key) has \(real) connections, not \(host.connections)")
            }
        }
        return problems
    }
}
