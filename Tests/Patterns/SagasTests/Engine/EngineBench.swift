import Determinism
import DeterminismTestKit
import Foundation
import SQLiteDriver
import Sagas
import Storage
import Testing

/// A database with sagas in it, and as many runtimes on it as a test begins.
final class EngineBench: Sendable {
    static let schema = Migration(
        1, "tests",
        [
            """
            CREATE TABLE fences (
              organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL, state TEXT NOT NULL, version {int} NOT NULL
            ) {table}
            """, TallyRecord.schema,
        ] + SagaSchema.whole)

    let database: SQLiteDatabase
    let lane: WriteLane
    let tenant = Tenant(organization: 1, epoch: 3)
    let trouble = Notes<String>()
    private let random = SeededRandom(seed: 7)

    private init(database: SQLiteDatabase) {
        self.database = database
        lane = WriteLane(engine: database, time: SystemTime())
    }

    static func with(_ body: (EngineBench) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("sagas.db").path
        let database = try SQLiteDatabase.open(SQLiteConfiguration(name: "sagas", path: path), time: SystemTime())
        try await Migrator([schema], dialect: .sqlite).migrate(database, time: SystemTime())
        try await database.write {
            _ = try await $0.execute(SQLStatement("INSERT INTO fences VALUES (1, 3, 'active', 1)"))
        }
        let bench = EngineBench(database: database)
        async let running: Void = bench.lane.run()
        do { try await body(bench) } catch {
            bench.lane.stop()
            await running
            throw error
        }
        bench.lane.stop()
        await running
    }

    func newID() -> UUIDv7 { UUIDv7(time: SystemTime().now(), slot: 1, random: random.next()) }

    func runtime(
        _ definitions: [AnySagaDefinition], _ change: (inout SagaTerms) -> Void = { _ in }
    ) -> SagaRuntime {
        var terms = SagaTerms()
        // No test waits for the lease's end, and none is to lose it to a busy machine.
        (terms.lease, terms.patience) = (.seconds(10), .milliseconds(200))
        change(&terms)
        var coordination = SagaCoordinatorConfiguration()
        (coordination.sweepInterval, coordination.waiterInterval) = (.milliseconds(20), .milliseconds(10))
        let worker = SagaWorkerID(newID())
        let registry = SagaRegistry(definitions)
        return SagaRuntime(
            registry: registry, lane: lane,
            stores: .sql(
                database, lane: lane, serving: registry, worker: worker, time: SystemTime(),
                sharedBy: .process(SystemTime())),
            worker: worker, terms: terms, coordination: coordination,
            reportTrouble: { [trouble] in trouble.note("\($0)") })
    }

    /// Runs the runtime while `body` is under way.
    func running(_ runtime: SagaRuntime, _ body: @Sendable @escaping () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await runtime.run() }
            await eventually("the runtime has its lease") { runtime.hasRoom }
            do { try await body() } catch {
                group.cancelAll()
                throw error
            }
            runtime.stop()
            try await group.waitForAll()
        }
    }

    /// Begins a saga and waits for what becomes of it.
    func outcome(
        of definition: SagaDefinition<Trip>, _ trip: Trip = Trip(), key: String? = nil, in runtime: SagaRuntime
    ) async throws -> SagaReport {
        let report = try await runtime.run(
            definition, id: SagaID(newID()), for: tenant, about: newID(), key: key, trip,
            until: SystemTime().instant() + .seconds(20))
        return try #require(report)
    }

    func begin(
        _ definition: SagaDefinition<Trip>, _ trip: Trip = Trip(), key: String? = nil, in runtime: SagaRuntime
    ) async throws -> SagaID {
        try await runtime.begin(definition, id: SagaID(newID()), for: tenant, about: newID(), key: key, trip)
    }

    func tally(_ name: String) async throws -> Int64? {
        let statement = SQLStatement("SELECT value FROM tallies WHERE organization = 1 AND name = $1", [.text(name)])
        return try await database.read(statement, .strong).first?.integer(0)
    }

    func history(_ saga: SagaID) async throws -> [String] {
        try await SQLSagaArchive(database: database).history(of: saga, in: 1, limit: 1_000)
            .map { "\($0.step) \($0.kind.rawValue)" }
    }
}
