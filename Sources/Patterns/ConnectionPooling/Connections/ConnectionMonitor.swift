/// How a connection tells its pool that it has died by itself: the server closed it, the socket broke.
///
/// Without it a dead connection is found by ``PooledConnection/condition`` or by validation, later but not too late.
public struct ConnectionMonitor: Sendable {
    private let core: PoolCore?
    private let connection: ConnectionID

    /// A monitor without a pool, for a connection that is opened on its own, as in a test.
    public static let unattended = ConnectionMonitor(core: nil, connection: ConnectionID(slot: 0, number: 0))

    init(core: PoolCore?, connection: ConnectionID) { (self.core, self.connection) = (core, connection) }

    /// The connection is dead. An idle one is closed now, a leased one when it comes back. May be called at any time,
    /// from anywhere, also more than once.
    public func lost() { core?.lost(connection) }
}
