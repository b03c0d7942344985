import ConnectionPooling
import Determinism
import Storage

/// How a ``PostgresDatabase`` is used.
public struct PostgresDatabaseConfiguration: Sendable {
    /// The name that reads state, such as `shard-0`.
    public var name: String
    /// Where it is.
    public var connection: PostgresConfiguration
    /// How many connections it may have, beside the write lane's own.
    public var pool = PoolConfiguration()
    /// How the write lane waits for rows.
    public var lane = PostgresLaneConfiguration()
    /// Called right before a commit is sent and right after it was acknowledged; nil in production. Tests stop the
    /// process there.
    public var commitObserver: (@Sendable (CommitPhase) -> Void)?
    /// Called with each error that is no ordinary refusal: no connection, a full disk, a damaged page. Callers upstairs
    /// answer with what a client may know; the operator's log needs the cause.
    public var failureObserver: (@Sendable (StorageError) -> Void)?
    /// How often a transaction that lost against another one is run again.
    public var attempts = 5

    /// A database with the default limits.
    public init(name: String, connection: PostgresConfiguration) { (self.name, self.connection) = (name, connection) }
}

extension PostgresDatabaseConfiguration {
    /// Tells the observer of what an operator must know.
    func observe(_ error: StorageError) {
        switch error {
        case .constraint, .conflict: break
        default: failureObserver?(error)
        }
    }
}

/// One PostgreSQL primary: reads and slow-path transactions over a pool, the write lane's batches over a connection of
/// their own.
public final class PostgresDatabase: Database, LaneEngine {
    let configuration: PostgresDatabaseConfiguration
    let pool: ConnectionPool<PostgresConnection>
    private let lane: PostgresLane
    private let time: any TimeSource
    private let random: any RandomSource

    /// A database; nothing is connected before ``run()``.
    /// - Throws: the first setting that cannot be.
    public init(
        _ configuration: PostgresDatabaseConfiguration, reactor: PostgresReactor, time: any TimeSource,
        random: any RandomSource
    ) throws {
        try configuration.connection.validate()
        (self.configuration, self.time, self.random) = (configuration, time, random)
        var limits = configuration.pool
        limits.hosts = [HostKey(configuration.connection.hosts.map(\.description).joined(separator: ","))]
        pool = try ConnectionPool(
            configuration: limits,
            factory: PostgresConnectionFactory(configuration: configuration.connection, reactor: reactor), time: time,
            random: random)
        lane = PostgresLane(configuration, reactor: reactor, time: time, random: random)
    }

    /// Keeps connections, and drives the write lane's batches, until ``stop()``.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.pool.run() }
            group.addTask { await self.lane.run() }
        }
    }

    /// Ends ``run()`` once what is under way has ended.
    public func stop() {
        lane.stop()
        pool.shutdown()
    }

    /// Runs the batch to its end on the lane's connection; see ``Storage/LaneEngine``.
    public func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        lane.take(batch, whenEnded)
    }

    /// Runs the statements in one read-only snapshot.
    public func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency
    ) async throws(StorageError) -> ReadResult {
        let batch = Self.readBatch(statements)
        let reply = try await leased { connection throws(PostgresError) in try await connection.submit(batch) }
        let results = statements.count == 1 ? reply.results[...] : reply.results.dropFirst().dropLast()
        var rows: [[SQLRow]] = []
        for result in results { rows.append(try result.rows()) }
        return ReadResult(rows: rows, servedBy: "\(configuration.name)/primary")
    }

    /// One statement is a snapshot by itself.
    private static func readBatch(_ statements: [SQLStatement]) -> PostgresBatch {
        if statements.count == 1 { return PostgresBatch(statements, effect: .reads) }
        let begin = SQLStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return PostgresBatch([begin] + statements + [SQLStatement("COMMIT")], effect: .uncommitted)
    }

    /// Runs `body` in one transaction. A serialization failure or a deadlock runs it again, as a whole.
    public func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value {
        var attempt = 1
        while true {
            do { return try await attemptWrite(body) } catch let error as PostgresTransactionError {
                guard attempt < configuration.attempts, error.isWorthAnotherAttempt else { throw error.storage }
                // Full jitter, as in Brooker, "Exponential Backoff And Jitter" (2015).
                let longest = UInt64(5_000_000) << UInt64(attempt)
                try await time.sleep(for: .nanoseconds(Int64(random.next(below: longest))))
                attempt += 1
            }
        }
    }

    private func attemptWrite<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value {
        do {
            return try await pool.withConnection(label: "\(configuration.name) transaction") { connection in
                let transaction = PostgresTransaction(connection: connection)
                do {
                    _ = try await transaction.run(PostgresBatch([SQLStatement("BEGIN")], effect: .uncommitted))
                    let value = try await body(transaction)
                    var commit = PostgresBatch()
                    commit.appendCommit()
                    configuration.commitObserver?(.before)
                    let reply = try await transaction.run(commit)
                    // COMMIT of a transaction that has failed rolls back and says so, without an error.
                    guard reply.first.commandTag == "COMMIT" else {
                        throw StorageError.conflict("the transaction had failed before its commit")
                    }
                    configuration.commitObserver?(.after)
                    return value
                } catch {
                    if let error = error as? StorageError { configuration.observe(error) }
                    // What the server said counts more than what the body made of it.
                    if let lost = transaction.lost { throw PostgresTransactionError(lost) }
                    throw error
                }
            }
        } catch let error as PoolError {
            let error = StorageError.unavailable("\(configuration.name): \(error)")
            configuration.observe(error)
            throw error
        }
    }

    /// Lends a connection for something short.
    private func leased<Value: Sendable>(
        _ body: (PostgresConnection) async throws(PostgresError) -> Value
    ) async throws(StorageError) -> Value {
        let failure: StorageError
        do {
            return try await pool.withConnection(label: configuration.name) { try await body($0) }
        } catch let error as PostgresError {
            failure = error.storage
        } catch {
            failure = .unavailable("\(configuration.name): \(error)")
        }
        configuration.observe(failure)
        throw failure
    }
}
