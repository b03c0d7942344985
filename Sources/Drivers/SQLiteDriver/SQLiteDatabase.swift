import Determinism
import GRDB
import GRDBSQLite
import Storage

/// How a ``SQLiteDatabase`` is opened.
public struct SQLiteConfiguration: Sendable {
    /// The name that reads state, such as `shard-0`.
    public var name: String
    /// The file's path.
    public var path: String
    /// How many connections read at the same time, beside the one that writes.
    public var readerCount = 4
    /// How large the write-ahead log's file may stay, in bytes, once what is in it has been moved: while somebody reads
    /// for long, as `pantry verify` does, it grows by all that is written.
    public var logSizeLimit = 64 << 20
    /// How many pages the write-ahead log grows to before a commit moves them into the file. A page that was written
    /// many times meanwhile is moved once; SQLite's own 1,000 cost the lane a tenth of its rate.
    public var checkpointPages = 4_000
    /// Opens an existing file without ever writing to it; for looking at a database beside the server that owns it.
    public var isReadOnly = false
    /// Called on the writer right before and right after each commit; nil in production. Tests stop the process there.
    public var commitObserver: (@Sendable (CommitPhase) -> Void)?
    /// Called with how long each commit took, from right before it was sent to its acknowledgement.
    public var commitDurationObserver: (@Sendable (Duration) -> Void)?
    /// Called with each error that is no ordinary refusal: a full disk, a damaged file, a failed sync. Callers upstairs
    /// answer with what a client may know; the operator's log needs the cause.
    public var failureObserver: (@Sendable (StorageError) -> Void)?

    /// Called with the text of each statement that the writer executes, parameters left open; nil in production.
    public var statementObserver: (@Sendable (String) -> Void)?

    /// A database file that is created if it is not there.
    public init(name: String, path: String) { (self.name, self.path) = (name, path) }
}

/// One SQLite file: WAL, `synchronous=FULL`, one writer, several readers, through GRDB.
///
/// A commit is acknowledged only after its WAL frames are synced. GRDB's `DatabasePool` sets `synchronous=NORMAL`
/// itself after its preparation hook, which loses acknowledged commits in a power cut; FULL is therefore set after
/// opening, and ``open(_:)`` refuses to go on if it did not take.
public final class SQLiteDatabase: Storage.Database, LaneEngine {
    let pool: DatabasePool
    let configuration: SQLiteConfiguration
    let writerGate = WriterGate()
    let writer: WriterThread
    let lane = LaneState()  // touched on the writer's queue only
    let time: any TimeSource

    private init(pool: DatabasePool, configuration: SQLiteConfiguration, time: any TimeSource) {
        (self.pool, self.configuration, self.time) = (pool, configuration, time)
        writer = WriterThread(name: configuration.name)
    }

    deinit { writer.close() }

    /// Opens the file, and creates it unless it is opened read-only.
    /// - Throws: ``StorageError`` with the path and the cause: not a database, damaged, not writable, no such folder.
    public static func open(
        _ configuration: SQLiteConfiguration, time: any TimeSource
    ) throws(StorageError) -> SQLiteDatabase {
        do {
            var settings = GRDB.Configuration()
            settings.maximumReaderCount = configuration.readerCount
            settings.allowsUnsafeTransactions = true  // transactions span several closures; see SQLiteTransaction
            settings.readonly = configuration.isReadOnly
            settings.busyMode = .timeout(5)
            settings.prepareDatabase { connection in
                try connection.execute(sql: "PRAGMA trusted_schema = OFF")
                try connection.execute(sql: "PRAGMA cell_size_check = ON")
            }
            let pool = try DatabasePool(path: configuration.path, configuration: settings)
            if !configuration.isReadOnly {
                try pool.writeWithoutTransaction { connection in
                    if let observer = configuration.statementObserver {
                        connection.trace { if case .statement(let statement) = $0 { observer(statement.sql) } }
                    }
                    try connection.execute(sql: "PRAGMA synchronous = FULL")
                    try connection.execute(sql: "PRAGMA journal_size_limit = \(configuration.logSizeLimit)")
                    try connection.execute(sql: "PRAGMA wal_autocheckpoint = \(configuration.checkpointPages)")
                    // Enough for the inner pages of large tables; a page is taken only once it is wanted.
                    try connection.execute(sql: "PRAGMA cache_size = -16384")
                    // The file's own header page is what a damaged file fails on; find out now.
                    try connection.execute(sql: "BEGIN IMMEDIATE; ROLLBACK")
                    // SQLite opens a file that it may not write read-only, and even begins transactions there.
                    guard sqlite3_db_readonly(connection.sqliteConnection, "main") == 0 else {
                        throw StorageError.readOnly("“\(configuration.path)” is read-only")
                    }
                }
                guard try synchronousMode(of: pool) == 2 else {
                    throw StorageError.unavailable("“\(configuration.path)” did not accept synchronous=FULL")
                }
            }
            return SQLiteDatabase(pool: pool, configuration: configuration, time: time)
        } catch {
            throw StorageError(error, path: configuration.path)
        }
    }

    /// Tells the observer of what an operator must know.
    func observe(_ error: StorageError) {
        switch error {
        case .constraint, .conflict: break
        default: configuration.failureObserver?(error)
        }
    }

    /// What `PRAGMA synchronous` says on the writer: 2 is FULL.
    public func synchronousMode() throws -> Int { try Self.synchronousMode(of: pool) }

    private static func synchronousMode(of pool: DatabasePool) throws -> Int {
        try pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? -1 }
    }

    /// Moves what is in the WAL into the file, unless another process reads there, and closes all connections. Every
    /// later call fails.
    public func close() throws(StorageError) {
        writer.close()
        // SQLite does so by itself only when a connection that may write is the last to close; here it is a reader.
        // Whatever cannot be moved now stays in the WAL, which belongs to the file.
        if !configuration.isReadOnly {
            try? pool.writeWithoutTransaction { connection in
                lane.close()
                guard connection.sqliteConnection != nil else { return }
                try connection.checkpoint(.truncate)
            }
        }
        do { try pool.close() } catch { throw StorageError(error, path: configuration.path) }
    }

    /// Runs the statements in one read-only snapshot.
    public func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        let path = configuration.path
        let result: Result<[[SQLRow]], StorageError> = await withCheckedContinuation { continuation in
            pool.asyncRead { access in
                continuation.resume(
                    returning: Result {
                        let connection = try access.get()
                        return try statements.map { try connection.rows(of: $0) }
                    }.mapError { StorageError($0, path: path) })
            }
        }
        if case .failure(let error) = result { observe(error) }
        return ReadResult(rows: try result.get(), servedBy: "\(configuration.name)/primary")
    }

    /// Runs `body` in one transaction on the writer. Commands of the write lane wait until it has ended.
    public func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value {
        await writerGate.enter()
        defer { writerGate.leave() }
        let transaction = SQLiteTransaction(database: self)
        try await transaction.run("BEGIN IMMEDIATE")
        do {
            let value = try await body(transaction)
            configuration.commitObserver?(.before)
            let began = time.instant()
            do { try await transaction.run("COMMIT") } catch { throw error.fromCommit }
            configuration.commitDurationObserver?(time.instant() - began)
            configuration.commitObserver?(.after)
            return value
        } catch {
            if let error = error as? StorageError { observe(error) }
            // A COMMIT that failed may have rolled back by itself; then this fails as well, and the first error counts.
            try? await transaction.run("ROLLBACK")
            throw error
        }
    }
}

/// A transaction whose statements each take their turn on the writer, while ``WriterGate`` keeps everyone else out.
struct SQLiteTransaction: Storage.Transaction {
    let database: SQLiteDatabase

    func execute(_ statement: SQLStatement) async throws(StorageError) -> [SQLRow] {
        let path = database.configuration.path
        let result: Result<[SQLRow], StorageError> = await withCheckedContinuation { continuation in
            database.pool.asyncWriteWithoutTransaction { [lane = database.lane] connection in
                // This goes past the lane's records, and the file's data version shows only what other connections do.
                lane.cache.removeAll()
                continuation.resume(
                    returning: Result { try connection.rows(of: statement) }.mapError { StorageError($0, path: path) })
            }
        }
        return try result.get()
    }

    func run(_ text: String) async throws(StorageError) { _ = try await execute(SQLStatement(text)) }
}
