import ConnectionPooling
import Determinism
import Foundation
import PostgresDriver
import PostgresTestKit
import ReplicaRouting
import SQLiteDriver
import Storage
import Synchronization
import Testing

/// Where a suite's databases are made: a folder of files, or a server.
enum Engine: Sendable {
    case sqlite(folder: URL)
    case postgres(PostgresServer, PostgresReactor)

    /// The one of the suite that runs.
    @TaskLocal static var current: Engine?

    var dialect: Dialect {
        switch self {
        case .sqlite: .sqlite
        case .postgres: .postgres
        }
    }

    /// A new and empty database.
    func place() async throws -> Place {
        let name = "store_\(Self.count.add(1, ordering: .relaxed).newValue)"
        switch self {
        case .sqlite(let folder): return Place(engine: self, name: folder.appendingPathComponent("\(name).db").path)
        case .postgres(let server, _):
            // Sorted and folded as people do it, unlike SQLite: nothing may depend on what a database is set up for.
            try await server.psql(
                """
                CREATE DATABASE \(name) TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'
                """)
            return Place(engine: self, name: name)
        }
    }
    private static let count = Atomic(0)

    /// A database that may be opened more than once, as several servers do.
    struct Place: Sendable {
        fileprivate let engine: Engine
        fileprivate let name: String

        func open(time: any TimeSource, name: String = "store") throws -> OpenedDatabase {
            switch engine {
            case .sqlite:
                let database = try SQLiteDatabase.open(SQLiteConfiguration(name: name, path: self.name), time: time)
                return OpenedDatabase(database) { try? database.close() }
            case .postgres(let server, let reactor):
                var settings = PostgresDatabaseConfiguration(
                    name: name, connection: try PostgresConfiguration(url: server.url(database: self.name)))
                settings.pool.limit = 4
                settings.routing.requiresDurability = false
                let database = try PostgresDatabase(
                    settings, reactor: reactor, time: WallClock(of: time), random: SeededRandom(seed: 5))
                let loop = Task { await database.run() }
                return OpenedDatabase(database) {
                    database.stop()
                    await loop.value
                }
            }
        }
    }
}

/// A database, whatever it is.
struct OpenedDatabase: Database, LaneEngine {
    private let inner: any Database & LaneEngine
    let close: @Sendable () async -> Void

    init(_ inner: any Database & LaneEngine, close: @escaping @Sendable () async -> Void) {
        (self.inner, self.close) = (inner, close)
    }
    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        try await inner.read(statements, consistency, for: organization)
    }
    func write<Value: Sendable>(_ body: @Sendable (any Transaction) async throws -> Value) async throws -> Value {
        try await inner.write(body)
    }
    var batchConcurrency: Int { inner.batchConcurrency }
    var loadsAreRemote: Bool { inner.loadsAreRemote }
    var decidesAhead: Bool { inner.decidesAhead }
    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        inner.run(batch, whenEnded: whenEnded)
    }
}

/// What time a test says it is, and how long something really takes: a server's answers do not come in virtual time.
private struct WallClock: TimeSource {
    private let wall: any TimeSource
    init(of wall: any TimeSource) { self.wall = wall }
    func now() -> Timestamp { wall.now() }
    func instant() -> Instant { SystemTime().instant() }
    func sleep(until deadline: Instant) async throws { try await SystemTime().sleep(until: deadline) }
}

/// Gives a suite a folder for its files.
struct OnSQLite: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-store-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await Engine.$current.withValue(.sqlite(folder: folder)) { try await function() }
    }
}

/// Starts one server for a suite; each test has databases of its own on it.
struct OnPostgres: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let options = PostgresOptions(settings: [
            "max_connections": "400", "deadlock_timeout": "200ms",
            // Nothing here pulls the plug, and making a database syncs hundreds of files.
            "fsync": "off",
        ])
        try await PostgresTestbed.withServer(options) { server in
            let reactor = try PostgresReactor(time: SystemTime())
            defer { reactor.stop() }
            try await Engine.$current.withValue(.postgres(server, reactor)) { try await function() }
        }
    }
}

extension Trait where Self == OnSQLite {
    /// Over SQLite files.
    static var onSQLite: Self { Self() }
}
extension Trait where Self == OnPostgres {
    /// Over a PostgreSQL server.
    static var onPostgres: Self { Self() }
}

/// Something that every engine must do, as a function over what it is done with.
struct Behavior<Bench: Sendable>: Sendable, CustomTestStringConvertible {
    let name: String
    let check: @Sendable (Bench) async throws -> Void

    init(_ name: String, _ check: @escaping @Sendable (Bench) async throws -> Void) {
        (self.name, self.check) = (name, check)
    }
    var testDescription: String { name }
}
