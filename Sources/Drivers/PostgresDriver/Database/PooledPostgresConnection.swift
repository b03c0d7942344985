import ConnectionPooling
import Determinism
import Storage

extension PostgresConnection: PooledConnection {
    /// What the wire says: the transaction status that the server sent last, and whether anything is outstanding.
    public var condition: ConnectionCondition {
        if !isOpen { return .broken }
        return isClean ? .clean : .dirty
    }

    /// Rolls back what its holder left open, and waits for what is still under way.
    public func reset() async throws {
        // Where the driver only forgets statements there is no transaction; the server would warn of that.
        if !isFree { _ = try await submit(PostgresBatch([PostgresBatch.Item(Self.rollback)], effect: .uncommitted)) }
        try await settle()
    }

    /// Makes sure that the server still answers.
    public func validate() async throws {
        try await ask()
        try await settle()
    }

    /// Waits until the driver has forgotten the statements that it has no room for. It does so as soon as no
    /// transaction is open, right behind a rollback for instance; a pool would close a connection that is not clean
    /// after that.
    private func settle() async throws {
        // What is asked is answered behind that, but may itself take the place of a statement: once, and then it has
        // one.
        for _ in 0..<3 where isFree && !isClean { try await ask() }
    }

    private func ask() async throws {
        _ = try await submit(PostgresBatch([PostgresBatch.Item(Self.nothing)], effect: .reads))
    }

    static let rollback = PostgresStatement("ROLLBACK")
    private static let nothing = PostgresStatement("SELECT 1")
}
