import ConnectionPooling
import Determinism
import Synchronization

/// A connection that goes nowhere: what is measured is the pool.
final class NowhereConnection: PooledConnection {
    private let uses = Atomic<Int>(0)

    var condition: ConnectionCondition { .clean }
    func reset() async throws {}
    func validate() async throws {}
    func close() async {}

    /// Something that the compiler does not leave out, and that takes a while: `steps` additions.
    func use(steps: Int) {
        for _ in 0..<max(steps, 1) { uses.wrappingAdd(1, ordering: .relaxed) }
    }
}

struct NowhereFactory: PooledConnectionFactory {
    func connect(to host: HostKey, monitor: ConnectionMonitor) async throws -> NowhereConnection { NowhereConnection() }
}

/// Something that lends connections.
protocol Lender: Sendable {
    var name: String { get }
    func begin() async throws
    func end() async
    /// Leases a connection and returns it, again and again; in between it is used for `work` steps.
    func lend(times: Int, work: Int, tenant: UInt64) async
}

/// The least there can be: a lock and an array. Nobody can wait; who finds none yields and tries again.
final class BareMutex: Lender {
    let name = "Mutex<[T]>"
    private let free: Mutex<[NowhereConnection]>

    init(connections: Int) { free = Mutex((0..<connections).map { _ in NowhereConnection() }) }
    func begin() async throws {}
    func end() async {}

    func lend(times: Int, work: Int, tenant: UInt64) async {
        for _ in 0..<times {
            var taken = free.withLock { $0.popLast() }
            while taken == nil {
                await Task.yield()
                taken = free.withLock { $0.popLast() }
            }
            guard let connection = taken else { continue }
            connection.use(steps: work)
            free.withLock { $0.append(connection) }
        }
    }
}

/// What one writes first: an actor with a free list and a queue of continuations.
actor ActorFreeList: Lender {
    let name = "actor"
    private var free: [NowhereConnection]
    private var waiting: [CheckedContinuation<NowhereConnection, Never>] = []

    init(connections: Int) { free = (0..<connections).map { _ in NowhereConnection() } }
    func begin() async throws {}
    func end() async {}

    private func lease() async -> NowhereConnection {
        if let connection = free.popLast() { return connection }
        return await withCheckedContinuation { waiting.append($0) }
    }

    private func giveBack(_ connection: NowhereConnection) {
        if waiting.isEmpty { free.append(connection) } else { waiting.removeFirst().resume(returning: connection) }
    }

    nonisolated func lend(times: Int, work: Int, tenant: UInt64) async {
        for _ in 0..<times {
            let connection = await lease()
            connection.use(steps: work)
            await giveBack(connection)
        }
    }
}

/// The pool itself, warmed up.
final class PoolLender: Lender {
    let name: String
    private let pool: ConnectionPool<NowhereConnection>
    private let usesTenants: Bool
    private let usesLeases: Bool
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(connections: Int, name: String, usesTenants: Bool, usesLeases: Bool) throws {
        (self.name, self.usesTenants, self.usesLeases) = (name, usesTenants, usesLeases)
        var configuration = PoolConfiguration(hosts: ["nowhere"])
        (configuration.limit, configuration.minimum) = (connections, connections)
        configuration.shedding = nil
        configuration.acquireTimeout = .seconds(600)
        pool = try ConnectionPool(configuration: configuration, factory: NowhereFactory())
    }

    func begin() async throws {
        running.withLock { [pool] running in
            if running == nil { running = Task { await pool.run() } }
        }
        while pool.snapshot.idle < pool.snapshot.limit { await Task.yield() }
    }

    func end() async {
        pool.shutdown()
        await running.withLock { $0 }?.value
    }

    func lend(times: Int, work: Int, tenant: UInt64) async {
        let tenant = usesTenants ? TenantKey(tenant) : nil
        do {
            for _ in 0..<times {
                if usesLeases {
                    let lease = try await pool.lease(for: tenant)
                    lease.connection.use(steps: work)
                    lease.giveBack()
                } else {
                    try await pool.withConnection(for: tenant) { $0.use(steps: work) }
                }
            }
        } catch { fatalError("a lease failed: \(error)") }
    }
}
