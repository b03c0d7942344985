import Storage
import Synchronization

/// An open transaction on a leased connection.
final class PostgresTransaction: Transaction {
    private let connection: PostgresConnection
    private let failure = Mutex<PostgresError?>(nil)

    init(connection: PostgresConnection) { self.connection = connection }

    /// The first error that the server, or the connection to it, gave.
    var firstFailure: PostgresError? { failure.withLock { $0 } }

    /// What the transaction met that it may not meet when it is run again, if it did: a serialization failure, a
    /// deadlock, or a statement that was prepared before a migration.
    var lost: PostgresError? { failure.withLock { $0.flatMap { $0.mayGoWellNextTime ? $0 : nil } } }

    func execute(_ statement: SQLStatement) async throws(StorageError) -> [SQLRow] {
        try await run(PostgresBatch([statement], effect: .uncommitted)).first.rows()
    }

    func run(_ batch: PostgresBatch) async throws(StorageError) -> PostgresReply {
        do { return try await connection.submit(batch) } catch {
            failure.withLock { if $0 == nil { $0 = error } }
            throw error.storage
        }
    }
}

/// A transaction that lost against another one, and may be run again as a whole.
struct PostgresTransactionError: Error {
    let storage: StorageError
    let isWorthAnotherAttempt: Bool

    init(_ error: PostgresError) {
        storage = error.storage
        // Never one whose commit may have happened.
        if case .unknown = error.storage { isWorthAnotherAttempt = false } else { isWorthAnotherAttempt = true }
    }
}
