import ConnectionPooling
import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// Reads, transactions and batches over real servers that misbehave.
@Suite("PostgresDatabase", .timeLimit(.minutes(2)))
struct PostgresDatabaseTests {
    @Test func severalStatementsAreReadInOneSnapshot() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { running in
                try await withThrowingDiscardingTaskGroup { group in
                    let isDone = Tally()
                    group.addTask {
                        while isDone.total == 0, !Task.isCancelled { _ = try await running.put("a") }
                    }
                    let sum = SQLStatement("SELECT COALESCE(SUM(units), 0) FROM shelves")
                    var seen: Set<Int64> = []
                    // As often as it has to be that it changed meanwhile, on a machine of whatever speed.
                    try await Poll.untilTrue("it to change", within: .seconds(60), every: .milliseconds(1)) {
                        let result = try await running.database.read([sum, sum, sum], .strong)
                        #expect(result.rows.count == 3 && Set(result.rows).count == 1)
                        seen.insert(try result.rows[0][0].integer(0))
                        return seen.count >= 100
                    }
                    isDone.add("done")
                }
            }
        }
    }

    @Test func whatThrowsInATransactionLeavesNothingBehind() async throws {
        struct Stop: Error {}
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url(), { $0.pool.limit = 1 }) { running in
                let insert = SQLStatement("INSERT INTO shelves VALUES (1, 'x', 1, 1)")
                await #expect(throws: Stop.self) {
                    try await running.database.write { transaction in
                        try await transaction.execute(insert)
                        throw Stop()
                    }
                }
                await #expect(throws: StorageError.self) {
                    try await running.database.write { transaction in
                        try await transaction.execute(insert)
                        // Hidden by the body: the server's transaction has failed all the same.
                        _ = try? await transaction.execute(SQLStatement("SELECT 1 / 0"))
                    }
                }
                #expect(try await running.units(of: "x") == nil)
                try await running.database.write { _ = try await $0.execute(insert) }
                #expect(try await running.units(of: "x") == 1)
            }
        }
    }

    @Test func transactionsThatWaitInACircleAreRunAgain() async throws {
        try await PostgresTestbed.withServer(PostgresOptions(settings: ["deadlock_timeout": "20ms"])) { server in
            try await RunningDatabase.with(server.url()) { running in
                for name in ["a", "b"] { _ = try await running.put(name) }
                let attempts = Tally()
                try await withThrowingDiscardingTaskGroup { group in
                    for order in [["a", "b"], ["b", "a"]] {
                        group.addTask {
                            for _ in 0..<10 {
                                try await running.database.write { transaction in
                                    attempts.add("one")
                                    for name in order {
                                        try await transaction.execute(
                                            SQLStatement(
                                                "UPDATE shelves SET units = units + 1 WHERE name = $1", [.text(name)]))
                                    }
                                }
                            }
                        }
                    }
                }
                #expect(try await running.units(of: "a") == 21)
                #expect(try await running.units(of: "b") == 21)
                #expect(attempts.total >= 20)
            }
        }
    }

    @Test func aPoolWithoutAFreeConnectionSaysSo() async throws {
        try await PostgresTestbed.withServer { server in
            let change: (inout PostgresDatabaseConfiguration) -> Void = {
                ($0.pool.limit, $0.pool.acquireTimeout) = (1, .seconds(3))
            }
            try await RunningDatabase.with(server.url(), change) { running in
                try await running.database.write { _ in
                    _ = await #expect(throws: StorageError.self) { try await running.units(of: "a") }
                }
                #expect(try await running.units(of: "a") == nil, "the connection is back")
            }
        }
    }

    @Test func aServerThatIsKilledAndComesBackIsUsedAgain() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { running in
                let acknowledged = Tally()
                let isDone = Tally()
                try await withThrowingDiscardingTaskGroup { group in
                    for worker in 0..<8 {
                        group.addTask {
                            while isDone.total == 0, !Task.isCancelled {
                                do throws(LaneFailure) {
                                    _ = try await running.put("shelf-\(worker)")
                                    acknowledged.add("shelf-\(worker)")
                                } catch {
                                    await Task.yield()
                                }
                            }
                        }
                    }
                    for _ in 0..<3 {
                        let before = acknowledged.total
                        try await Poll.untilTrue("some are answered", within: .seconds(20)) {
                            acknowledged.total > before + 200
                        }
                        try await server.kill9()
                        try await server.start()
                    }
                    let before = acknowledged.total
                    try await Poll.untilTrue("service is back", within: .seconds(20)) {
                        acknowledged.total > before + 50
                    }
                    isDone.add("done")
                }
                for (name, count) in acknowledged.all {
                    let stored = try #require(try await running.units(of: name))
                    #expect(stored >= Int64(count), "\(name) has lost what was acknowledged")
                }
            }
        }
    }

    @Test func aCommitWithoutAnAnswerIsUnknown() async throws {
        try await PostgresTestbed.with { testbed in
            let server = try await testbed.server()
            let proxy = try testbed.proxy(to: server.port)
            // Without prepared statements the word COMMIT stands on the wire.
            try await RunningDatabase.with(proxy.url(to: server, "pooler=transaction")) { running in
                _ = try await running.put("a")
                proxy.cutOnce(at: Array("COMMIT".utf8), .insteadOfPostgresReply)
                do throws(LaneFailure) {
                    _ = try await running.put("a")
                    Issue.record("it was answered")
                } catch {
                    guard case .unknown = error else {
                        Issue.record("\(error)")
                        return
                    }
                }
                #expect(try await running.units(of: "a") == 2, "it has happened")
                proxy.cutOnce(at: Array("COMMIT".utf8), .beforeRequest)
                do throws(LaneFailure) {
                    _ = try await running.put("a")
                    Issue.record("it was answered")
                } catch {
                    guard case .unknown = error else {
                        Issue.record("\(error)")
                        return
                    }
                }
                #expect(try await running.units(of: "a") == 2, "it has not happened")
                #expect(try await running.put("a") == 3)
            }
        }
    }
}
