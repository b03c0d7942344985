import Determinism
import Storage

/// Where workers keep their leases. A worker is one run of one process; its lease covers every saga that it owns, so
/// that a renewal is one row, however many sagas are at work.
public protocol SagaLeases: Sendable {
    /// Makes the worker's lease last `lease` from now on, by the store's own clock.
    func renew(_ worker: SagaWorkerID, lease: Duration) async throws
    /// Ends the worker's lease: what it still owned may be taken up at once.
    func retire(_ worker: SagaWorkerID) async throws
}

/// The clock that leases are measured by. Several servers must have one: the database's.
public enum SagaClock: Sendable {
    /// This process's clock, for a database that only this process opens.
    case process(any TimeSource)
    /// PostgreSQL's.
    case postgres

    /// The moment in microseconds as an SQL expression; `parameter` is the text of a parameter that is free.
    func expression(_ parameter: String) -> (sql: String, value: SQLValue?) {
        switch self {
        case .process(let time): (parameter, .integer(time.now().microseconds))
        case .postgres: ("CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)", nil)
        }
    }
}

/// ``SagaLeases`` in a database's `saga_workers` table.
public struct SQLSagaLeases: SagaLeases {
    private let database: any Database
    private let clock: SagaClock

    /// - Parameter clock: what the leases are measured by.
    public init(database: any Database, clock: SagaClock) { (self.database, self.clock) = (database, clock) }

    /// See ``SagaLeases/renew(_:lease:)``.
    public func renew(_ worker: SagaWorkerID, lease: Duration) async throws {
        let now = clock.expression("$3")
        let values: [SQLValue] = [.uuid(worker.uuid), .integer(lease.inMicroseconds)]
        let statement = SQLStatement(
            """
            INSERT INTO saga_workers (id, started_at, lease_until) VALUES ($1, \(now.sql), \(now.sql) + $2)
            ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until
            """, values + (now.value.map { [$0] } ?? []))
        // Those of processes that are long gone are of no use to anybody.
        let old = clock.expression("$1")
        let cleanUp = SQLStatement(
            "DELETE FROM saga_workers WHERE lease_until < \(old.sql) - 86400000000", old.value.map { [$0] } ?? [])
        _ = try await database.write { transaction in
            try await transaction.execute(statement)
            try await transaction.execute(cleanUp)
        }
    }

    /// See ``SagaLeases/retire(_:)``.
    public func retire(_ worker: SagaWorkerID) async throws {
        _ = try await database.write { transaction in
            try await transaction.execute(
                SQLStatement("DELETE FROM saga_workers WHERE id = $1", [.uuid(worker.uuid)]))
        }
    }
}
