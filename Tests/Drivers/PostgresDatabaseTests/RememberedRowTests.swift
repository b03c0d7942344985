import Determinism
import PostgresDriver
import PostgresTestKit
import Storage
import Testing

/// What a lane remembers from one batch to the next, and what others have made of it meanwhile.
@Suite("Write lane on PostgreSQL: remembered rows", .timeLimit(.minutes(2)))
struct RememberedRowTests {
    private func with(
        _ options: PostgresOptions = PostgresOptions(), _ parameters: String = "",
        _ body: @Sendable (RunningDatabase, PostgresServer) async throws -> Void
    ) async throws {
        try await PostgresTestbed.withServer(options) { server in
            try await RunningDatabase.with(parameters.isEmpty ? server.url() : server.url(parameters)) { running in
                try await body(running, server)
            }
        }
    }

    private func count(_ name: String, in running: RunningDatabase) async throws -> Int64? {
        try await running.lane.submit(
            CountUnits(name: name), tenant: nil, deadline: running.time.instant() + .seconds(10))
    }

    /// Whoever mends a row by hand may not think of its version.
    @Test func aRowThatWasChangedByHandIsReadAgain() async throws {
        try await with { running, server in
            for expected: Int64 in 1...3 { #expect(try await running.put("a") == expected) }
            try await server.psql("UPDATE shelves SET units = 40 WHERE name = 'a'")
            #expect(try await running.put("a") == 41)
            try await server.psql("UPDATE shelves SET units = 7 WHERE name = 'a'")
            #expect(try await count("a", in: running) == 7, "what is only read is confirmed, too")
        }
    }

    /// The same key, the same version, another row.
    @Test func aRowThatWasMadeAnewUnderItsKeyIsReadAgain() async throws {
        try await with { running, server in
            #expect(try await running.put("a") == 1)
            try await server.psql(
                "DELETE FROM shelves; INSERT INTO shelves (organization, name, units, version) VALUES (1, 'a', 50, 1)")
            #expect(try await running.put("a") == 51)
        }
    }

    @Test func aRowThatWasRemovedIsNotThere() async throws {
        try await with { running, server in
            #expect(try await running.put("a") == 1)
            try await server.psql("DELETE FROM shelves")
            #expect(try await count("a", in: running) == nil)
            #expect(try await running.put("a") == 1)
            try await server.psql("DELETE FROM shelves")
            #expect(try await running.put("a") == 1)
        }
    }

    /// Takes as many units from one shelf as are on another, and empties that.
    private struct Spend: LaneCommand {
        let (name, by): (String, String)
        func needs(_ loaded: WorkingSet) -> [Need] { [.row(Shelf.key(name)), .row(Shelf.key(by))] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64?> {
            guard var shelf = work[Shelf.key(name)], var price = work[Shelf.key(by)] else { return .discard(nil) }
            (shelf.units, price.units) = (shelf.units - price.units, 0)
            work.put(shelf)
            work.put(price)
            return .commit(shelf.units)
        }
    }

    /// The constraint of one row failed over what was remembered of another, whose own update would have said so: the
    /// command was refused, again and again.
    @Test func aConstraintThatFailsOverARememberedRowIsNoRefusal() async throws {
        try await with { running, server in
            for _ in 0..<3 { _ = try await running.put("a") }
            for _ in 0..<5 { _ = try await running.put("b") }
            try await server.psql("UPDATE shelves SET units = 1 WHERE name = 'b'")
            let left = try await running.lane.submit(
                Spend(name: "a", by: "b"), tenant: nil, deadline: running.time.instant() + .seconds(10))
            #expect(left == 2)
            // One that fails in earnest still does.
            for _ in 0..<5 { _ = try await running.put("b") }
            await #expect(throws: LaneFailure.self) {
                try await running.lane.submit(
                    Spend(name: "a", by: "b"), tenant: nil, deadline: running.time.instant() + .seconds(10))
            }
            #expect(try await running.units(of: "a") == 2)
        }
    }

    @Test func twoLanesSeeEachOthersWrites() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { one in
                try await RunningDatabase.with(server.url(), migrates: false) { two in
                    var expected: Int64 = 0
                    for round in 0..<60 {
                        // Now one of them alone, so that it may remember; now in turns, so that it must not.
                        let lane = round < 20 ? one : round < 40 ? [one, two][round % 2] : two
                        expected += 1
                        #expect(try await lane.put("a") == expected)
                    }
                    try await withThrowingDiscardingTaskGroup { group in
                        for lane in [one, two] {
                            group.addTask { for _ in 0..<100 { _ = try await lane.put("a") } }
                        }
                    }
                    #expect(try await one.units(of: "a") == expected + 200)
                }
            }
        }
    }

    /// How often the lane has read shelves by their keys.
    private func reads(_ server: PostgresServer) async throws -> Int {
        let text = try await server.psql(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE 'SELECT k.place, t.organization%'")
        return try #require(Int(text))
    }

    private static let counting = PostgresOptions(settings: ["shared_preload_libraries": "pg_stat_statements"])

    @Test func whatIsRememberedIsNotRead() async throws {
        try await with(Self.counting) { running, server in
            try await server.psql("CREATE EXTENSION pg_stat_statements")
            #expect(try await running.put("a") == 1)
            let before = try await reads(server)
            for expected: Int64 in 2...20 { #expect(try await running.put("a") == expected) }
            #expect(try await count("a", in: running) == 20)
            #expect(try await reads(server) == before)
            // A row that is not as it was is read, and so are the next ones for a while.
            try await server.psql("UPDATE shelves SET units = 0")
            for expected: Int64 in 1...4 { #expect(try await running.put("a") == expected) }
            #expect(try await reads(server) == before + 4)
            for expected: Int64 in 5...30 { #expect(try await running.put("a") == expected) }
            #expect(try await reads(server) < before + 20, "it is trusted again")
        }
    }

    /// Behind a pooler the next transaction may be another server's.
    @Test func throughAPoolerNothingIsRemembered() async throws {
        try await with(Self.counting, "pooler=transaction") { running, server in
            try await server.psql("CREATE EXTENSION pg_stat_statements")
            for expected: Int64 in 1...10 { #expect(try await running.put("a") == expected) }
            #expect(try await reads(server) == 10)
        }
    }
}
