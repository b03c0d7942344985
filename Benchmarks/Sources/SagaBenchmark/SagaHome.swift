import Determinism
import PostgresDriver
import Sagas
import Storage
import Synchronization

/// A database with sagas, and one worker on it.
final class SagaHome: Sendable {
    let time: SystemTime
    let terms = SagaTerms()
    private let database: PostgresDatabase
    private let lane: WriteLane
    private let runtime: SagaRuntime
    private let journeys: [String: SagaDefinition<Journey>]
    private let slow: SagaDefinition<Journey>
    private let pace: Pace
    private let tenant = Tenant(organization: 1, epoch: 1)

    private static let schema = Migration(
        1, "benchmark",
        [
            """
            CREATE TABLE fences (
              organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL, state TEXT NOT NULL, version {int} NOT NULL
            ) {table}
            """, VisitRecord.schema,
        ] + SagaSchema.whole)

    static func open(_ url: String, time: SystemTime) async throws -> SagaHome {
        let reactor = try PostgresReactor(time: time)
        let settings = PostgresDatabaseConfiguration(name: "sagas", connection: try PostgresConfiguration(url: url))
        return SagaHome(
            try PostgresDatabase(settings, reactor: reactor, time: time, random: SystemRandom()), time: time)
    }

    private init(_ database: PostgresDatabase, time: SystemTime) {
        (self.database, self.time, pace) = (database, time, Pace(time))
        lane = WriteLane(engine: database, time: time)
        journeys = ["none": Self.journey(writes: false), "row": Self.journey(writes: true)]
        slow = Self.slowJourney(pace)
        let registry = SagaRegistry((journeys.values + [slow]).map { AnySagaDefinition($0) })
        let worker = SagaWorkerID(UUIDv7(time: time.now(), slot: 0, random: SystemRandom().next()))
        runtime = SagaRuntime(
            registry: registry, lane: lane,
            stores: .sql(database, lane: lane, serving: registry, worker: worker, time: time, sharedBy: .postgres),
            worker: worker, time: time, terms: terms, reportTrouble: { complain("\($0)") })
    }

    /// Runs `body` over a database that has the tables, with a worker that has its lease.
    func run(_ body: @Sendable @escaping (SagaHome) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.database.run() }
            _ = try await Migrator([Self.schema], dialect: .postgres).migrate(database, time: time)
            _ = try await database.write { transaction in
                try await transaction.execute(
                    SQLStatement("INSERT INTO fences VALUES (1, 1, 'active', 1) ON CONFLICT DO NOTHING", []))
            }
            group.addTask { await self.lane.run() }
            group.addTask { await self.runtime.run() }
            while !runtime.hasRoom { try await time.sleep(for: .milliseconds(5)) }
            do { try await body(self) } catch {
                complain("\(error)")
                throw error
            }
            runtime.stop()
            lane.stop()
            database.stop()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    // MARK: definitions

    /// The three steps of the benchmark.
    /// - Parameter work: `none`, or `row` where each adds a row to a table.
    func steps(work: String) -> SagaDefinition<Journey> {
        guard let journey = journeys[work] else { fatalError("“\(work)” is not none or row") }
        return journey
    }

    private static func journey(writes: Bool) -> SagaDefinition<Journey> {
        func visit(_ number: Int) -> SagaAction<Journey> {
            .local { work, journey, context in
                if writes {
                    work.append(
                        VisitRecord(
                            organization: context.organization, saga: context.saga.uuid, step: Int64(number),
                            note: "step \(number)"))
                }
                journey.stops.append(Journey.Stop(name: "step \(number)", number: number, isDone: true))
                return .done
            }
        }
        return Saga(Journey.self, writes ? "row" : "none", version: 1)
            .pivot("first", visit(1)).retriable("second", visit(2)).retriable("third", visit(3)).definition
    }

    private static func slowJourney(_ pace: Pace) -> SagaDefinition<Journey> {
        func visit(_ number: Int) -> SagaAction<Journey> {
            .external { _, _ in
                await pace.step(number)
                return .done(())
            }
        }
        return Saga(Journey.self, "slow", version: 1)
            .pivot("first", visit(1)).retriable("second", visit(2)).retriable("third", visit(3)).definition
    }

    // MARK: work

    /// Runs sagas to their ends, one after the other in each of `inFlight` places.
    /// - Returns: the time that each took, from its beginning to its report.
    @discardableResult
    func work(
        _ count: Int?, for seconds: Int64? = nil, inFlight: Int, _ definition: SagaDefinition<Journey>
    ) async throws -> [Duration] {
        let left = Countdown(count ?? .max)
        let end = seconds.map { time.instant() + .seconds($0) }
        return try await withThrowingTaskGroup(of: [Duration].self) { group in
            for _ in 0..<inFlight {
                group.addTask {
                    var latencies: [Duration] = []
                    while left.take(), end.map({ self.time.instant() < $0 }) ?? true {
                        let begin = self.time.instant()
                        try await self.one(definition)
                        latencies.append(self.time.instant() - begin)
                    }
                    return latencies
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func one(_ definition: SagaDefinition<Journey>) async throws {
        let report = try await runtime.run(
            definition, id: newID(), for: tenant, about: newID().uuid, Journey(),
            until: time.instant() + .seconds(60))
        guard report?.state == .succeeded else { throw BenchmarkFault("a saga did not succeed: \(report as Any)") }
    }

    private func newID() -> SagaID { SagaID(UUIDv7(time: time.now(), slot: 1, random: SystemRandom().next())) }

    /// Begins sagas whose second step never ends, and waits to be killed.
    func startAndHang(_ count: Int, stepMillis: Int64) async throws {
        pace.set(stepMillis: stepMillis, hangsInSecond: true)
        for _ in 0..<count {
            _ = try await runtime.begin(slow, id: newID(), for: tenant, about: newID().uuid, Journey())
        }
        while pace.hanging < count { try await time.sleep(for: .milliseconds(5)) }
        print(#"{"running":\#(count)}"#)
        flushOutput()
        try await time.sleep(for: .seconds(3_600))
    }

    /// Waits until nothing is unfinished any more.
    func finishAll(stepMillis: Int64) async throws -> Int64 {
        pace.set(stepMillis: stepMillis, hangsInSecond: false)
        let unfinished = SQLStatement(
            "SELECT count(*) FROM sagas WHERE state = 'running' OR state = 'parked' OR state = 'compensating'", [])
        while try await database.read(unfinished, .strong)[0].integer(0) > 0 {
            try await time.sleep(for: .milliseconds(20))
        }
        return try await database.read(SQLStatement("SELECT count(*) FROM sagas", []), .strong)[0].integer(0)
    }
}

/// So many are left to be done.
final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    /// Whether one was left; it is not any more.
    func take() -> Bool {
        left.withLock { left in
            left -= 1
            return left >= 0
        }
    }
}

/// How long the slow steps take.
final class Pace: Sendable {
    private let time: SystemTime
    private let state = Mutex((stepMillis: Int64(50), hangsInSecond: false, hanging: 0))

    init(_ time: SystemTime) { self.time = time }

    /// How many hang in their second step.
    var hanging: Int { state.withLock { $0.hanging } }
    func set(stepMillis: Int64, hangsInSecond: Bool) {
        state.withLock { ($0.stepMillis, $0.hangsInSecond) = (stepMillis, hangsInSecond) }
    }
    func step(_ number: Int) async {
        let (millis, hangs) = state.withLock { state in
            if number == 2, state.hangsInSecond { state.hanging += 1 }
            return (state.stepMillis, state.hangsInSecond)
        }
        try? await time.sleep(for: number == 2 && hangs ? .seconds(3_600) : .milliseconds(millis))
    }
}
