import Determinism
import PostgresDriver
import PostgresTestKit
import Storage
import Testing

/// Batches that lock nothing before they write.
@Suite("Write lane on PostgreSQL: reads without locks", .timeLimit(.minutes(2)))
struct UnlockedReadTests {
    private func crowd(_ lane: RunningDatabase, callers: Int, each: Int, over names: [String]) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for caller in 0..<callers {
                group.addTask {
                    for turn in 0..<each { _ = try await lane.put(names[(caller + turn) % names.count]) }
                }
            }
        }
    }

    @Test func aCrowdLocksWhatItWritesAndNotWhatItReads() async throws {
        let counting = PostgresOptions(settings: ["shared_preload_libraries": "pg_stat_statements"])
        try await PostgresTestbed.withServer(counting) { server in
            try await RunningDatabase.with(server.url()) { lane in
                try await server.psql("CREATE EXTENSION pg_stat_statements")
                _ = try await lane.put("r0")
                try await server.psql("SELECT pg_stat_statements_reset()")
                try await crowd(lane, callers: 64, each: 10, over: (0..<100).map { "r\($0)" })
                func calls(_ pattern: String) async throws -> Int? {
                    Int(
                        try await server.psql(
                            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '\(pattern)'"))
                }
                #expect(try await calls("SELECT k.place, t.organization%FOR NO KEY UPDATE%") == 0)
                #expect(try await calls("SELECT k.place, t.organization%") ?? 0 > 0)
                #expect(try await calls("BEGIN") == 0, "no transaction is open between the trips")
            }
        }
    }

    /// Whatever comes between a batch's read and its write, of another lane or by hand, is seen.
    @Test func noUnitIsLostBetweenReadAndWrite() async throws {
        let names = ["a", "b", "c"]
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { one in
                try await RunningDatabase.with(server.url(), migrates: false) { two in
                    try await crowd(one, callers: 3, each: 1, over: names)
                    try await withThrowingDiscardingTaskGroup { group in
                        for lane in [one, two] {
                            group.addTask { try await crowd(lane, callers: 48, each: 15, over: names) }
                        }
                        group.addTask {
                            for _ in 0..<30 {
                                try await server.psql("UPDATE shelves SET units = units + 1 WHERE name = 'a'")
                            }
                        }
                    }
                    var sum: Int64 = 0
                    for name in names { sum += try await one.units(of: name) ?? 0 }
                    #expect(sum == 3 + 2 * 48 * 15 + 30)
                }
            }
        }
    }

    /// Nothing of a row that is made anew under its key, with the same version, is taken for the row that was read.
    @Test func aRowThatIsMadeAnewMeanwhileIsNotTheOneThatWasRead() async throws {
        let names = (0..<40).map { "r\($0)" }
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { lane in
                try await crowd(lane, callers: 40, each: 1, over: names)
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask { try await crowd(lane, callers: 40, each: 30, over: names) }
                    group.addTask {
                        for _ in 0..<20 {
                            try await server.psql(
                                """
                                WITH gone AS (DELETE FROM shelves WHERE name = 'r0' RETURNING organization, units)
                                INSERT INTO shelves (organization, name, units, version)
                                SELECT organization, gen_random_uuid()::text, units, 1 FROM gone
                                """)
                        }
                    }
                }
                let sum = try await server.psql("SELECT sum(units) FROM shelves")
                #expect(sum == "\(40 + 40 * 30)", "what was taken away is under another name")
            }
        }
    }
}
