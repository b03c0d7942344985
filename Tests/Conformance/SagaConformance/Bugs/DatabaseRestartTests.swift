import Determinism
import DeterminismTestKit
import PostgresDriver
import PostgresTestKit
import Sagas
import Storage
import Testing

/// DBOS #716: a restart of the database during the recovery loop left work pending for ever.
@Suite("Sagas and a database that restarts", .timeLimit(.minutes(3)))
struct DatabaseRestartTests {
    @Test("DBOS #716: a restart of the database in the recovery loop strands nothing")
    func restartInTheRecoveryLoop() async throws {
        try await PostgresTestbed.withServer { server in
            let reactor = try PostgresReactor(time: SystemTime())
            defer { reactor.stop() }
            try await SagaPlace.postgres(server, reactor).check(
                SagaBehavior("restart") { try await check($0, server) })
        }
    }

    private func check(_ bench: SagaBench, _ server: PostgresServer) async throws {
        let (bank, gate) = (Bank(), Gate())
        let saga = Saga(Diary.self, "restarted", version: 1)
            .pivot(
                "pay",
                .external { _, context in
                    await gate.pass()
                    return bank.call(context)
                }
            )
            .retriable("note", .local(.add(1, to: "noted"))).definition
        var sagas: [SagaID] = []
        for _ in 0..<40 { sagas.append(try await bench.began(saga)) }
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) { [sagas] in
            defer { gate.open() }
            await DeterminismTestKit.eventually("recovery is under way") { gate.waitingCount >= 5 }
            try await server.kill9()
            gate.open()
            await DeterminismTestKit.eventually("the loop has met the outage") { !bench.trouble.all.isEmpty }
            await DeterminismTestKit.eventually("the lease is lost", within: .seconds(60)) { !runtime.hasRoom }
            try await server.start()
            for saga in sagas { try await bench.eventually("\(saga) has ended") { await Self.hasEnded(saga, bench) } }
        }
        #expect(try await bench.count("noted") == 40)
        #expect(bank.all.count == 40)
    }

    /// The database may still be away.
    private static func hasEnded(_ saga: SagaID, _ bench: SagaBench) async -> Bool {
        (try? await bench.record(saga).state) == .succeeded
    }
}
