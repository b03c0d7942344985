import CallPolicies
import ConnectionPooling
import Determinism
import ReplicaRouting
import Storage

/// One PostgreSQL database, on a primary and its replicas if it has any: reads go to a server that is fresh enough for
/// them, slow-path transactions over a pool to the primary, the write lane's batches to it over connections of their
/// own. Which server is the primary is found out, also after a failover; see ``ReplicaRouting/ReplicaRouter``.
public final class PostgresDatabase: Database, LaneEngine {
    let configuration: PostgresDatabaseConfiguration
    let servers: PostgresReplicaSet
    private let lane: PostgresLane
    let time: any TimeSource
    private let random: any RandomSource

    /// A database; nothing is connected before ``run()``.
    /// - Throws: the first setting that cannot be.
    public init(
        _ configuration: PostgresDatabaseConfiguration, reactor: PostgresReactor, time: any TimeSource,
        random: any RandomSource
    ) throws {
        (self.configuration, self.time, self.random) = (configuration, time, random)
        servers = try PostgresReplicaSet(configuration, reactor: reactor, time: time, random: random)
        lane = PostgresLane(configuration, servers: servers, time: time, random: random)
    }

    /// Keeps connections, and drives the write lane's batches, until ``stop()``.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.servers.run() }
            group.addTask { await self.lane.run() }
        }
    }

    /// Ends ``run()`` once what is under way has ended.
    public func stop() {
        lane.stop()
        servers.stop()
    }

    /// What is known of the servers at this moment.
    public var report: ReplicaSetReport { servers.report }

    /// The pool of each server, by the server's name.
    public var pools: [(server: String, pool: PoolSnapshot)] {
        servers.members.map { ($0.name, $0.pool.snapshot) }
    }

    /// As many as the lane has connections; see ``Storage/LaneEngine``.
    public var batchConcurrency: Int { max(1, configuration.lane.connections) }
    /// A crowd's next batch is decided while the one before it is being written, unless nothing is to be remembered or
    /// other servers keep changing the same rows; see ``Storage/LaneEngine``.
    public var decidesAhead: Bool { lane.decidesAhead }

    /// A load is a trip to the server; see ``Storage/LaneEngine``.
    public var loadsAreRemote: Bool { true }
    /// Runs the batch to its end on one of the lane's connections; see ``Storage/LaneEngine``.
    public func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        lane.take(batch, whenEnded)
    }

    /// Runs `body` in one transaction on the primary. A serialization failure or a deadlock runs it again, as a whole,
    /// as long as ``PostgresDatabaseConfiguration/retryTimeout`` and the caller's `CallDeadline` allow; then its latest
    /// error is thrown.
    public func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value {
        var retries = WriteRetries(
            attempts: configuration.attempts, within: configuration.retryTimeout,
            callersDeadline: CallDeadline.current, now: time.instant())
        while true {
            do { return try await attemptWrite(body, retries) } catch let error as PostgresTransactionError {
                guard error.isWorthAnotherAttempt,
                    let pause = retries.lost(error.storage, now: time.instant(), draw: random.next())
                else { throw error.storage }
                try await time.sleep(for: pause)
                // A busy machine may have woken it later.
                guard retries.mayBegin(at: time.instant()) else { throw error.storage }
            }
        }
    }

    private func attemptWrite<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value, _ retries: WriteRetries
    ) async throws -> Value {
        let route: WriteRoute
        do throws(StorageError) { route = try await servers.primaryOnceKnown() } catch {
            configuration.observe(error)
            throw error
        }
        do {
            let pool = servers.member(route.host).pool
            return try await pool.withConnection(
                deadline: retries.connectionDeadline, label: "\(configuration.name) transaction"
            ) { connection in
                // A connection of the pool may have waited while another server was promoted.
                guard servers.isCurrent(route) else {
                    throw StorageError.unavailable("\(configuration.name): the primary has just changed")
                }
                return try await transact(body, on: connection, route)
            }
        } catch let error as PoolError {
            // The time was over before there was a connection: the attempt never began.
            if error.reason == .timedOut, !retries.mayBegin(at: time.instant()), let lost = retries.latest {
                throw lost
            }
            let refusal = StorageError.unavailable("\(configuration.name): \(error)")
            configuration.observe(refusal)
            throw refusal
        }
    }

    private func transact<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value, on connection: PostgresConnection,
        _ route: WriteRoute
    ) async throws -> Value {
        let transaction = PostgresTransaction(connection: connection)
        do {
            _ = try await transaction.run(PostgresBatch([SQLStatement("BEGIN")], effect: .uncommitted))
            let value = try await body(transaction)
            var commit = PostgresBatch()
            commit.appendCommit()
            configuration.commitObserver?(.before)
            let began = time.instant()
            let reply = try await transaction.run(commit)
            // COMMIT of a transaction that has failed rolls back and says so, without an error.
            guard reply.first.commandTag == "COMMIT" else {
                throw StorageError.conflict("the transaction had failed before its commit")
            }
            configuration.commitDurationObserver?(time.instant() - began)
            configuration.commitObserver?(.after)
            return value
        } catch {
            if let error = error as? StorageError { configuration.observe(error) }
            if let failure = transaction.firstFailure { servers.report(failure, on: route) }
            // What the server said counts more than what the body made of it.
            if let lost = transaction.lost { throw PostgresTransactionError(lost) }
            throw error
        }
    }
}
