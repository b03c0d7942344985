import Foundation
import ProcessTestKit

extension PostgresServer {
    /// Runs statements through `psql` and returns what they print: a row on each line, columns parted by `|`. For
    /// setting up and for looking; each call is a process and a connection.
    /// - Parameter url: where to connect to instead, such as a pooler or a proxy before this server.
    /// - Throws: ``PostgresFailure`` with psql's messages.
    @discardableResult
    public func psql(
        _ statements: String, database: String = "postgres", user: String = "postgres", through url: String? = nil,
        within limit: Duration = .seconds(30)
    ) async throws -> String {
        let output = try await programs.run(
            programs.path("psql"),
            [
                "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--dbname",
                url ?? self.url(database: database, user: user), "--command", statements,
            ], in: folder, environment: ["PGCONNECT_TIMEOUT": "10"], within: limit)
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }

    /// Whether it replays another server's log.
    public func isInRecovery() async throws -> Bool { try await psql("SELECT pg_is_in_recovery()") == "t" }

    /// The log position up to which a primary has written, or a replica has replayed, as in `0/3000148`.
    public func position() async throws -> String {
        try await psql(
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END")
    }

    // MARK: Replicas

    /// Waits until it has replayed all that `primary` has on its disk now.
    public func waitForReplay(of primary: PostgresServer, within limit: Duration = .seconds(30)) async throws {
        // Not the insert position: at a page's beginning that lies behind a header, and an idle primary stays there.
        let position = try await primary.psql("SELECT pg_current_wal_flush_lsn()")
        try await Poll.untilTrue("\(name) to replay up to \(position)", within: limit) {
            try await psql("SELECT pg_last_wal_replay_lsn() >= '\(position)'") == "t"
        }
    }

    /// Waits until this many of its replicas are synchronous and streaming: a change of `synchronous_standby_names`
    /// takes effect a moment after the settings were read.
    public func waitForSynchronousReplicas(_ count: Int = 1, within limit: Duration = .seconds(30)) async throws {
        let question = """
            SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') AND state = 'streaming'
            """
        try await Poll.untilTrue("\(count) synchronous replicas of \(name)", within: limit) {
            try await psql(question) == "\(count)"
        }
    }

    /// Stops the replay; the log goes on arriving. Returns when it has stopped.
    public func pauseReplay() async throws {
        try await psql("SELECT pg_wal_replay_pause()")
        try await Poll.untilTrue("\(name)'s replay to pause") {
            try await psql("SELECT pg_get_wal_replay_pause_state()") == "paused"
        }
    }

    /// Lets the replay go on.
    public func resumeReplay() async throws { try await psql("SELECT pg_wal_replay_resume()") }

    /// Makes a replica a primary on a new timeline, and returns when it takes writes.
    public func promote() async throws {
        guard try await psql("SELECT pg_promote(true, 60)") == "t" else {
            throw PostgresFailure(what: "\(name) was not promoted within 60 s", log: log)
        }
    }
}
