import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// Batches of many callers on one connection to a real server.
@Suite("Pipelining with PostgreSQL", .serialized, .timeLimit(.minutes(2)))
struct PipelineLiveTests {
    @Test func everyCallerGetsItsOwnAnswer() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let wrong = await withTaskGroup(of: Int.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        var wrong = 0
                        for round in 0..<150 {
                            let number = Int64(task * 1_000 + round)
                            let answer = try? await connection.value("SELECT $1::bigint + 1", [.integer(number)])
                            if answer != .integer(number + 1) { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(wrong == 0)
            #expect(connection.isClean)
            #expect(connection.preparedStatementCount == 1)
        }
    }

    @Test func readsBehindAnothersErrorAreAnswered() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let outcomes = await withTaskGroup(of: (Int, Bool).self) { group in
                for task in 0..<200 {
                    group.addTask {
                        let isBad = task % 7 == 0
                        let text = isBad ? "SELECT 1 / ($1::bigint - $1::bigint)" : "SELECT $1::bigint"
                        do throws(PostgresError) {
                            let rows = try await connection.rows(text, [.integer(Int64(task))])
                            return (task, !isBad && rows == [SQLRow([.integer(Int64(task))])])
                        } catch { return (task, isBad && error.sqlState?.code == "22012" && error.statement == 0) }
                    }
                }
                var outcomes: [(Int, Bool)] = []
                for await outcome in group { outcomes.append(outcome) }
                return outcomes
            }
            #expect(outcomes.count == 200)
            #expect(outcomes.filter { !$0.1 }.map(\.0) == [])
            #expect(connection.isClean)
        }
    }
}
