import ConnectionPooling
import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import ReplicaRouting
import Storage
import Testing

/// Reads over real replicas, and what becomes of them when a server goes away.
@Suite("Replicas", .serialized, .timeLimit(.minutes(3)))
struct ReplicaTests {
    @Test func readsGoToReplicasAndSeeTheirOwnWrites() async throws {
        try await Fleet.with { fleet in
            var served: [String: Int] = [:]
            for _ in 0..<200 {
                let (units, position) = try await fleet.put("a")
                let (found, by) = try await fleet.read("a", .atLeast(try #require(position)))
                #expect(found == units, "served by \(by)")
                served[String(by.prefix { $0 != ";" }), default: 0] += 1
            }
            #expect(served.keys.allSatisfy { $0.hasPrefix("shard-0/") })
            #expect(served.contains { $0.key.hasPrefix("shard-0/replica-") }, "\(served)")
            try await Poll.untilTrue("an eventual read to be served by a replica, with its age") {
                let by = try await fleet.read("a", .eventual).servedBy
                return by.wholeMatch(of: /shard-0\/replica-[12]; lag=[0-9]+ms/) != nil
            }
            #expect(try await fleet.read("a", .strong).servedBy == "shard-0/primary")
        }
    }

    /// What another server has written is in what this one's lane has only read.
    @Test func aCommandThatWritesNothingHasAPositionToo() async throws {
        try await Fleet.with { fleet in
            for replica in fleet.replicas { try await replica.pauseReplay() }
            try await fleet.primary.psql("INSERT INTO shelves VALUES (1, 'a', 7, 1)")
            let trail = CommitTrail()
            let seen = try await fleet.running.lane.submit(
                CountUnits(name: "a"), tenant: nil, deadline: fleet.running.time.instant() + .seconds(30), trail: trail)
            #expect(seen == 7)
            let (units, by) = try await fleet.read("a", .atLeast(try #require(trail.position)))
            #expect(units == 7 && by == "shard-0/primary", "no replica has it: \(by)")
        }
    }

    /// A batch that had read without locks that there is nothing was not asked how far the log was.
    @Test func aCommandThatFindsNothingHasAPositionToo() async throws {
        try await Fleet.with { fleet in
            let trail = CommitTrail()
            let seen = try await fleet.running.lane.submit(
                CountUnits(name: "nowhere"), tenant: nil, deadline: fleet.running.time.instant() + .seconds(30),
                trail: trail)
            #expect(seen == nil && trail.position != nil)
        }
    }

    /// What a read has seen may be anybody's commit: how far the log was is asked behind it.
    @Test func aReadMaySayHowFarTheLogWas() async throws {
        try await Fleet.with { fleet in
            let statement = SQLStatement("SELECT units FROM shelves WHERE name = 'a'")
            let database = fleet.running.database
            for round in 1...20 as ClosedRange<Int64> {
                let committed = try #require(try await fleet.put("a").position)
                for statements in [[statement], [statement, statement]] {
                    let result = try await database.read(statements, .strongWithPosition)
                    #expect(result.rows.map { $0.map(\.values) } == statements.map { _ in [[.integer(round)]] })
                    #expect(result.servedBy == "shard-0/primary")
                    let seen = try #require(result.position)
                    #expect(seen >= committed)
                    #expect(try await fleet.read("a", .atLeast(seen)).units == round)
                }
            }
            #expect(try await database.read([statement], .strong).position == nil, "nobody has asked")
        }
    }

    @Test func pausedAndKilledReplicasServeNobodyWhoWouldNotice() async throws {
        try await Fleet.with { fleet in
            for replica in fleet.replicas { try await replica.pauseReplay() }
            for _ in 0..<20 {
                let (units, position) = try await fleet.put("a")
                let (found, by) = try await fleet.read("a", .atLeast(try #require(position)))
                #expect(found == units && by == "shard-0/primary")
            }
            try await fleet.servers[1].resumeReplay()
            try await fleet.servers[2].kill9()
            for _ in 0..<200 {
                let (units, position) = try await fleet.put("a")
                #expect(try await fleet.read("a", .atLeast(try #require(position))).units == units)
                _ = try await fleet.read("a", .eventual)
            }
            try await fleet.expect([.primary, .serving, .down])
            try await fleet.servers[2].start()
            try await fleet.expect([.primary, .serving, .serving])
        }
    }

    /// It keeps its connections and says nothing: nobody waits for it longer than it takes to find that out.
    @Test func aSuspendedReplicaHoldsUpNobodyForLong() async throws {
        try await Fleet.with { fleet in
            _ = try await fleet.put("a")
            for replica in fleet.replicas { try await replica.waitForReplay(of: fleet.primary) }
            let clock = fleet.running.time
            fleet.servers[1].suspend()
            let began = clock.instant()
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<64 {
                    group.addTask {
                        let units = try await fleet.read("a", .eventual).units
                        #expect(units == 1)
                    }
                }
            }
            #expect(clock.instant() - began < .seconds(5))
            try await fleet.expect([.primary, .down, .serving])
            fleet.servers[1].resume()
            try await fleet.expect([.primary, .serving, .serving])
        }
    }

    @Test func aPromotedReplicaIsFoundAndWhatWasLostIsTold() async throws {
        try await Fleet.with { fleet in
            let (units, common) = try await fleet.put("a")
            let kept = try #require(common)
            for replica in fleet.replicas { try await replica.waitForReplay(of: fleet.primary) }
            // The replicas are cut off: what is written now is acknowledged, and lost.
            fleet.link.refuse()
            let lost = try #require(try await fleet.put("a").position)
            try await fleet.primary.kill9()
            try await Poll.untilTrue("an eventual read to go on without a primary", within: .seconds(10)) {
                (try? await fleet.read("a", .eventual).servedBy.contains("replica")) ?? false
            }
            try await Poll.untilTrue("writes to be refused for what it is", within: .seconds(10)) {
                do {
                    _ = try await fleet.put("a")
                    return false
                } catch LaneFailure.unavailable(let reason) { return reason.contains("there is no primary") }
            }
            try await fleet.servers[1].promote()
            try await fleet.servers[2].follow(fleet.servers[1])
            try await Poll.untilTrue("writes to be back", within: .seconds(5)) { (try? await fleet.put("b")) != nil }
            try await Poll.untilTrue("the lost write to be told", within: .seconds(5)) {
                do {
                    _ = try await fleet.read("a", .atLeast(lost))
                    return false
                } catch StorageError.lost { return true } catch { return false }
            }
            #expect(try await fleet.read("a", .atLeast(kept)).units == units)
            let (found, position) = try await fleet.put("a")
            #expect(found == units + 1 && position?.timeline == 2)
            try await fleet.primary.start()
            try await fleet.expect([.refused(.oldTimeline), .primary, .serving])
            #expect(try await fleet.read("a", .strong).units == found)
        }
    }

    @Test func aSuspendedPrimaryIsReplacedForGood() async throws {
        try await Fleet.with { fleet in
            let (units, _) = try await fleet.put("a")
            for replica in fleet.replicas { try await replica.waitForReplay(of: fleet.primary) }
            fleet.primary.suspend()
            async let caught = try? fleet.put("a")
            try await fleet.servers[1].promote()
            try await fleet.servers[2].follow(fleet.servers[1])
            // The one that was under way was cut off when the new primary was found.
            let answer = await caught
            #expect(answer == nil)
            try await Poll.untilTrue("writes to be back", within: .seconds(5)) { (try? await fleet.put("b")) != nil }
            fleet.primary.resume()
            try await fleet.expect([.refused(.oldTimeline), .primary, .serving])
            #expect(try await fleet.put("a").units == units + 1)
        }
    }

    @Test func aServerThatLosesWhatItAcknowledgedIsRefused() async throws {
        for setting in ["fsync", "synchronous_commit"] {
            try await PostgresTestbed.withServer(PostgresOptions(settings: [setting: "off"])) { server in
                let patience: (inout PostgresDatabaseConfiguration) -> Void = {
                    $0.pool.acquireTimeout = .milliseconds(500)
                }
                do {
                    try await RunningDatabase.with(server.url(), patience) { _ in }
                    Issue.record("a server with \(setting) off was written to")
                } catch let error as StorageError {
                    #expect("\(error)".contains("fsync or synchronous_commit is off"))
                }
                try await RunningDatabase.with(
                    server.url(database: "postgres", user: "postgres", "durability=relaxed"), patience
                ) { running in
                    let trail = CommitTrail()
                    let units = try await running.lane.submit(
                        PutUnit(name: "a"), tenant: nil, deadline: running.time.instant() + .seconds(30), trail: trail)
                    #expect(units == 1 && trail.position != nil)
                }
            }
        }
    }

    /// A pooler hides that its server has changed; the read itself says how far that is.
    @Test func aReplicaBehindAPoolerIsAskedInTheSameTrip() async throws {
        try await PostgresTestbed.with { testbed in
            let primary = try await testbed.server()
            let replica = try await testbed.replica(of: primary, name: "r1")
            let pooler = try await testbed.pgBouncer(before: replica)
            let url = pooler.url(database: "postgres", "pooler=transaction")
            let adjust: (inout PostgresDatabaseConfiguration) -> Void = {
                $0.replicas = (try? [PostgresConfiguration(url: url)]) ?? []
            }
            try await RunningDatabase.with(primary.url(), adjust) { running in
                let fleet = Fleet(
                    testbed: testbed, servers: [primary, replica], link: try testbed.proxy(to: primary.port),
                    running: running)
                try await fleet.expect([.primary, .serving])
                var replicas = 0
                for _ in 0..<50 {
                    let (units, position) = try await fleet.put("a")
                    let (found, by) = try await fleet.read("a", .atLeast(try #require(position)))
                    #expect(found == units, "served by \(by)")
                    if by.contains("replica") { replicas += 1 }
                }
                #expect(replicas > 0)
                // A read of several statements is one snapshot. The question before it began the transaction, and
                // each such read failed.
                replicas = 0
                let read = SQLStatement("SELECT units FROM shelves WHERE name = $1", [.text("a")])
                for _ in 0..<50 {
                    let (units, position) = try await fleet.put("a")
                    let result = try await running.database.read([read, read], .atLeast(try #require(position)))
                    #expect(try result.rows.map { try $0[0].integer(0) } == [units, units])
                    if result.servedBy.contains("replica") { replicas += 1 }
                }
                #expect(replicas > 0)
            }
        }
    }
}
