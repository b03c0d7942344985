import ConnectionPooling

/// Whether a connection type keeps what ``PooledConnection`` promises, tried on a real connection:
///
/// ```swift
/// let problems = await ConnectionConformance.problems(of: factory, host: "db-1") { try await $0.execute("BEGIN") }
/// #expect(problems == [])
/// ```
public enum ConnectionConformance {
    /// Opens two connections and closes them again.
    /// - Parameter soil: makes a connection dirty, as a holder does that leaves a transaction open.
    /// - Returns: one sentence for each promise that is not kept.
    public static func problems<Factory: PooledConnectionFactory>(
        of factory: Factory, host: HostKey, soil: (Factory.Connection) async throws -> Void
    ) async -> [String] {
        var problems: [String] = []
        do {
            let first = try await pooledConnection(of: factory, host)
            if first.condition != .clean { problems.append("A new connection is \(first.condition), not clean.") }
            try await first.validate()
            if first.condition != .clean { problems.append("A validated connection is \(first.condition), not clean.") }
            try await soil(first)
            if first.condition != .dirty { problems.append("A soiled connection is \(first.condition), not dirty.") }
            try await first.reset()
            if first.condition != .clean { problems.append("After its reset a connection is \(first.condition).") }
            try await first.validate()
            await first.close()
            if first.condition != .broken { problems.append("A closed connection is \(first.condition), not broken.") }
            if await isAnswered({ try await first.validate() }) { problems.append("A closed connection validates.") }

            let second = try await pooledConnection(of: factory, host)
            try await soil(second)
            await second.close()
            if second.condition != .broken {
                problems.append("Closed while dirty, a connection is \(second.condition).")
            }
            if await isAnswered({ try await second.reset() }), second.condition != .broken {
                problems.append("A closed connection lets itself be reset.")
            }
        } catch { problems.append("It failed: \(error)") }
        return problems
    }

    private static func pooledConnection<Factory: PooledConnectionFactory>(
        of factory: Factory, _ host: HostKey
    ) async throws -> Factory.Connection {
        try await factory.connect(to: host, monitor: ConnectionMonitor.unattended)
    }

    private static func isAnswered(_ call: () async throws -> Void) async -> Bool {
        do { try await call() } catch { return false }
        return true
    }
}
