import PostgresDriver

/// Whether the pools of all processes together may ask a server for more connections than it takes.
///
/// A process has, for each database on a server, its pool's limit, the write lane's connections and one for the
/// probe. When they are more than there are, some process one day gets none, and it will not be the one that was added.
struct ConnectionBudget {
    /// What one pool may have.
    let limit: Int
    /// What a database has beside.
    private static let beside = PostgresLaneConfiguration().connections + 1
    private var servers: [String: Server] = [:]
    private struct Server {
        var databases: [String] = []
        var maximum: Int
        var reserved: Int
        var processes: Int
    }

    init(limit: Int) { self.limit = limit }

    /// Adds a database that is on that server.
    mutating func add(_ database: String, _ capacity: ConnectionCapacity) {
        var server =
            servers[capacity.server]
            ?? Server(maximum: capacity.maximum, reserved: capacity.reserved, processes: capacity.processes)
        server.databases.append(database)
        server.processes = max(server.processes, capacity.processes)
        servers[capacity.server] = server
    }

    /// One for each server that might be asked for too many.
    var warnings: [String] {
        servers.sorted { $0.key < $1.key }.compactMap { name, server in
            let perProcess = server.databases.count * (limit + Self.beside)
            let sum = perProcess * server.processes
            let room = server.maximum - server.reserved
            guard sum > room else { return nil }
            let fitting = (room / server.processes / server.databases.count) - Self.beside
            let advice =
                fitting >= 1
                ? "set pool.limit to \(fitting) or less, raise max_connections" : "raise max_connections"
            return
                "\(name) takes \(room) connections (max_connections \(server.maximum), \(server.reserved) reserved), "
                + "and processes \(server.processes) × databases \(server.databases.count) "
                + "(\(server.databases.joined(separator: ", "))) × (pool.limit \(limit) + \(Self.beside)) "
                + "may ask for \(sum); "
                + "\(advice), or put a pooler in between (?pooler=transaction)"
        }
    }
}
