import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// Rows that another server has locked, and says nothing more about.
@Suite("Write lane on PostgreSQL: held rows", .timeLimit(.minutes(2)))
struct HeldRowTests {
    /// Locks the shelf in a transaction that stays open while `body` runs.
    private func whileHeld<Value: Sendable>(
        _ name: String, _ running: RunningDatabase, _ url: String,
        _ body: @Sendable (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await PostgresConnection.connect(
            try PostgresConfiguration(url: url), on: running.reactor)
        defer { connection.close() }
        _ = try await connection.submit(
            PostgresBatch(
                [
                    SQLStatement("BEGIN"),
                    SQLStatement("UPDATE shelves SET units = units WHERE name = $1", [.text(name)]),
                ], effect: .uncommitted))
        return try await body(connection)
    }

    @Test func onlyThoseWhoNeedAHeldRowWait() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { running in
                for name in ["a", "b", "c"] { _ = try await running.put(name) }
                let answered = Tally()
                try await whileHeld("b", running, server.url()) { holder in
                    try await withThrowingDiscardingTaskGroup { group in
                        for index in 0..<30 {
                            let name = ["a", "b", "c"][index % 3]
                            group.addTask {
                                _ = try await running.put(name)
                                answered.add(name)
                            }
                        }
                        try await Poll.untilTrue("the others are answered", within: .seconds(20)) {
                            answered.total == 20
                        }
                        #expect(answered["b"] == 0)
                        // Later ones go on as well, while ten wait.
                        for _ in 0..<5 { _ = try await running.put("a") }
                        _ = try await holder.submit(
                            PostgresBatch([SQLStatement("ROLLBACK")], effect: .uncommitted))
                    }
                }
                #expect(answered.total == 30)
                #expect(try await running.units(of: "b") == 11)
                #expect(try await running.units(of: "a") == 16)
            }
        }
    }

    @Test func whoNeedsAHeldRowHearsAtItsDeadlineThatNothingWasWritten() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { running in
                _ = try await running.put("a")
                try await whileHeld("a", running, server.url()) { _ in
                    _ = await #expect(throws: LaneFailure.expired) {
                        try await running.put("a", within: .milliseconds(300))
                    }
                }
                #expect(try await running.put("a") == 2)
            }
        }
    }

    /// Each paused for exactly ten milliseconds, and both asked for the row at the same moment again and again.
    @Test func serversThatWaitForTheSameRowDoNotComeBackInStep() async throws {
        try await PostgresTestbed.withServer { server in
            let url = server.url()
            try await RunningDatabase.with(url) { running in
                _ = try await running.put("a")
                try await LoneLane.with(url, on: running.reactor, seed: 1) { one in
                    try await LoneLane.with(url, on: running.reactor, seed: 2) { two in
                        try await serversWait([one, two], running, url)
                    }
                }
                #expect(try await running.units(of: "a") == 3)
            }
        }
    }

    private func serversWait(_ lanes: [LoneLane], _ running: RunningDatabase, _ url: String) async throws {
        let answered = Tally()
        try await whileHeld("a", running, url) { holder in
            try await withThrowingDiscardingTaskGroup { group in
                for lane in lanes {
                    group.addTask {
                        _ = try await lane.put("a")
                        answered.add("a")
                    }
                }
                var seen: Set<[Duration]> = []
                for lane in lanes {
                    let pauses = try await lane.pauses(8)
                    #expect(pauses.allSatisfy { $0 >= .milliseconds(5) && $0 <= .milliseconds(10) }, "\(pauses)")
                    #expect(Set(pauses).count > 1)
                    seen.insert(pauses)
                }
                #expect(seen.count == lanes.count, "each has pauses of its own")
                #expect(answered.total == 0)
                _ = try await holder.submit(PostgresBatch([SQLStatement("ROLLBACK")], effect: .uncommitted))
                try await Poll.untilTrue("all are answered", within: .seconds(20)) {
                    for lane in lanes { lane.endPause() }
                    return answered.total == lanes.count
                }
            }
        }
    }

    /// A server that is stopped between its two trips says nothing, and its connection stays open.
    @Test func aStoppedServersLocksEnd() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { running in
                _ = try await running.put("a")
                let impatient = server.url("idle_in_transaction_session_timeout=500")
                try await whileHeld("a", running, impatient) { holder in
                    #expect(try await running.put("a") == 2)
                    try await Poll.untilTrue("the holder's session was ended", within: .seconds(10)) { !holder.isOpen }
                }
            }
        }
    }

    /// A key that two servers want to insert: one waits for the other, through the name's lock.
    @Test func aHeldNameIsNotTakenForAFreeOne() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { running in
                _ = try await running.put("a")
                // Inserted by somebody who does not commit: the unique index makes whoever needs it wait, nobody else.
                let connection = try await PostgresConnection.connect(
                    try PostgresConfiguration(url: server.url()), on: running.reactor)
                defer { connection.close() }
                _ = try await connection.submit(
                    PostgresBatch(
                        [SQLStatement("BEGIN"), SQLStatement("INSERT INTO shelves VALUES (1, 'new', 5, 1)")],
                        effect: .uncommitted))
                await #expect(throws: LaneFailure.expired) {
                    try await running.put("new", within: .milliseconds(500))
                }
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask {
                        await #expect(throws: LaneFailure.expired) {
                            try await running.put("new", within: .seconds(1))
                        }
                    }
                    let units = try await running.put("a")
                    #expect(units == 2)
                }
                _ = try await connection.submit(PostgresBatch([SQLStatement("COMMIT")], effect: .commits()))
                #expect(try await running.put("new") == 6)
            }
        }
    }
}
