import ConnectionPooling
import Determinism
import ReplicaRouting
import Storage
import Synchronization

/// One server of a replica set: its name, its pool, and every connection that is open to it.
final class ReplicaSetMember: Sendable {
    /// As `host:port`.
    let name: String
    let configuration: PostgresConfiguration
    let pool: ConnectionPool<PostgresConnection>
    let connections: OpenConnections

    init(
        _ name: String, _ configuration: PostgresConfiguration, _ pool: ConnectionPool<PostgresConnection>,
        _ connections: OpenConnections
    ) {
        (self.name, self.configuration, self.pool, self.connections) = (name, configuration, pool, connections)
    }

    /// Behind a pooler a connection outlives its server, and what was found out when it was opened means nothing.
    var hidesServer: Bool { configuration.pooler == .transaction }
}

/// The connections to one server, whoever holds them, each with the state of affairs that it was opened under.
final class OpenConnections: Sendable {
    private struct Entry {
        weak var connection: PostgresConnection?
        let generation: UInt64
    }
    private struct State {
        var entries: [UInt64: Entry] = [:]
        var next: UInt64 = 0
    }
    // Bounded by the pool's limit and the lane's one: an entry leaves with its connection.
    private let state = Mutex(State())

    func add(_ connection: PostgresConnection, generation: UInt64) {
        let number = state.withLock { state in
            defer { state.next += 1 }
            state.entries[state.next] = Entry(connection: connection, generation: generation)
            return state.next
        }
        connection.whenClosed { [weak self] _ in self?.state.withLock { $0.entries[number] = nil } }
    }

    /// Closes those that were opened before `generation`, whatever is under way on them.
    func close(before generation: UInt64) {
        let old = state.withLock { state in
            state.entries.values.filter { $0.generation < generation }.compactMap(\.connection)
        }
        for connection in old { connection.close() }
    }
}

/// Opens connections to one server for its pool, and asks each who it is before anybody uses it: the server may have
/// been started anew since the last probe, taken back, or on another timeline.
struct ReplicaSetConnectionFactory: PooledConnectionFactory {
    let configuration: PostgresConfiguration
    let reactor: PostgresReactor
    let connections: OpenConnections
    let host: HostIndex
    let router: ReplicaRouter
    let time: any TimeSource

    func connect(to _: HostKey, monitor: ConnectionMonitor) async throws -> PostgresConnection {
        let connection = try await open().connection
        connection.whenClosed { _ in monitor.lost() }
        return connection
    }

    func open(
        within limit: Duration? = nil
    ) async throws(PostgresError) -> (connection: PostgresConnection, reading: HostReading) {
        let deadline = limit.map { time.instant() + $0 }
        let connection = try await PostgresConnection.connect(configuration, on: reactor, deadline: deadline)
        do throws(PostgresError) {
            let since = time.instant()
            let result = try await connection.submit(ProbeQuestion.batch, deadline: deadline).first
            guard let reading = ProbeQuestion.reading(result) else {
                throw PostgresError(.decoding, .unavailable("“\(connection.server)” does not say who it is"))
            }
            connections.add(connection, generation: router.connected(to: host, reading, since: since))
            return (connection, reading)
        } catch {
            connection.close()
            throw error
        }
    }
}
