import Determinism
import DeterminismTestKit
import Foundation
import SQLiteDriver
import Sagas
import Storage
import Testing

/// Sagas in a database: which are due, and who gets them.
@Suite("SQLSagaStore", .timeLimit(.minutes(1)))
struct SQLSagaStoreTests {
    private static let schema = Migration(
        1, "tests",
        [
            """
            CREATE TABLE fences (
              organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL, state TEXT NOT NULL, version {int} NOT NULL
            ) {table}
            """
        ] + SagaSchema.whole)

    /// Takes over what a worker written by hand has begun.
    private static let adopting = Saga(Trip.self, "checkout", version: 1)
        .pivot("charge", .doneByCaller).definition
        .adopting { _ in SagaAdoption(Trip(), done: [], intended: nil) }

    /// Begins a saga, or works on it, in any state.
    private struct Change: LaneCommand {
        let key: Key<SagaRecord>
        let change: @Sendable (inout WorkingSet, SagaRecord?, Timestamp) -> Void
        func needs(_ loaded: WorkingSet) -> [Need] { [.row(key)] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
            change(&work, work[key], now)
            return .commit(true)
        }
    }

    private struct Bench {
        let lane: WriteLane
        let store: SQLSagaStore
        let time: ManualTime
        let tenant = Tenant(organization: 1, epoch: 3)

        func id(_ number: UInt64) -> SagaID { SagaID(UUIDv7(high: 7, low: number)) }

        /// A saga that begins now with a lease of 30 seconds.
        func begin(_ number: UInt64) async throws {
            let id = id(number)
            try await submit(id) { work, _, now in
                var transition = SagaTransition(
                    SagaRecord(
                        organization: 1, id: id, definition: "checkout", version: 1, subject: id.uuid, input: "{}",
                        step: "charge", now: now, lease: .seconds(30)), at: now)
                transition.note(.began, "charge")
                transition.insert(in: &work)
            }
        }
        func work(_ number: UInt64, _ body: @escaping @Sendable (inout SagaTransition) -> Void) async throws {
            try await submit(id(number)) { work, record, now in
                guard let record else { return }
                var transition = SagaTransition(record, at: now)
                body(&transition)
                transition.store(in: &work)
            }
        }
        private func submit(
            _ id: SagaID, _ body: @escaping @Sendable (inout WorkingSet, SagaRecord?, Timestamp) -> Void
        ) async throws {
            let change = Change(key: SagaRecord.key(1, id), change: body)
            _ = try await lane.submit(change, tenant: tenant, deadline: time.instant() + .seconds(60))
        }
        func due(alone: Bool = false, limit: Int = 10) async throws -> [SagaID] {
            try await store.due(at: time.now(), ignoringLeases: alone, limit: limit).map(\.id)
        }
    }

    private func withBench(_ body: (Bench) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let time = ManualTime()
        time.advance(by: .seconds(1_000))
        let path = folder.appendingPathComponent("sagas.db").path
        let database = try SQLiteDatabase.open(SQLiteConfiguration(name: "sagas", path: path), time: time)
        try await Migrator([Self.schema], dialect: .sqlite).migrate(database, time: time)
        try await database.write {
            _ = try await $0.execute(SQLStatement("INSERT INTO fences VALUES (1, 3, 'active', 1)"))
        }
        let lane = WriteLane(engine: database, time: time)
        async let running: Void = lane.run()
        let worker = SagaWorkerID(UUIDv7(high: 1, low: 1))
        let store = SQLSagaStore(
            database: database, lane: lane, time: time, serving: SagaRegistry([AnySagaDefinition(Self.adopting)]),
            worker: worker, sharedBy: .process(time))
        do { try await body(Bench(lane: lane, store: store, time: time)) } catch {
            lane.stop()
            await running
            throw error
        }
        lane.stop()
        await running
    }

    @Test func leasedSagaIsDueWhenItsLeaseIsOver() async throws {
        try await withBench { bench in
            try await bench.begin(1)
            #expect(try await bench.due() == [])
            #expect(try await bench.due(alone: true) == [bench.id(1)], "nobody else can be at work on it")
            bench.time.advance(by: .seconds(30))
            let tickets = try await bench.store.due(at: bench.time.now(), ignoringLeases: false, limit: 10)
            #expect(tickets.map(\.id) == [bench.id(1)])
            #expect(tickets.first?.tenant == bench.tenant && tickets.first?.epoch == 1)
            #expect(tickets.first?.definition == "checkout" && tickets.first?.mayHaveBeenCalled == true)
        }
    }

    @Test func oneClaimWinsAndFencesTheOthers() async throws {
        try await withBench { bench in
            try await bench.begin(1)
            bench.time.advance(by: .seconds(30))
            let ticket = try #require(
                try await bench.store.due(at: bench.time.now(), ignoringLeases: false, limit: 1).first)
            let claims = try await withThrowingTaskGroup(of: SagaTicket?.self) { group in
                for _ in 0..<5 { group.addTask { try await bench.store.claim(ticket) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(claims.compactMap(\.?.epoch) == [2])
            #expect(try await bench.due() == [], "leased again")
            bench.time.advance(by: .seconds(30))
            #expect(try await bench.due() == [bench.id(1)])
        }
    }

    @Test func endedAndStuckSagasAreNeverDue() async throws {
        try await withBench { bench in
            for number in 1...4 as ClosedRange<UInt64> { try await bench.begin(number) }
            try await bench.work(1) { $0.succeed("end") }
            try await bench.work(2) { $0.undone("end", "declined") }
            try await bench.work(3) { $0.giveUp("charge", "too often") }
            bench.time.advance(by: .seconds(1_000))
            #expect(try await bench.due() == [bench.id(4)])
            #expect(try await bench.due(alone: true) == [bench.id(4)])
        }
    }

    @Test func parkedSagaIsDueAtItsTime() async throws {
        try await withBench { bench in
            for number in 1...3 as ClosedRange<UInt64> { try await bench.begin(number) }
            try await bench.work(1) { $0.park("charge", until: $0.now + .seconds(50), "later") }
            try await bench.work(2) { $0.park("charge", until: $0.now + .seconds(40), "later") }
            try await bench.work(3) { transition in
                transition.handle(.compensate)
                transition.park("release", until: transition.now + .seconds(60), "later")
            }
            #expect(try await bench.due(alone: true) == [], "a saga that waits is not due because of a restart")
            bench.time.advance(by: .seconds(50))
            #expect(try await bench.due() == [bench.id(2), bench.id(1)], "oldest first")
            #expect(try await bench.due(limit: 1) == [bench.id(2)])
            bench.time.advance(by: .seconds(10))
            #expect(try await bench.due().last == bench.id(3))
        }
    }

    /// After a crash the clock may be behind the one that the saga was begun by.
    @Test func clockThatSteppedBackHidesNoUnfinishedWork() async throws {
        try await withBench { bench in
            try await bench.begin(1)
            bench.time.advance(by: .seconds(-500))
            #expect(try await bench.due(alone: true) == [bench.id(1)])
            #expect(try await bench.due() == [])
        }
    }
}
