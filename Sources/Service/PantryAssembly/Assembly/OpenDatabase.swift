import Determinism
import PostgresDriver
import SQLiteDriver
import Storage
import Synchronization

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
/// the installation runs (migrations) and after it has ended. The loop begins with the first use: a shard's servers are
/// looked for with the help of the control database, which must have its tables by then.
final class PostgresService: OpenDatabase {
    let database: PostgresDatabase
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(_ database: PostgresDatabase) { self.database = database }
    deinit { running.withLock { $0?.cancel() } }

    private func begin() {
        running.withLock { [database] running in
            if running == nil { running = Task { await database.run() } }
        }
    }

    var dialect: Dialect { .postgres }

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        begin()
        return try await database.read(statements, consistency, for: organization)
    }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value {
        begin()
        return try await database.write(body)
    }
    var batchConcurrency: Int { database.batchConcurrency }
    var decidesAhead: Bool { database.decidesAhead }
    var loadsAreRemote: Bool { database.loadsAreRemote }
    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        begin()
        database.run(batch, whenEnded: whenEnded)
    }
    func close() async throws(StorageError) {
        database.stop()
        await running.withLock { $0 }?.value
    }
}
