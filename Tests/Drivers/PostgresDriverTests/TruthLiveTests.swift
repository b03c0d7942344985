import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Synchronization
import Testing

/// What callers are told, compared with what is in the tables, while connections are cut, sessions are ended, tasks are
/// cancelled and deadlines pass.
@Suite("The truth about PostgreSQL", .serialized, .timeLimit(.minutes(3)))
struct TruthLiveTests {
    private enum Told { case done, nothing, unknown }

    /// Goes on for some seconds, and on a busy machine until each way out was taken, or the test would show nothing.
    private final class Trial: Sendable {
        private let time: SystemTime
        private let (least, most): (Instant, Instant)
        private let counts = Mutex<[Told: Int]>([:])

        init(_ time: SystemTime) {
            let now = time.instant()
            (self.time, least, most) = (time, now + .seconds(4), now + .seconds(40))
        }
        func note(_ told: Told) { counts.withLock { $0[told, default: 0] += 1 } }
        /// How many were told that it was done.
        var done: Int { counts.withLock { $0[.done, default: 0] } }
        var isComplete: Bool {
            counts.withLock {
                $0[.done, default: 0] > 10 && $0[.nothing, default: 0] > 5 && $0[.unknown, default: 0] > 0
            }
        }
        var goesOn: Bool {
            let now = time.instant()
            return now < least || now < most && !isComplete
        }
    }

    /// One connection that many share; whoever finds it closed makes the next.
    private final class Shared: Sendable {
        private let current = Mutex<PostgresConnection?>(nil)
        let configuration: PostgresConfiguration
        let reactor: PostgresReactor

        init(_ configuration: PostgresConfiguration, _ reactor: PostgresReactor) {
            (self.configuration, self.reactor) = (configuration, reactor)
        }

        func connection() async throws -> PostgresConnection {
            if let open = current.withLock({ $0 }), open.isOpen { return open }
            return try await Poll.until("a connection") {
                let fresh = try? await PostgresConnection.connect(self.configuration, on: self.reactor)
                return fresh.map { fresh in
                    self.current.withLock { current in
                        if let open = current, open.isOpen { return open }
                        current = fresh
                        return fresh
                    }
                }
            }
        }
    }

    /// A server that is told to give up waiting for its synchronous standbys cannot take the commit back: it warns, and
    /// acknowledges. That counted as a commit that outlives the server.
    @Test(arguments: [false, true])
    func aCommitWhoseStandbysWereNotWaitedForIsUnknown(isExplicit: Bool) async throws {
        try await LiveServer.with { live in
            let observer = try await live.connect()
            try await observer.rows("CREATE TABLE t (id bigint PRIMARY KEY)", [], .commits())
            try await live.server.configure(["synchronous_standby_names": "nobody"])
            let connection = try await live.connect()
            var batch = PostgresBatch([SQLStatement("INSERT INTO t VALUES (1)")])
            if isExplicit {
                batch = PostgresBatch([SQLStatement("BEGIN"), SQLStatement("INSERT INTO t VALUES (1)")])
                batch.appendCommit()
                batch.append("SELECT 1")
            }
            do {
                // Until then it is to have come as far as its commit.
                _ = try await connection.submit(batch, deadline: live.time.instant() + .seconds(2))
                Issue.record("it was acknowledged")
            } catch let error as PostgresError {
                #expect(error.storage.isUnknown && error.code == .deadline, "\(error)")
            }
            #expect(try await observer.value("SELECT count(*) FROM t") == .integer(1))
            // The next one is its own.
            #expect(try await connection.value("SELECT 2::bigint") == .integer(2))
            try await live.server.configure(["synchronous_standby_names": nil])
            try await Poll.untilTrue("the connection to wait for nobody") {
                try await connection.value("SELECT current_setting('synchronous_standby_names')") == .text("")
            }
            try await connection.rows("INSERT INTO t VALUES (2)", [], .commits())
        }
    }

    /// PgBouncer's own error, which has no severity but the one in words, came before the server's answers.
    @Test func aCommitWhosePoolerLosesItsServerIsUnknown() async throws {
        try await LiveServer.with { live in
            let observer = try await live.connect()
            try await observer.rows("CREATE TABLE t (id bigint PRIMARY KEY)", [], .commits())
            let pooler = try await live.testbed.pgBouncer(before: live.server)
            let url = pooler.url(database: "postgres", "pooler=transaction")
            let connection = try await live.connect(try live.configuration(url: url, []))
            #expect(try await connection.value("SELECT 1::bigint") == .integer(1))
            try await live.server.configure(["synchronous_standby_names": "nobody"])
            // The server says that it has read its configuration before its processes have.
            try await Poll.untilTrue("the pooler's connection to wait for a standby") {
                try await connection.value("SELECT current_setting('synchronous_standby_names')") == .text("nobody")
            }
            var batch = PostgresBatch([SQLStatement("BEGIN"), SQLStatement("INSERT INTO t VALUES (1)")])
            batch.appendCommit()
            async let outcome: PostgresError? = {
                do throws(PostgresError) {
                    _ = try await connection.submit(batch)
                    return nil
                } catch { return error }
            }()
            try await Poll.untilTrue("the commit to wait for its standby") {
                let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                return try await observer.value(waiting) == .integer(1)
            }
            try await live.server.kill9()
            let error = await outcome
            #expect(error?.storage.isUnknown == true, "\(String(describing: error))")
        }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func everyAnswerIsTrue(seed: UInt64) async throws {
        try await LiveServer.with { live in
            let observer = try await live.connect()
            try await observer.rows("CREATE TABLE t (id bigint PRIMARY KEY, pair int)", [], .commits())
            let proxy = try live.testbed.proxy(to: live.server.port)
            var configuration = try live.configuration(url: proxy.url(to: live.server), ["sslmode=disable"])
            configuration.drainTimeout = .milliseconds(500)
            let shared = Shared(configuration, live.reactor)
            let time = live.time
            let trial = Trial(time)
            let told = try await withThrowingTaskGroup(of: [(Int64, Told)].self) { group in
                for task in 0..<24 {
                    group.addTask { try await Self.write(task, seed, shared, time, trial) }
                }
                group.addTask {
                    let random = SeededRandom(seed: seed)
                    var done = -1
                    while trial.goesOn {
                        try await time.sleep(for: .milliseconds(Int64(40 + random.next(below: 160))))
                        // On a busy machine no connection would ever be made that takes longer than this.
                        let now = trial.done
                        if now == done { continue }
                        done = now
                        if random.next(below: 2) == 0 {
                            proxy.cut()
                        } else {
                            let text =
                                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                + "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                            try await observer.rows(text, [], .commits())
                        }
                    }
                    return []
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            try await Poll.untilTrue("all sessions to have ended or to be idle") {
                try await observer.rows(
                    "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND state <> 'idle' "
                        + "AND pid <> pg_backend_pid()"
                ).isEmpty
            }
            var stored: [Int64: Int64] = [:]
            for row in try await observer.rows("SELECT id, count(*) OVER (PARTITION BY id / 2) FROM t") {
                stored[try row.integer(0)] = try row.integer(1)
            }
            #expect(stored.values.allSatisfy { $0 == 2 }, "half of a batch was committed")
            let lies = told.filter { id, told in
                told == .done && stored[id] == nil || told == .nothing && stored[id] != nil
            }
            #expect(lies.isEmpty, "\(lies.prefix(5))")
            #expect(trial.isComplete, "\(Dictionary(grouping: told, by: \.1).mapValues(\.count))")
        }
    }

    private static func write(
        _ task: Int, _ seed: UInt64, _ shared: Shared, _ time: SystemTime, _ trial: Trial
    ) async throws -> [(Int64, Told)] {
        let random = SeededRandom(seed: seed &* 1_000 &+ UInt64(task))
        var told: [(Int64, Told)] = []
        var number = Int64(task) * 1_000_000
        while trial.goesOn {
            number += 2
            let id = number
            let connection = try await shared.connection()
            let kind = random.next(below: 8)
            let batch = Self.batch(id, kind)
            let limit = time.instant() + (kind == 1 ? .milliseconds(15) : .seconds(5))
            let asking = Task { () -> Told in
                do throws(PostgresError) {
                    _ = try await connection.submit(batch, deadline: limit)
                    return .done
                } catch { return error.storage.isUnknown ? .unknown : .nothing }
            }
            if kind == 2 {
                try await time.sleep(for: .milliseconds(8))
                asking.cancel()
            }
            let answer = await asking.value
            trial.note(answer)
            told.append((id, answer))
        }
        return told
    }

    /// Two rows that belong together, in several ways.
    private static func batch(_ id: Int64, _ kind: UInt64) -> PostgresBatch {
        let insert = PostgresStatement("INSERT INTO t VALUES ($1, $2)")
        let rows = [0, 1].map { PostgresParameters([.integer(id + Int64($0)), .integer(Int64($0))]) }
        var batch = PostgresBatch()
        if kind % 2 == 1 { batch.append("BEGIN") }
        batch.append(insert, rows[0])
        if kind == 1 || kind == 2 { batch.append("SELECT pg_sleep(0.03)") }
        if kind == 3 { batch.append(insert, rows[0]) }  // a duplicate: the batch fails
        batch.append(insert, rows[1])
        if kind % 2 == 1 { batch.appendCommit() }
        return batch
    }
}
