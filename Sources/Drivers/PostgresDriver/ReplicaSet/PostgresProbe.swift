import Determinism
import ReplicaRouting
import Storage
import Synchronization

/// Asks each server of a replica set about itself, over a connection of its own that is in no pool: when the pool is
/// exhausted, or its connections hang, the answer matters most.
final class PostgresProbe: ReplicaProbe {
    /// A class, because a mutex stays where it was made.
    private final class Host: Sendable {
        let configuration: PostgresConfiguration
        let connection = Mutex<PostgresConnection?>(nil)
        let failure = Mutex<PostgresError?>(nil)

        init(_ configuration: PostgresConfiguration) { self.configuration = configuration }
    }
    private let hosts: [Host]
    private let reactor: PostgresReactor
    private let time: any TimeSource

    /// - Parameters:
    ///   - name: of the database, for `pg_stat_activity`.
    ///   - servers: one for each host, each with that host alone.
    init(_ name: String, _ servers: [PostgresConfiguration], reactor: PostgresReactor, time: any TimeSource) {
        (self.reactor, self.time) = (reactor, time)
        hosts = servers.map { server in
            var configuration = server
            configuration.applicationName = Self.applicationName(server, name)
            return Host(configuration)
        }
    }

    /// What `pg_stat_activity` shows for a probe.
    static func applicationName(_ server: PostgresConfiguration, _ name: String) -> String {
        "\(server.applicationName) probe \(name)"
    }

    /// Why the host did not answer the last time; nil if it did.
    func failure(of host: HostIndex) -> PostgresError? { hosts[host.number].failure.withLock { $0 } }

    func read(_ host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> HostReading {
        let result = try await ask(host, ProbeQuestion.batch, timeout)
        guard let reading = ProbeQuestion.reading(result) else { throw .refused }
        return reading
    }

    func replayPosition(of host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> LSN? {
        let result = try await ask(host, ProbeQuestion.replayPosition, timeout, survivesDeadline: true)
        let text: String?? = try? result.reader().optionalText()
        return text.flatMap { $0 }.flatMap { LSN($0) }
    }

    func history(
        of timeline: Timeline, on host: HostIndex, timeout: Duration
    ) async throws(ProbeFailure) -> TimelineHistory {
        let result = try await ask(host, ProbeQuestion.history(of: timeline), timeout)
        guard let text = try? result.reader().text(), let history = TimelineHistory(of: timeline, parsing: text) else {
            throw .refused
        }
        return history
    }

    /// Closes the connections. A later question opens them again.
    func close() { for host in hosts { host.connection.withLock { $0.take() }?.close() } }

    private func ask(
        _ index: HostIndex, _ question: PostgresBatch, _ timeout: Duration, survivesDeadline: Bool = false
    ) async throws(ProbeFailure) -> PostgresResult {
        let host = hosts[index.number]
        let deadline = time.instant() + timeout
        do throws(PostgresError) {
            let connection = try await connection(to: host, until: deadline)
            let result = try await connection.submit(question, deadline: deadline).first
            host.failure.withLock { $0 = nil }
            return result
        } catch {
            // One that is asked in a hurry says little about the connection, on which a slower question may be under
            // way: the driver keeps their answers apart, and closes it if none comes.
            if survivesDeadline, error.code == .deadline { throw ProbeFailure(error) }
            host.failure.withLock { $0 = error }
            // An answer that comes too late must not be taken for the next question's.
            if error.code != .server || error.endsSession {
                host.connection.withLock { $0.take() }?.close()
            }
            throw ProbeFailure(error)
        }
    }

    private func connection(
        to host: Host, until deadline: Instant
    ) async throws(PostgresError) -> PostgresConnection {
        if let open = host.connection.withLock({ $0 }), open.isOpen { return open }
        let made = try await PostgresConnection.connect(host.configuration, on: reactor, deadline: deadline)
        // Two may have come here at the same time; the first one's is in use already.
        let kept: PostgresConnection = host.connection.withLock { connection in
            if let connection, connection.isOpen { return connection }
            connection = made
            return made
        }
        if kept !== made { made.close() }
        return kept
    }
}

extension ProbeFailure {
    fileprivate init(_ error: PostgresError) {
        switch error.code {
        case .deadline: self = .timedOut
        // It answered, and said no: starting up, shutting down, too many connections, a missing right.
        case _ where error.sqlState != nil: self = .refused
        case .server, .decoding, .invalidRequest: self = .refused
        case .connect, .connectionLost, .cancelled, .overloaded, .busy: self = .unreachable
        }
    }
}
