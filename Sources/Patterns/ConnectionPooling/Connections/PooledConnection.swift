import Determinism

/// What a connection says about itself, from what it already knows: no I/O.
public enum ConnectionCondition: Sendable, Hashable {
    /// Open, in no transaction, nothing pending: the next holder finds it as if it were new.
    case clean
    /// Open, but its session must be brought back first: an open transaction, an answer not yet read, a query under
    /// way, changed settings.
    case dirty
    /// Closed, or in a state that nobody can vouch for. It is closed and never handed out again.
    case broken
}

/// A connection that a ``ConnectionPool`` keeps. A class, because a connection has an identity.
///
/// The pool calls all of these outside the task of whoever held the connection, so that a cancelled holder cannot cut
/// a rollback short. None of them is trusted to return: each call is bounded by a deadline of its own, and a connection
/// that misses it is closed.
public protocol PooledConnection: AnyObject, Sendable {
    /// Asked when the connection comes back, after each repair and before it is handed out. Must be quick, and must be
    /// read from the state of the wire (for PostgreSQL, the transaction status), never from a counter that a cancelled
    /// call may not have reached.
    var condition: ConnectionCondition { get }

    /// Brings a dirty connection back: rolls back, reads what is outstanding. The pool asks for ``condition`` again
    /// afterwards; a connection that is not clean then is closed, whatever this call said.
    /// - Throws: anything; the connection is closed.
    func reset() async throws

    /// Makes sure that the other side still answers, after the connection has idled for a while; an empty query.
    /// - Throws: anything; the connection is closed.
    func validate() async throws

    /// Closes the connection. Called exactly once for each connection, possibly in a cancelled task, and possibly while
    /// a holder that outstayed the pool's shutdown still uses it: it must close regardless.
    func close() async
}

/// Opens connections for a ``ConnectionPool``.
public protocol PooledConnectionFactory<Connection>: Sendable {
    /// What it opens.
    associatedtype Connection: PooledConnection

    /// Opens a connection to `host`. Cancelled when ``PoolConfiguration/connectTimeout`` has passed; a connection that
    /// is returned after that is closed.
    /// - Parameters:
    ///   - host: one of ``PoolConfiguration/hosts``.
    ///   - monitor: to be told once the connection is found dead while nobody uses it.
    /// - Throws: what stands in the way. Its description becomes part of a ``PoolError``'s text, so it must not hold
    ///   a secret.
    func connect(to host: HostKey, monitor: ConnectionMonitor) async throws -> Connection
}
