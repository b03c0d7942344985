import Determinism
import PostgresDriver
import SQLiteDriver
import Storage
import Synchronization

/// The database whose lane is measured: a SQLite file with `synchronous=FULL`, or a PostgreSQL server's database.
final class MeasuredDatabase: Sendable {
    let engine: any Database & LaneEngine
    let dialect: Dialect
    private let commits: CommitCounter
    /// Keeps its connections.
    private let running: @Sendable () async -> Void
    private let ending: @Sendable () throws -> Void

    /// - Parameter place: a folder, or a `postgres://` URL.
    init(at place: String, time: SystemTime) throws {
        let commits = CommitCounter()
        let observe: @Sendable (CommitPhase) -> Void = { if $0 == .after { commits.add() } }
        if place.hasPrefix("postgres") {
            let reactor = try PostgresReactor(time: time)
            let connection = try PostgresConfiguration(url: place)
            var settings = PostgresDatabaseConfiguration(name: "lane", connection: connection)
            settings.commitObserver = observe
            let database = try PostgresDatabase(settings, reactor: reactor, time: time, random: SystemRandom())
            (engine, dialect) = (database, .postgres)
            running = { await database.run() }
            ending = { database.stop() }
        } else {
            var settings = SQLiteConfiguration(name: "lane", path: "\(place)/lane.db")
            settings.commitObserver = observe
            let database = try SQLiteDatabase.open(settings, time: time)
            (engine, dialect) = (database, .sqlite)
            running = {}
            ending = { try database.close() }
        }
        self.commits = commits
    }

    /// How many batches were committed so far.
    var commitCount: Int { commits.count }

    /// Runs `body` while connections are kept, and closes the database after it.
    func use(_ body: @Sendable () async throws -> Void) async throws {
        async let kept: Void = running()
        do {
            try await body()
            try ending()
        } catch {
            try? ending()
            throw error
        }
        await kept
    }
}

/// How many transactions the lane has committed.
private final class CommitCounter: Sendable {
    private let commits = Atomic<Int>(0)
    var count: Int { commits.load(ordering: .relaxed) }
    func add() { commits.wrappingAdd(1, ordering: .relaxed) }
}
