import PostgresTestKit
import ProcessTestKit
import Testing

@Suite("PostgreSQL replicas for tests", .serialized)
struct PostgresReplicaTests {
    private let timeline = "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"

    @Test func aReplicaFollowsAndCanBePaused() async throws {
        try await PostgresTestbed.with { testbed in
            let primary = try await testbed.server()
            let replica = try await testbed.replica(of: primary, name: "r1", slot: "r1_slot")
            try await primary.psql("CREATE TABLE items (id int); INSERT INTO items VALUES (1)")
            try await replica.waitForReplay(of: primary)
            var rows = try await replica.psql("SELECT id FROM items")
            #expect(rows == "1")
            try await replica.pauseReplay()
            try await primary.psql("INSERT INTO items VALUES (2)")
            await #expect(throws: PollTimeout.self) {
                try await replica.waitForReplay(of: primary, within: .milliseconds(300))
            }
            rows = try await replica.psql("SELECT id FROM items")
            #expect(rows == "1")
            try await replica.resumeReplay()
            try await replica.waitForReplay(of: primary)
            let slots = try await primary.psql("SELECT slot_name, active FROM pg_replication_slots")
            #expect(slots == "r1_slot|t")
        }
    }

    @Test func aPromotedReplicaIsFollowedByTheOthers() async throws {
        try await PostgresTestbed.with { testbed in
            var options = PostgresOptions()
            options.authentication = .scram
            options.settings["wal_log_hints"] = "on"
            let primary = try await testbed.server(options)
            let replica = try await testbed.replica(of: primary, name: "r1")
            let other = try await testbed.replica(of: primary, name: "r2")
            try await primary.configure(["synchronous_standby_names": "ANY 1 (r1, r2)"])
            try await primary.waitForSynchronousReplicas(2)
            try await primary.psql("CREATE TABLE items (id int); INSERT INTO items VALUES (1)")
            try await primary.kill9()
            try await replica.promote()
            #expect(try await replica.isInRecovery() == false)
            let second = try await replica.psql(timeline)
            #expect(second == "00000002")
            try await other.follow(replica)
            try await replica.psql("INSERT INTO items VALUES (2)")
            try await other.waitForReplay(of: replica)
            try await primary.rewind(to: replica)
            try await primary.start()
            try await primary.waitForReplay(of: replica)
            for server in [primary, other] {
                let rows = try await server.psql("SELECT count(*) FROM items")
                #expect(rows == "2")
                #expect(try await server.isInRecovery())
            }
        }
    }
}
