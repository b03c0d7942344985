import Determinism
import PostgresTestKit
import ProcessTestKit
import ReplicaRouting
import Testing

/// What the machine believes about PostgreSQL, asked of PostgreSQL.
@Suite("Real servers", .serialized)
struct RealServersTests {
    private let insert = "INSERT INTO items VALUES (DEFAULT) RETURNING id"

    private func router(
        _ servers: [PostgresServer], _ registry: (any TimelineRegistry)? = nil
    ) throws -> ReplicaRouter {
        var configuration = ReplicaRoutingConfiguration()
        // A probe is a process here.
        configuration.longestProbeTimeout = .seconds(2)
        configuration.shortestProbeTimeout = .seconds(1)
        configuration.catchUpWait = .milliseconds(500)
        return try ReplicaRouter(
            hosts: servers.map { ReplicaHost($0.name) }, probe: SQLProbe(servers: servers), registry: registry,
            configuration: configuration)
    }

    /// Writes a row and returns its id and its token's position: timeline and position are read behind the COMMIT.
    private func write(on server: PostgresServer) async throws -> (id: String, position: LogPosition) {
        let id = try await server.psql(insert)
        let fields = try await server.psql(
            "SELECT pg_walfile_name(l), l FROM pg_current_wal_insert_lsn() AS l"
        ).split(separator: "|")
        let timeline = try #require(Timeline(walFileName: fields[0]))
        return (id, LogPosition(timeline, try #require(LSN(fields[1])).withoutPageHeader()))
    }

    /// A read with a token sees its write, wherever it goes.
    private func expectTokensToHold(_ router: ReplicaRouter, _ servers: [PostgresServer]) async throws {
        for _ in 0..<5 {
            let (id, position) = try await write(on: servers[0])
            let route = try await router.route(.position(position))
            let row = try await servers[route.host.number].psql("SELECT id FROM items WHERE id = \(id)")
            #expect(row == id, "served by \(route.host)")
            router.end(route, .served(latency: .milliseconds(1)))
        }
    }

    private func running(_ router: ReplicaRouter, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await router.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    /// Right after a log switch the insert position lies behind the header of a page that nothing was written to.
    @Test func anIdlePrimarysInsertPositionIsReachedByItsReplica() async throws {
        try await PostgresTestbed.with { testbed in
            let primary = try await testbed.server()
            let replica = try await testbed.replica(of: primary, name: "r1")
            try await primary.psql("CREATE TABLE items (id int)")
            // Now and then a server writes a little by itself; then the next attempt tells.
            try await Poll.untilTrue("the primary to be idle behind a page's header", within: .seconds(60)) {
                let texts = try await primary.psql("SELECT pg_switch_wal(); SELECT pg_current_wal_insert_lsn()")
                let insert = try #require(LSN(texts.split(separator: "\n").last ?? ""))
                let position = insert.withoutPageHeader()
                try await Poll.untilTrue("the replica to have all of it") {
                    try #require(LSN(try await replica.psql("SELECT pg_last_wal_replay_lsn()"))) >= position
                }
                let replayed = try await replica.position()
                return insert != position && LSN(replayed) == position
            }
        }
    }

    @Test func aFailoverIsFoundAndWhatWasLostIsTold() async throws {
        try await PostgresTestbed.with { testbed in
            let primary = try await testbed.server()
            let link = try testbed.proxy(to: primary.port)
            let first = try await testbed.replica(of: primary, name: "r1", through: link)
            let second = try await testbed.replica(of: primary, name: "r2", through: link)
            let servers = [primary, first, second]
            try await primary.psql("CREATE TABLE items (id bigserial PRIMARY KEY)")
            let registry = InMemoryTimelineRegistry()
            let router = try router(servers, registry)
            try await running(router) {
                try await Poll.untilTrue("all hosts to be known", within: .seconds(30)) {
                    router.snapshot.hosts.map(\.standing) == [.primary, .serving, .serving]
                }
                try await expectTokensToHold(router, servers)
                // A replica whose replay is paused serves no such read.
                try await second.pauseReplay()
                let (_, common) = try await write(on: primary)
                try await first.waitForReplay(of: primary)
                try await Poll.untilTrue("the router to know") {
                    try router.routeAtOnce(.position(common)).host == HostIndex(1)
                }
                try await second.resumeReplay()
                try await second.waitForReplay(of: primary)
                // The replicas are cut off; what is written now will be lost.
                link.refuse()
                let (_, lost) = try await write(on: primary)
                try await primary.kill9()
                try await Poll.untilTrue("the primary to be lost") { (try? router.write()) == nil }
                #expect(try !router.routeAtOnce(.eventual).isPrimary)
                try await first.promote()
                let clock = SystemTime()
                let promoted = clock.instant()
                try await Poll.untilTrue("the new primary to be found", within: .seconds(5)) {
                    (try? router.write().host) == HostIndex(1)
                }
                #expect(clock.instant() - promoted < .seconds(5))
                try await second.follow(first)
                // The checkpoint after the promotion may not be there yet: the control file still says 1.
                #expect(try router.write().timeline == Timeline(2))
                try await Poll.untilTrue("the history to be known") { router.snapshot.history != nil }
                let end = try #require(router.snapshot.history?.end(of: .first))
                #expect(throws: ReplicaRoutingError.writeLost(lost, switchPoint: end)) {
                    try router.routeAtOnce(.position(lost))
                }
                #expect(throws: Never.self) { try router.routeAtOnce(.position(common)) }
                // The old primary comes back and is refused, the other replica serves on the new timeline.
                try await primary.start()
                try await Poll.untilTrue("the old primary to be refused") {
                    router.snapshot.hosts[0].standing == .refused(.oldTimeline)
                }
                let (id, position) = try await write(on: first)
                #expect(position.timeline == Timeline(2))
                try await second.waitForReplay(of: first)
                try await Poll.untilTrue("the replica to serve") {
                    try router.routeAtOnce(.position(position)).host == HostIndex(2)
                }
                let row = try await second.psql("SELECT id FROM items WHERE id = \(id)")
                #expect(row == id)
            }
            let record = try await registry.current()
            #expect(record?.timeline == Timeline(2) && record?.primary == "r1")
        }
    }

    /// SIGSTOP beyond every timeout, a promotion meanwhile, SIGCONT: what was the primary must not be believed again.
    @Test func aSuspendedPrimaryIsReplacedForGood() async throws {
        try await PostgresTestbed.with { testbed in
            let primary = try await testbed.server()
            let replica = try await testbed.replica(of: primary, name: "r1")
            let router = try router([primary, replica])
            try await running(router) {
                try await Poll.untilTrue("the primary to be known", within: .seconds(30)) {
                    (try? router.write().host) == HostIndex(0)
                }
                primary.suspend()
                try await Poll.untilTrue("the primary to be lost", within: .seconds(30)) {
                    (try? router.write()) == nil
                }
                try await replica.promote()
                try await Poll.untilTrue("the new primary to be found") {
                    (try? router.write().host) == HostIndex(1)
                }
                primary.resume()
                try await Poll.untilTrue("the old primary to be refused", within: .seconds(30)) {
                    router.snapshot.hosts[0].standing == .refused(.oldTimeline)
                }
                #expect(try router.write().host == HostIndex(1))
            }
        }
    }

    /// With a synchronous replica, what was acknowledged is there after the failover, and its token holds.
    @Test func underSynchronousReplicationNothingAcknowledgedIsLost() async throws {
        try await PostgresTestbed.with { testbed in
            let primary = try await testbed.server()
            let link = try testbed.proxy(to: primary.port)
            let replicas = [
                try await testbed.replica(of: primary, name: "r1"),
                try await testbed.replica(of: primary, name: "r2", through: link),
            ]
            try await primary.configure(["synchronous_standby_names": "ANY 1 (r1, r2)"])
            try await primary.waitForSynchronousReplicas(2)
            try await primary.psql("CREATE TABLE items (id bigserial PRIMARY KEY)")
            let router = try router([primary] + replicas)
            try await running(router) {
                try await Poll.untilTrue("the primary to be known", within: .seconds(30)) {
                    (try? router.write().host) == HostIndex(0)
                }
                // One of the two is cut off: the other one has everything that is acknowledged from here on.
                link.refuse()
                let id = try await primary.psql(insert)
                let position = LogPosition(
                    .first, try #require(LSN(try await primary.psql("SELECT pg_current_wal_flush_lsn()"))))
                // Others' records may lie between the commit's end and the position that was read behind it.
                try await Poll.untilTrue("the replica to have them too") {
                    let received = try await replicas[0].psql("SELECT pg_last_wal_receive_lsn()")
                    return try #require(LSN(received)) >= position.lsn
                }
                try await primary.kill9()
                try await replicas[0].promote()
                try await Poll.untilTrue("the token to hold") {
                    (try? router.routeAtOnce(.position(position)).host) == HostIndex(1)
                }
                let row = try await replicas[0].psql("SELECT id FROM items WHERE id = \(id)")
                #expect(row == id)
            }
        }
    }

    /// The rights that the documentation asks for are enough.
    @Test func aProbeNeedsNoSuperuser() async throws {
        try await PostgresTestbed.with { testbed in
            let primary = try await testbed.server()
            try await primary.psql(
                """
                CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
                GRANT EXECUTE ON FUNCTION pg_read_file(text) TO watcher
                """)
            let replica = try await testbed.replica(of: primary, name: "r1")
            try await Poll.untilTrue("the replica to stream") {
                try await replica.psql("SELECT received_tli FROM pg_stat_wal_receiver") == "1"
            }
            for server in [primary, replica] {
                let mine = try await server.psql(SQLProbe.question, user: "watcher").split(separator: "|")
                let all = try await server.psql(SQLProbe.question).split(separator: "|")
                #expect(mine.count == 7 && mine[..<4] == all[..<4])
            }
            try await replica.promote()
            let text = try await replica.psql("SELECT pg_read_file('pg_wal/00000002.history')", user: "watcher")
            let history = try #require(TimelineHistory(of: Timeline(2), parsing: text))
            #expect(history.ancestors.map(\.timeline) == [.first])
            #expect(LSN(try await replica.position()) ?? .zero >= history.ancestors[0].end)
        }
    }

    @Test func aCarelessPrimaryIsRefused() async throws {
        try await PostgresTestbed.withServer(PostgresOptions(settings: ["fsync": "off"])) { server in
            let router = try router([server])
            try await running(router) {
                try await Poll.untilTrue("the server to be refused", within: .seconds(30)) {
                    router.snapshot.hosts[0].standing == .refused(.notDurable)
                }
                #expect(throws: ReplicaRoutingError.noPrimary) { try router.write() }
                try await server.configure(["fsync": "on"])
                try await Poll.untilTrue("the server to be believed", within: .seconds(30)) {
                    (try? router.write()) != nil
                }
            }
        }
    }
}
