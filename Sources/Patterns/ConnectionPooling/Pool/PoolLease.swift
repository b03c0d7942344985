import Determinism
import Synchronization

/// A connection that somebody holds. It can be returned once, because it cannot be copied; a lease that is destroyed
/// without having been returned gives its connection back and is reported (``LeakReport/Kind/dropped``).
///
/// Prefer ``ConnectionPool/withConnection(for:deadline:label:file:line:_:)``, which cannot forget.
public struct PoolLease<Connection: PooledConnection>: ~Copyable, Sendable {
    /// The connection. Not to be used after the lease is returned.
    public let connection: Connection
    /// The generation of the connection, for ``Eviction/generation(_:)``.
    public var generation: UInt64 { core.state.withLock { $0.machine.generation(of: id) } }
    private let id: LeaseID
    private let core: PoolCore
    private var isReturned = false

    init(_ connection: Connection, _ id: LeaseID, core: PoolCore) {
        (self.connection, self.id, self.core) = (connection, id, core)
    }

    /// Gives the connection back. It is asked for its ``PooledConnection/condition``: a clean one goes to the next
    /// waiter at once, a dirty one is reset in the background first, a broken one is closed.
    public consuming func giveBack() {
        isReturned = true
        core.giveBack(id, connection)
    }

    deinit {
        if !isReturned { core.takeBack(dropped: id, connection) }
    }
}
