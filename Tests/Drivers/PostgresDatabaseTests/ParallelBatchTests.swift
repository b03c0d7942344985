import ConnectionPooling
import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// Several batches of one lane under way at the same time.
@Suite("Write lane on PostgreSQL: batches beside each other", .timeLimit(.minutes(2)))
struct ParallelBatchTests {
    /// Puts a unit on each of these at the same moment.
    private func put(_ names: [String], _ running: RunningDatabase, _ answered: Tally) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for name in names {
                group.addTask {
                    _ = try await running.put(name)
                    answered.add(name)
                }
            }
        }
    }

    @Test("a batch that waits for a row holds up none of those over other rows")
    func waitsAlone() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url(), migrates: true, { $0.lane.lockTimeout = .seconds(60) }) {
                running in
                let names = (0..<40).map { "n\($0)" }
                let answered = Tally()
                // The second connection is made when many commands want it.
                let lanes = """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE query ~ '(UPDATE|INTO) shelves' AND pid <> pg_backend_pid()
                    """
                try await Poll.untilTrue("there are two connections", within: .seconds(20)) {
                    try await put(names, running, answered)
                    return try await server.psql(lanes) == "2"
                }
                let before = answered.total
                let holder = try await PostgresConnection.connect(
                    try PostgresConfiguration(url: server.url()), on: running.reactor)
                defer { holder.close() }
                let hold = [
                    SQLStatement("BEGIN"), SQLStatement("UPDATE shelves SET units = units WHERE name = 'n0'"),
                ]
                _ = try await holder.submit(PostgresBatch(hold, effect: .uncommitted))
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask { try await put(["n0"], running, answered) }
                    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    try await Poll.untilTrue("the first batch waits", within: .seconds(20)) {
                        (try? await server.psql(waiting)) == "1"
                    }
                    try await put(Array(names.dropFirst()), running, answered)
                    #expect(answered.total == before + 39, "the others did not wait")
                    _ = try await holder.submit(PostgresBatch([SQLStatement("ROLLBACK")], effect: .uncommitted))
                }
                #expect(answered.total == before + 40)
                let sum = try await running.database.read(
                    SQLStatement("SELECT sum(units)::bigint, count(*) FROM shelves", []), .strong)
                #expect(try sum.first?.integer(0) == Int64(before + 40) && sum.first?.integer(1) == 40)
            }
        }
    }

    @Test(
        "crowds over few and over many rows, on one connection and on several: no unit is lost", arguments: [1, 2, 4])
    func crowds(connections: Int) async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url(), migrates: true, { $0.lane.connections = connections }) {
                running in
                let answered = Tally()
                try await withThrowingDiscardingTaskGroup { group in
                    for caller in 0..<96 {
                        group.addTask {
                            let random = SeededRandom(seed: UInt64(caller))
                            for _ in 0..<20 {
                                let rows = random.next(below: 4) == 0 ? 2 : 150 as UInt64
                                let name = "r\(random.next(below: rows))"
                                _ = try await running.put(name)
                                answered.add(name)
                            }
                        }
                    }
                }
                for (name, count) in answered.all {
                    #expect(try await running.units(of: name) == Int64(count), "\(name)")
                }
                #expect(answered.total == 96 * 20)
            }
        }
    }

    /// Each batch held what the other came to want, and both stood still until the lock timeout.
    @Test("commands that find out later what they want do not wait for each other in a circle")
    func noCircle() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url()) { running in
                let answered = Tally()
                let names = (0..<200).map { "r\($0)" }
                try await put(names, running, answered)
                try await withThrowingDiscardingTaskGroup { group in
                    for caller in 0..<96 {
                        group.addTask {
                            let random = SeededRandom(seed: UInt64(caller))
                            for _ in 0..<25 {
                                let (a, b) = (Int(random.next(below: 100)) * 2, Int(random.next(below: 100)) * 2 + 1)
                                if caller % 3 > 0 {
                                    _ = try await running.put(names[a])
                                } else {
                                    let move = MoveUnit(
                                        names: caller % 2 == 0 ? [names[a], names[b]] : [names[b], names[a]])
                                    let deadline = running.time.instant() + .seconds(30)
                                    _ = try await running.lane.submit(move, tenant: nil, deadline: deadline)
                                }
                            }
                        }
                    }
                }
                let sum = try await running.database.read(
                    SQLStatement("SELECT sum(units)::bigint FROM shelves", []), .strong)
                #expect(try sum.first?.integer(0) == 200 + 64 * 25)
                #expect(!server.log.contains("due to lock timeout") && !server.log.contains("deadlock"))
            }
        }
    }

    /// Batches were given to the second connection while it was being made, and waited for that.
    @Test("nobody waits for the second connection to be made")
    func opening() async throws {
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url(), { $0.lane.connectTimeout = .seconds(100) }) { running in
                _ = try await running.put("a")
                let answered = Tally()
                server.suspendPostmaster()
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask {
                        for _ in 0..<5 { try await put((0..<64).map { "n\($0)" }, running, answered) }
                    }
                    defer { server.resume() }
                    try await Poll.untilTrue("all are answered", within: .seconds(20)) { answered.total == 320 }
                }
                let lanes = """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE query ~ '(UPDATE|INTO) shelves' AND pid <> pg_backend_pid()
                    """
                try await Poll.untilTrue("it was asked for, and is used once it is there", within: .seconds(20)) {
                    try await put((0..<64).map { "n\($0)" }, running, answered)
                    return try await server.psql(lanes) == "2"
                }
            }
        }
    }

    /// Why there was no second connection was never said.
    @Test("a server with room for one of the lane's connections only is written to over that one, and that is said")
    func noRoom() async throws {
        try await PostgresTestbed.withServer { server in
            _ = try await server.psql("CREATE ROLE shop LOGIN")
            _ = try await server.psql("GRANT ALL ON SCHEMA public TO shop")
            let said = Tally()
            func observing(_ configuration: inout PostgresDatabaseConfiguration) {
                configuration.failureObserver = { said.add("\($0)") }
                let hour = Duration.seconds(3_600)
                (configuration.lane.reconnecting.pause, configuration.lane.reconnecting.longestPause) = (hour, hour)
            }
            try await RunningDatabase.with(server.url(user: "shop"), observing) { running in
                // The lane has its first connection. Whoever asks for another from now on gets none.
                _ = try await running.put("a")
                _ = try await server.psql("ALTER ROLE shop CONNECTION LIMIT 1")
                let answered = Tally()
                var rounds = 0
                // Nobody waits until it has been asked for in vain.
                try await Poll.untilTrue("the second connection to be asked for", within: .seconds(20)) {
                    try await put((0..<64).map { "\(rounds)-\($0)" }, running, answered)
                    rounds += 1
                    return rounds >= 5 && said.total > 0
                }
                for _ in 0..<5 {
                    try await put((0..<64).map { "\(rounds)-\($0)" }, running, answered)
                    rounds += 1
                }
                #expect(answered.total == rounds * 64)
                #expect(said.total == 1, "once for each attempt: \(said.all)")
                #expect(said.all.keys.contains { $0.contains("too many connections for role") })
            }
        }
    }
}

/// Moves a unit from one shelf to another that it only finds out about from the first: its rows are not all named at
/// first, and not in the order of locks of those who go the other way.
private struct MoveUnit: LaneCommand {
    let names: [String]

    func needs(_ loaded: WorkingSet) -> [Need] {
        let first = Shelf.key(names[0])
        return loaded.isLoaded(first) ? [.row(Shelf.key(names[1]))] : [.row(first)]
    }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
        guard var from = work[Shelf.key(names[0])], var to = work[Shelf.key(names[1])], from.units > 0 else {
            return .discard(false)
        }
        from.units -= 1
        to.units += 1
        work.put(from)
        work.put(to)
        return .commit(true)
    }
}
