import ConnectionPooling
import Determinism
import Foundation
import PostgresDriver
import PostgresTestKit
import ReplicaRouting
import SQLiteDriver
import Sagas
import Storage
import Synchronization
import Testing

/// Where a suite's sagas are kept.
enum SagaPlace: Sendable {
    case memory
    case sqlite
    case postgres(PostgresServer, PostgresReactor)

    /// The server of the suite that runs.
    @TaskLocal static var server: SagaPlace?
    private static let count = Atomic(0)

    /// Runs a behavior over an empty database of its own.
    func check(_ behavior: SagaBehavior) async throws {
        switch self {
        case .memory:
            let engine = MemoryLaneEngine(time: SystemTime())
            let sagas = MemorySagas(engine, time: SystemTime())
            let sites = (0..<2).map { _ in
                let lane = WriteLane(engine: engine, time: SystemTime())
                return SagaSite(lane: lane) {
                    sagas.stores(lane: lane, serving: $0, worker: $1, isShared: $2)
                }
            }
            try await SagaBench.with(sites, behavior.check)
        case .sqlite: try await onSQLite(behavior)
        case .postgres(let server, let reactor): try await onPostgres(behavior, server, reactor)
        }
    }

    private func onSQLite(_ behavior: SagaBehavior) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-sagas-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("sagas.db").path
        let databases = try (0..<2).map { _ in
            try SQLiteDatabase.open(SQLiteConfiguration(name: "sagas", path: path), time: SystemTime())
        }
        defer { for database in databases { try? database.close() } }
        try await Migrator([SagaBench.schema], dialect: .sqlite).migrate(databases[0], time: SystemTime())
        try await SagaBench.with(
            databases.map { Self.site($0, sharedBy: .process(SystemTime())) }, behavior.check)
    }

    private func onPostgres(
        _ behavior: SagaBehavior, _ server: PostgresServer, _ reactor: PostgresReactor
    ) async throws {
        let name = "sagas_\(Self.count.add(1, ordering: .relaxed).newValue)"
        // Sorted as people do it, without regard to punctuation: nothing may depend on what a database is set up for.
        try await server.psql(
            """
            CREATE DATABASE \(name) TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu
            ICU_LOCALE 'en-US-u-ka-shifted'
            """)
        let databases = try (0..<2 as Range<UInt64>).map { number in
            var settings = PostgresDatabaseConfiguration(
                name: "sagas-\(number)", connection: try PostgresConfiguration(url: server.url(database: name)))
            settings.pool.limit = 4
            settings.routing.requiresDurability = false
            return try PostgresDatabase(
                settings, reactor: reactor, time: SystemTime(), random: SeededRandom(seed: number))
        }
        try await withThrowingDiscardingTaskGroup { group in
            for database in databases { group.addTask { await database.run() } }
            defer { for database in databases { database.stop() } }
            try await Migrator([SagaBench.schema], dialect: .postgres).migrate(databases[0], time: SystemTime())
            try await SagaBench.with(databases.map { Self.site($0, sharedBy: .postgres) }, behavior.check)
        }
    }

    private static func site(_ database: any Database & LaneEngine, sharedBy clock: SagaClock) -> SagaSite {
        let lane = WriteLane(engine: database, time: SystemTime())
        return SagaSite(lane: lane) { registry, worker, isShared in
            .sql(
                database, lane: lane, serving: registry, worker: worker, time: SystemTime(),
                sharedBy: isShared ? clock : nil)
        }
    }
}

/// Starts one server for a suite; each behavior has a database of its own on it.
struct OnPostgres: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        // Nothing here pulls the plug, and making a database syncs hundreds of files.
        let options = PostgresOptions(settings: [
            "max_connections": "300", "deadlock_timeout": "200ms", "fsync": "off",
        ])
        try await PostgresTestbed.withServer(options) { server in
            let reactor = try PostgresReactor(time: SystemTime())
            defer { reactor.stop() }
            try await SagaPlace.$server.withValue(.postgres(server, reactor)) { try await function() }
        }
    }
}

extension Trait where Self == OnPostgres {
    /// Over a PostgreSQL server.
    static var onPostgres: Self { Self() }
}
