import Determinism
import DeterminismTestKit
import Sagas
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

/// An installation of two servers over three empty databases, in virtual time.
final class World: Sendable {
    let dialect: Dialect
    let time: ManualTime
    let first: Server
    let second: Server
    /// Of the ids that tests make.
    let random = SeededRandom(seed: 11)
    private let bench: Workbench
    private let opened: [OpenedDatabase]

    static func with(_ body: (World) async throws -> Void) async throws {
        let engine = try #require(Engine.current)
        let time = ManualTime(start: Timestamp(microseconds: 1_780_000_000_000_000))
        var databases: [[OpenedDatabase]] = [[], []]
        let (control, shard) = (try await engine.place(), try await engine.place())
        // As in the real installation: servers that share a control database keep the provider's books there.
        let provider = engine.dialect == .sqlite ? try await engine.place() : control
        let schemas = [
            ("control", control, Migrator(ControlSchema.migrations, dialect: engine.dialect)),
            ("shard-0", shard, Migrator(TenantSchema.migrations, dialect: engine.dialect)),
            (
                "provider", provider,
                Migrator(SandboxSchema.migrations, dialect: engine.dialect, history: "sandbox_migrations")
            ),
        ]
        for (name, place, migrator) in schemas {
            for server in databases.indices { databases[server].append(try place.open(time: time, name: name)) }
            try await migrator.migrate(databases[0][databases[0].count - 1], time: time)
        }
        let world = try await World(engine.dialect, time, databases)
        let result: Result<Void, any Error>
        do { result = .success(try await body(world)) } catch { result = .failure(error) }
        await world.close()
        try result.get()
    }

    private init(_ dialect: Dialect, _ time: ManualTime, _ databases: [[OpenedDatabase]]) async throws {
        (self.dialect, self.time, opened, bench) = (dialect, time, databases.flatMap { $0 }, Workbench())
        first = try await Server(databases[0], bench, time: time, seed: 1)
        second = try await Server(databases[1], bench, time: time, seed: 2)
    }

    private func close() async {
        for server in [first, second] {
            await server.stop { body in _ = try? await self.drive { await body() } }
        }
        for database in opened { await database.close() }
    }

    /// From here on nobody but the test works on sagas.
    func stopWorkingOnSagas() {
        for server in [first, second] { server.shard.sagas.runtime.stop() }
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
    /// Lets time pass in small steps.
    func pass(_ duration: Duration) async throws {
        let time = time
        try await drive { try await time.sleep(for: duration) }
    }

    // MARK: rows

    func rows(_ text: String, _ parameters: [SQLValue] = []) async throws -> [SQLRow] {
        try await first.database.read(SQLStatement(text, parameters), .strong)
    }
    func number(_ text: String, _ parameters: [SQLValue] = []) async throws -> Int64 {
        try #require(await rows(text, parameters).first).integer(0)
    }
    func findings() async throws -> [String] {
        let report = try await Verifier(
            shards: [(name: "shard-0", database: first.database, dialect: dialect)], provider: first.books,
            time: PauselessTime()
        ).run()
        return report.findings.map { "\($0.invariant): \($0.rows.joined(separator: "; "))" }
    }

    // MARK: tenants

    func shop(_ name: String = "Grocer") async throws -> Shop {
        let kept = try await drive { [first] in
            try await first.organizations.create(name: name, plan: nil, region: nil, key: nil)
        }
        let number = try #require(try JSONReader.parse(kept.answer.document).object?["number"]?.integer)
        return Shop(world: self, number: number)
    }
}

/// Time in which every pause is over at once; for code that only polls.
struct PauselessTime: TimeSource {
    func now() -> Timestamp { Timestamp(microseconds: 0) }
    func instant() -> Instant { Instant(nanoseconds: 0) }
    func sleep(until deadline: Instant) async throws {}
}

/// What a behavior of the domain is checked with: a world and a tenant in it. Every invariant holds when it is done.
extension Behavior where Bench == Shop {
    func run() async throws {
        try await World.with { world in
            try await check(try await world.shop())
            #expect(try await world.findings() == [])
        }
    }
}
