import Determinism
import PostgresDriver
import PostgresTestKit
import Storage
import Synchronization

/// A row of units under a name.
struct Shelf: Record, Hashable {
    static let table = Table("shelves", rank: 3, key: [.organization, .text("name")], mutable: ["units"])
    static let migrations = [
        Migration(
            1, "shelves",
            [
                """
                CREATE TABLE shelves (
                  organization {int} NOT NULL, name TEXT NOT NULL, units {int} NOT NULL CHECK (units >= 0),
                  version {int} NOT NULL, PRIMARY KEY (organization, name)
                ) {table}
                """
            ])
    ]

    let name: String
    var units: Int64

    init(_ name: String, _ units: Int64) { (self.name, self.units) = (name, units) }
    static func key(_ name: String) -> Key<Shelf> { Key(organization: 1, text: name) }
    var key: Key<Shelf> { Self.key(name) }
    init(from row: any ColumnReader) throws {
        _ = try row.integer()
        (name, units) = (try row.text(), try row.integer())
    }
    func write(to row: any ColumnWriter) {
        row.integer(1)
        row.text(name)
        row.integer(units)
    }
}

/// Puts a unit on a shelf, and makes the shelf if need be; the outcome is how many are on it then.
struct PutUnit: LaneCommand {
    let name: String

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(Shelf.key(name))] }
    var mayNameMore: Bool { false }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64> {
        var shelf = work[Shelf.key(name)] ?? Shelf(name, 0)
        shelf.units += 1
        work.put(shelf)
        return .commit(shelf.units)
    }
}

/// Says how many units are on a shelf, and writes nothing.
struct CountUnits: LaneCommand {
    let name: String

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(Shelf.key(name))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64?> {
        .discard(work[Shelf.key(name)]?.units)
    }
}

/// A database on a real server, with a write lane, both running.
struct RunningDatabase {
    let database: PostgresDatabase
    let lane: WriteLane
    let reactor: PostgresReactor
    let time = SystemTime()

    /// - Parameter clock: the database's own; its connections and the lane have the machine's.
    static func with<Value: Sendable>(
        _ url: String, migrates: Bool = true, observer: (any LaneObserver)? = nil,
        clock: any TimeSource = SystemTime(), _ change: (inout PostgresDatabaseConfiguration) -> Void = { _ in },
        _ body: @Sendable (RunningDatabase) async throws -> Value
    ) async throws -> Value {
        let reactor = try PostgresReactor(time: SystemTime())
        defer { reactor.stop() }
        var configuration = PostgresDatabaseConfiguration(
            name: "shard-0", connection: try PostgresConfiguration(url: url))
        change(&configuration)
        let database = try PostgresDatabase(
            configuration, reactor: reactor, time: clock, random: SeededRandom(seed: 1))
        let lane = WriteLane(engine: database, time: SystemTime(), observer: observer)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await database.run() }
            group.addTask { await lane.run() }
            defer {
                lane.stop()
                database.stop()
            }
            let running = RunningDatabase(database: database, lane: lane, reactor: reactor)
            if migrates {
                _ = try await Migrator(Shelf.migrations, dialect: .postgres).migrate(database, time: SystemTime())
            }
            return try await body(running)
        }
    }

    func put(_ name: String, within limit: Duration = .seconds(30)) async throws(LaneFailure) -> Int64 {
        try await lane.submit(PutUnit(name: name), tenant: nil, deadline: time.instant() + limit)
    }

    func units(of name: String) async throws -> Int64? {
        try await database.read(SQLStatement("SELECT units FROM shelves WHERE name = $1", [.text(name)]), .strong)
            .first?.integer(0)
    }
}

/// Counts by name, from any task.
final class Tally: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func add(_ name: String) { counts.withLock { $0[name, default: 0] += 1 } }
    subscript(name: String) -> Int { counts.withLock { $0[name] ?? 0 } }
    var total: Int { counts.withLock { $0.values.reduce(0, +) } }
    var all: [String: Int] { counts.withLock { $0 } }
}
