import ConnectionPooling
import Determinism
import Storage

extension PostgresConnection: PooledConnection {
    /// What the wire says: the transaction status that the server sent last, and whether anything is outstanding.
    public var condition: ConnectionCondition {
        if !isOpen { return .broken }
        return isClean ? .clean : .dirty
    }

    /// Rolls back what its holder left open.
    public func reset() async throws {
        _ = try await submit(PostgresBatch([PostgresBatch.Item(Self.rollback)], effect: .uncommitted))
    }

    /// Makes sure that the server still answers.
    public func validate() async throws {
        _ = try await submit(PostgresBatch([PostgresBatch.Item(Self.nothing)], effect: .reads))
    }

    static let rollback = PostgresStatement("ROLLBACK")
    private static let nothing = PostgresStatement("SELECT 1")
}
