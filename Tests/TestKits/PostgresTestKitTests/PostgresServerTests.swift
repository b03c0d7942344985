import Foundation
import PostgresTestKit
import ProcessTestKit
import Testing

@Suite("PostgreSQL servers for tests", .serialized)
struct PostgresServerTests {
    @Test func aServerHasItsSettings() async throws {
        try await PostgresTestbed.withServer(
            PostgresOptions(settings: ["fsync": "off", "max_connections": "17", "cluster_name": "it's"])
        ) { server in
            let rows = try await server.psql("SHOW max_connections; SHOW fsync; SHOW cluster_name")
            #expect(rows == "17\noff\nit's")
            try await server.configure(["work_mem": "5MB"])
            let changed = try await server.psql("SHOW work_mem")
            #expect(changed == "5MB")
        }
    }

    @Test func aWrongSettingIsToldWithTheLog() async throws {
        let failure = await #expect(throws: PostgresFailure.self) {
            try await PostgresTestbed.withServer(PostgresOptions(settings: ["shared_buffers": "a lot"])) { _ in }
        }
        #expect(failure?.log.contains("shared_buffers") == true)
    }

    @Test func aPasswordIsAskedForWithScram() async throws {
        var options = PostgresOptions()
        options.authentication = .scram
        try await PostgresTestbed.withServer(options) { server in
            let one = try await server.psql("SELECT 1")
            #expect(one == "1")
            let wrong = server.url().replacingOccurrences(of: server.password, with: "wrong")
            let failure = await #expect(throws: PostgresFailure.self) {
                try await server.psql("SELECT 1", through: wrong)
            }
            #expect(failure?.log.contains("password authentication failed") == true)
        }
    }

    @Test func whoMayComeInCanBeChanged() async throws {
        try await PostgresTestbed.withServer { server in
            try await server.configure(accessRules: ["host all all 127.0.0.1/32 reject"])
            let failure = await #expect(throws: PostgresFailure.self) { try await server.psql("SELECT 1") }
            #expect(failure?.log.contains("rejects connection") == true)
            try await server.configure(accessRules: nil)
            let one = try await server.psql("SELECT 1")
            #expect(one == "1")
        }
    }

    @Test func tlsIsOfferedWithACertificateThatHolds() async throws {
        var options = PostgresOptions()
        options.offersTLS = true
        options.hasUnixSocket = true
        try await PostgresTestbed.withServer(options) { server in
            let url = server.url("sslmode=verify-full", "sslrootcert=\(server.certificateFile.path)")
            let question = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            let encrypted = try await server.psql(question, through: url)
            #expect(encrypted == "t")
            let socket = "postgresql://postgres@/postgres?host=\(server.socketFolder.path)&port=\(server.port)"
            let local = try await server.psql(question, through: socket)
            #expect(local == "f")
        }
    }

    @Test func whatWasCommittedOutlivesKillAndRestart() async throws {
        try await PostgresTestbed.withServer { server in
            try await server.psql("CREATE TABLE items (id int); INSERT INTO items VALUES (1)")
            let (port, first) = (server.port, server.pid)
            try await server.kill9()
            #expect(server.pid == nil)
            await #expect(throws: PostgresFailure.self) { try await server.psql("SELECT 1") }
            try await server.start()
            #expect(server.port == port && server.pid != first)
            try await server.restart(.immediate)
            try await server.restart()
            let rows = try await server.psql("SELECT id FROM items")
            #expect(rows == "1")
            #expect(server.log.contains("database system was not properly shut down"))
        }
    }

    @Test func aSuspendedServerIsSilentAndThenGoesOn() async throws {
        try await PostgresTestbed.withServer { server in
            server.suspend()
            await #expect(throws: PollTimeout.self) {
                try await server.psql("SELECT 1", within: .milliseconds(300))
            }
            #expect(server.isRunning)
            server.resume()
            let one = try await server.psql("SELECT 1")
            #expect(one == "1")
            // Neither a stop nor the testbed's end waits for a suspended server.
            server.suspend()
            try await server.stop()
            #expect(!server.isRunning)
            try await server.start()
            server.suspend()
        }
    }

    @Test func whatAForgottenTestProcessLeavesIsCleanedUp() async throws {
        let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appendingPathComponent("orphans-\(ProcessInfo.processInfo.processIdentifier)")
        let inside = folder.appendingPathComponent("data")
        try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
        let reaper = try OrphanReaper(folder: folder, keepsFiles: false)
        let child = try ChildProcess(
            "/usr/bin/env", ["-C", inside.path, "sleep", "600"], environment: ["PATH": "/usr/bin:/bin"],
            output: "/dev/null", errors: "/dev/null")
        try await Poll.untilTrue("the child to be in its folder") {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/cwd")) == inside.path
        }
        child.send(SIGSTOP)
        reaper.letGo()
        #expect(try await child.ended() == .signal(SIGKILL))
        try await reaper.ended()
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }
}
