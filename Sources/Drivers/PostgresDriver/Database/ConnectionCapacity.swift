import Determinism
import ReplicaRouting
import Storage

/// How many connections a server takes, and how many processes share it.
public struct ConnectionCapacity: Sendable, Hashable {
    /// The server, as `host:port`.
    public var server: String
    /// `max_connections`.
    public var maximum: Int
    /// `superuser_reserved_connections`: not for us.
    public var reserved: Int
    /// How many processes use this database at the moment, this one included: each keeps one probe's connection there.
    public var processes: Int

    /// These numbers.
    public init(server: String, maximum: Int, reserved: Int, processes: Int) {
        (self.server, self.maximum, self.reserved, self.processes) = (server, maximum, reserved, processes)
    }
}

extension PostgresDatabase {
    /// Asks the primary how many connections it takes; nil behind a pooler, which has limits of its own.
    /// - Throws: ``Storage/StorageError``
    public func capacity() async throws -> ConnectionCapacity? {
        let route = try await servers.primaryOnceKnown()
        let member = servers.member(route.host)
        if member.hidesServer { return nil }
        let found = try await read(
            SQLStatement(
                """
                SELECT current_setting('max_connections')::bigint,
                  current_setting('superuser_reserved_connections')::bigint,
                  (SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = $1)
                """, [.text(PostgresProbe.applicationName(member.configuration, servers.name))]), .strong)
        guard let row = found.first else { return nil }
        return ConnectionCapacity(
            server: member.name, maximum: Int(try row.integer(0)), reserved: Int(try row.integer(1)),
            processes: max(1, Int(try row.integer(2))))
    }
}
