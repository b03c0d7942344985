import Determinism
import Synchronization

/// Keeps connections open and lends them out: at most a limit, fairly between tenants, clean, and alive.
///
/// ```swift
/// let pool = try ConnectionPool(configuration: PoolConfiguration(hosts: ["db-1:5432"]), factory: MyFactory())
/// async let running: Void = pool.run()
/// let total = try await pool.withConnection(for: TenantKey(named: "acme")) { connection in
///     try await connection.query("SELECT …")
/// }
/// pool.shutdown()
/// await running
/// ```
///
/// Nothing is opened before ``run()``, which owns all the background work. ``PoolStateMachine`` describes who is served
/// when, and what happens to connections.
public final class ConnectionPool<Connection: PooledConnection>: Sendable {
    let core: PoolCore

    /// A pool; it does nothing before ``run()``.
    /// - Parameters:
    ///   - factory: opens connections.
    ///   - time: the clock; the machine's own by default.
    ///   - random: jitter comes from it.
    ///   - observer: for metrics and logs.
    /// - Throws: the first setting of the configuration that cannot be.
    public init(
        configuration: PoolConfiguration, factory: some PooledConnectionFactory<Connection>,
        time: any TimeSource = SystemTime(), random: any RandomSource = SystemRandom(),
        observer: (any PoolObserver)? = nil
    ) throws(PoolConfigurationError) {
        try configuration.validate()
        core = PoolCore(configuration: configuration, time: time, draws: random, observer: observer) {
            try await factory.connect(to: $0, monitor: $1)
        }
    }

    /// Opens, checks, repairs and closes connections, and keeps the time, until the pool has shut down. Call it once.
    ///
    /// Cancelling it is the hard way to shut down: callers that wait are refused, and all connections are closed,
    /// those that somebody holds included. It returns when they are, which takes no longer than the longest of the
    /// configured timeouts.
    public func run() async { await core.run() }

    /// Lends a connection to `body` and takes it back, also when `body` throws or its task is cancelled.
    /// - Parameters:
    ///   - tenant: for whom; tenants have fair shares.
    ///   - deadline: stop waiting for a connection then; ``PoolConfiguration/acquireTimeout`` from now if nil or later
    ///     than that. It does not limit `body`.
    ///   - label: what for; shown when the connection does not come back.
    /// - Returns: what `body` returns.
    /// - Throws: ``PoolError`` if there is no connection, or what `body` throws.
    nonisolated(nonsending) public func withConnection<Result>(
        for tenant: TenantKey? = nil, deadline: Instant? = nil, label: String? = nil,
        file: StaticString = #fileID, line: UInt = #line,
        _ body: nonisolated(nonsending) (Connection) async throws -> Result
    ) async throws -> Result {
        let holder = LeaseHolder(label: label, taskName: currentTaskName(), file: file, line: line, tenant: tenant)
        let (id, connection) =
            if let ready = core.leaseReady(deadline: deadline, holder: holder) {
                (ready.0, typed(ready.1))
            } else {
                try await acquire(deadline: deadline, holder)
            }
        defer { core.giveBack(id, connection) }
        return try await body(connection)
    }

    /// Lends a connection until the lease is returned or destroyed. Parameters as for
    /// ``withConnection(for:deadline:label:file:line:_:)``, which is to be preferred.
    nonisolated(nonsending) public func lease(
        for tenant: TenantKey? = nil, deadline: Instant? = nil, label: String? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) async throws(PoolError) -> PoolLease<Connection> {
        let holder = LeaseHolder(label: label, taskName: currentTaskName(), file: file, line: line, tenant: tenant)
        if let (id, connection) = core.leaseReady(deadline: deadline, holder: holder) {
            return PoolLease(typed(connection), id, core: core)
        }
        let (id, connection) = try await acquire(deadline: deadline, holder)
        return PoolLease(connection, id, core: core)
    }

    /// Closes connections that are not to be used any more, gracefully: idle ones now, leased ones when they come back,
    /// those being opened when they are open. Waiters get new ones.
    public func evict(_ what: Eviction) { core.handle { $0.evict(what, now: $1) } }

    /// Connects to these hosts from now on; connections to hosts that are no longer named are evicted.
    /// - Throws: if there is none, or one is named twice.
    public func replaceHosts(_ hosts: [HostKey]) throws(PoolConfigurationError) {
        try PoolConfiguration(hosts: hosts).validate()
        core.handle { $0.replaceHosts(hosts, now: $1) }
    }

    /// Begins to shut down: no new leases; those who wait are still served, and those who hold a connection may finish.
    /// At the deadline the former are refused and the latter's connections are closed under them. ``run()`` returns
    /// when no connection is left.
    /// - Parameter deadline: 10 s from now if nil.
    public func shutdown(deadline: Instant? = nil) {
        core.handle { $0.shutdown(deadline: deadline ?? $1 + .seconds(10), now: $1) }
    }

    /// The state in numbers.
    public var snapshot: PoolSnapshot { core.snapshot() }

    /// The state of each host.
    public var hosts: [HostSnapshot] { core.state.withLock { $0.machine.hostSnapshots() } }

    // MARK: Acquiring

    nonisolated(nonsending) private func acquire(
        deadline: Instant?, _ holder: LeaseHolder
    ) async throws(PoolError) -> (LeaseID, Connection) {
        let now = core.time.instant()
        if Task.isCancelled { throw core.error(.cancelled, since: now) }
        let deadline = core.latest(deadline, now: now)
        switch core.attempt(deadline: deadline, now: now, holder: holder) {
        case .granted(let id, let connection): return (id, typed(connection))
        case .refused(let error): throw error
        case .waits(let ticket, let isRunning):
            let answer =
                isRunning ? await core.wait(ticket) : await core.waitOnItsOwn(ticket, until: deadline)
            switch answer {
            case .refused(let reason, let since): throw core.error(reason, since: since)
            case .granted(let id, let connection):
                // The connection was faster than the cancellation. The caller has gone all the same.
                if Task.isCancelled {
                    core.giveBack(id, connection)
                    throw core.error(.cancelled, since: now)
                }
                return (id, typed(connection))
            }
        }
    }

    /// The core keeps connections of one type only: those that this pool's factory has opened.
    private func typed(_ connection: any PooledConnection) -> Connection {
        assert(connection is Connection)
        return unsafeDowncast(connection as AnyObject, to: Connection.self)
    }
}
