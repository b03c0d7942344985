import Determinism

/// The hosts that connections go to: a handful, looked through one by one.
struct HostTable: Sendable {
    struct Host: Sendable {
        var key: HostKey
        var breaker = ConnectBreaker()
        /// Its connections, in whatever state.
        var connections = 0
        /// Connections of an older generation are not used any more.
        var floor: UInt64 = 0
        /// No longer on the list; it stays until its last connection is gone.
        var isRetired = false
        /// Why the last connect failed; nil once one has succeeded.
        var lastError: (any Error)?
    }
    private(set) var hosts: [Host]

    init(_ keys: [HostKey]) { hosts = keys.map { Host(key: $0) } }

    subscript(_ index: Int) -> Host {
        _read { yield hosts[index] }
        _modify { yield &hosts[index] }
    }

    /// The host for a new connection: of those whose breaker permits it, the one that has the fewest.
    func forConnect(now: Instant) -> Int? {
        var best: Int?
        for (index, host) in hosts.enumerated() where !host.isRetired && host.breaker.permits(now: now) {
            if best.map({ host.connections < hosts[$0].connections }) ?? true { best = index }
        }
        return best
    }

    /// When a host that is being left alone may be tried again; nil if none is.
    func earliestAttempt(after now: Instant) -> Instant? {
        hosts.lazy.filter { !$0.isRetired && $0.breaker.state != .probing && $0.breaker.notBefore > now }
            .map(\.breaker.notBefore).min()
    }

    /// Whether the breaker of every host keeps it from being tried.
    func areAllOpen(now: Instant) -> Bool {
        hosts.allSatisfy { $0.isRetired || $0.breaker.state == .open && now < $0.breaker.notBefore }
    }

    func index(of key: HostKey) -> Int? { hosts.firstIndex { $0.key == key } }

    var lastError: (any Error)? { hosts.lazy.filter { !$0.isRetired }.compactMap(\.lastError).first }

    mutating func replace(with keys: [HostKey]) {
        for index in hosts.indices { hosts[index].isRetired = !keys.contains(hosts[index].key) }
        for key in keys where index(of: key) == nil {
            // A place without connections may change its name; others are referred to by their index.
            if let unused = hosts.firstIndex(where: { $0.isRetired && $0.connections == 0 }) {
                hosts[unused] = Host(key: key)
            } else {
                hosts.append(Host(key: key))
            }
        }
    }
}
