import Determinism
import DeterminismTestKit
import Foundation
import SQLiteDriver
import Sagas
import Storage
import Synchronization
import Testing

@testable import PantryDomain

/// The files of an installation in a temporary folder, and the time that goes with them.
final class Store: Sendable {
    enum File: String, Sendable {
        case shard
        case books
        case control
    }
    let time = ManualTime(start: Timestamp(microseconds: 1_780_000_000_000_000))
    let bench = Workbench()
    /// Of the ids that tests make.
    let random = SeededRandom(seed: 11)
    let shard: SQLiteDatabase
    let books: SQLiteDatabase
    let control: SQLiteDatabase
    /// Lanes that outlive every server: of the provider, and of the test itself.
    let booksLane: WriteLane
    let lane: WriteLane
    let controlLane: WriteLane
    /// Sagas that nobody works on: what begins some without a server.
    let nobody: OrderSagas
    private let folder: URL
    private let loops: [Task<Void, Never>]

    /// - Parameter observer: told of each statement that a file's writer executes.
    static func open(observer: (@Sendable (File, String) -> Void)? = nil) async throws -> Store {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-domain-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return try await Store(folder, observer)
    }

    private init(_ folder: URL, _ observer: (@Sendable (File, String) -> Void)?) async throws {
        self.folder = folder
        let (time, bench) = (time, bench)
        func database(_ file: File, _ schema: [Migration]) async throws -> SQLiteDatabase {
            let path = folder.appendingPathComponent("\(file.rawValue).db").path
            var settings = SQLiteConfiguration(name: file.rawValue, path: path)
            if let observer { settings.statementObserver = { observer(file, $0) } }
            let database = try SQLiteDatabase.open(settings, time: time)
            try await Migrator(schema, dialect: .sqlite).migrate(database, time: time)
            return database
        }
        shard = try await database(.shard, TenantSchema.migrations)
        books = try await database(.books, SandboxSchema.migrations)
        control = try await database(.control, ControlSchema.migrations)
        let lanes = [shard, books, control].map {
            WriteLane(engine: ServerDatabase(inner: $0, life: Life(), bench: bench), time: time)
        }
        (lane, booksLane, controlLane) = (lanes[0], lanes[1], lanes[2])
        let configuration = OrderSagas.Configuration()
        nobody = OrderSagas(
            database: shard, lane: lanes[0], provider: SandboxProvider(lane: lanes[1], time: time),
            configuration: configuration, time: time, random: random, reportTrouble: { _ in })
        loops = lanes.map { lane in Task(executorPreference: bench) { await lane.run() } }
    }

    func close() async {
        for lane in [lane, booksLane, controlLane] { lane.stop() }
        for loop in loops { await loop.value }
        for database in [shard, books, control] { try? database.close() }
        try? FileManager.default.removeItem(at: folder)
    }

    func database(_ file: File) -> SQLiteDatabase {
        switch file {
        case .shard: shard
        case .books: books
        case .control: control
        }
    }

    // MARK: reading and writing beside everybody

    func rows(_ text: String, _ parameters: [SQLValue] = [], in file: File = .shard) async throws -> [SQLRow] {
        try await database(file).read(SQLStatement(text, parameters), .strong)
    }
    func number(_ text: String, _ parameters: [SQLValue] = [], in file: File = .shard) async throws -> Int64 {
        try #require(await rows(text, parameters, in: file).first).integer(0)
    }
    func text(_ text: String, _ parameters: [SQLValue] = [], in file: File = .shard) async throws -> String {
        try #require(await rows(text, parameters, in: file).first).text(0)
    }
    /// Changes rows behind everybody's back, `CHECK` constraints or not.
    func tamper(_ text: String, _ parameters: [SQLValue] = [], in file: File = .shard) async throws {
        try await database(file).write { transaction in
            try await transaction.execute(SQLStatement("PRAGMA ignore_check_constraints = ON"))
            try await transaction.execute(SQLStatement(text, parameters))
            try await transaction.execute(SQLStatement("PRAGMA ignore_check_constraints = OFF"))
        }
    }
    func submit<C: LaneCommand>(_ command: C, tenant: Tenant? = nil) async throws -> C.Outcome {
        try await lane.submit(command, tenant: tenant, deadline: time.instant() + .seconds(60))
    }
    func verify() async throws -> VerificationReport {
        try await Verifier(
            shards: [(name: "shard-0", database: shard, dialect: .sqlite)], provider: books, time: PauselessTime()
        ).run()
    }
    /// What the verifier found, in words; empty when all is well.
    func findings() async throws -> [String] {
        try await verify().findings.map { "\($0.invariant): \($0.rows.joined(separator: "; "))" }
    }

    // MARK: time

    /// Runs `body`, and moves time on to the next sleeper whenever nothing else happens, until it returns.
    func drive<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let isDone = Flag()
        let task = Task(executorPreference: bench) {
            defer { isDone.raise() }
            return try await body()
        }
        while !isDone.isRaised {
            await bench.whenIdle()
            if !isDone.isRaised, !time.advanceToNextSleeper() { await Task.yield() }
        }
        return try await task.value
    }
    /// What `body` returns, or nil when it takes longer than `limit`; it then goes on for nobody.
    func within<Value: Sendable>(
        _ limit: Duration, _ body: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let (time, bench) = (time, bench)
        return await withCheckedContinuation { continuation in
            let race = Race(continuation)
            let timer = Task(executorPreference: bench) {
                if (try? await time.sleep(for: limit)) != nil { race.settle(nil) }
            }
            Task(executorPreference: bench) {
                race.settle(await body())
                timer.cancel()
            }
        }
    }
    /// Lets time pass in small steps.
    func pass(_ duration: Duration) async throws {
        let time = time
        try await drive { try await time.sleep(for: duration) }
    }
    /// Lets time pass in one step, as after a pause of the whole machine, and whatever is due happen.
    func leap(_ duration: Duration) async throws {
        time.advance(by: duration)
        try await pass(.seconds(3))
    }
}

/// A continuation for whoever comes first.
private final class Race<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value?, Never>?>

    init(_ continuation: CheckedContinuation<Value?, Never>) { self.continuation = Mutex(continuation) }

    func settle(_ value: Value?) {
        let first = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        first?.resume(returning: value)
    }
}

/// Opens a store for a test and removes it afterwards.
func withStore(_ body: (Store) async throws -> Void) async throws {
    let store = try await Store.open()
    do { try await body(store) } catch {
        await store.close()
        throw error
    }
    await store.close()
}

/// Inserts records as they are.
struct Plant: LaneCommand {
    let plant: @Sendable (inout WorkingSet) -> Void
    init(_ plant: @escaping @Sendable (inout WorkingSet) -> Void) { self.plant = plant }
    func needs(_ loaded: WorkingSet) -> [Need] { [] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
        plant(&work)
        return .commit(true)
    }
}
