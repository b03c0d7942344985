import Determinism
import PostgresDriver
import SQLiteDriver
import Storage

/// A database of an installation, whatever engine it has.
package protocol OpenDatabase: Database, LaneEngine {
    /// What it speaks.
    var dialect: Dialect { get }
    /// Ends what is under way and closes all connections. Every later call fails.
    func close() async throws(StorageError)
}

extension OpenDatabase {
    /// The engine, as OpenTelemetry calls it.
    var system: String {
        switch dialect {
        case .sqlite: "sqlite"
        case .postgres: "postgresql"
        }
    }
}

extension SQLiteDatabase: OpenDatabase {
    package var dialect: Dialect { .sqlite }
}

/// A PostgreSQL database with its connections kept: the shell that owns their loop, because databases are used before
/// the installation runs (migrations) and after it has ended.
final class PostgresService: OpenDatabase {
    private let database: PostgresDatabase
    private let running: Task<Void, Never>

    init(_ database: PostgresDatabase) {
        self.database = database
        running = Task { await database.run() }
    }
    deinit { running.cancel() }

    var dialect: Dialect { .postgres }

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency
    ) async throws(StorageError) -> ReadResult {
        try await database.read(statements, consistency)
    }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value {
        try await database.write(body)
    }
    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        database.run(batch, whenEnded: whenEnded)
    }
    func close() async throws(StorageError) {
        database.stop()
        await running.value
    }
}
