/// Hears of what a router finds: the pools that close connections, and whoever logs and counts. Called outside the
/// router's locks, in the order of its findings for each caller, and must not block.
public protocol ReplicaRoutingObserver: Sendable {
    /// A new state of affairs. Calls may overtake each other; the higher generation is the newer.
    func published(_ snapshot: ReplicaSetSnapshot)
    /// Connections to `host` that were opened before `generation` are to be closed: idle ones now, leased ones when
    /// they come back.
    func evict(_ host: HostIndex, _ reason: ReplicaSetMachine.EvictionReason, before generation: UInt64)
}

extension ReplicaRoutingObserver {
    /// Does nothing.
    public func published(_ snapshot: ReplicaSetSnapshot) {}
    /// Does nothing.
    public func evict(_ host: HostIndex, _ reason: ReplicaSetMachine.EvictionReason, before generation: UInt64) {}
}
