import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Synchronization
import Testing

/// Deadlines, cancellation, and servers and networks that go away.
@Suite("PostgreSQL going wrong", .serialized, .timeLimit(.minutes(3)))
struct FaultLiveTests {
    @Test func aDeadlineCancelsAndTheConnectionGoesOn() async throws {
        try await LiveServer.with { live in
            // Neither the sleep nor the draining is waited for: each is longer than a busy machine may take.
            let connection = try await live.connect("drain_timeout=20s")
            let began = live.time.instant()
            let read = await connection.failure("SELECT pg_sleep(30)", deadline: began + .milliseconds(200))
            #expect(read?.code == .deadline)
            #expect(live.time.instant() - began < .seconds(15))
            let value = try await connection.value("SELECT 7")
            #expect(value == .integer(7))
            let write = await connection.failure(
                "SELECT pg_sleep(30)", [], .commits(), deadline: live.time.instant() + .milliseconds(200))
            #expect(write?.code == .deadline)
            #expect(write?.storage.isUnavailable == true, "the server said that it was cancelled: \(write as Any)")
            try await Poll.untilTrue("the connection to be clean") { connection.isClean }
            #expect(connection.isOpen)
        }
    }

    @Test func aCancelledTaskCancelsItsQuery() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let outcome = await withTaskGroup(of: PostgresError?.self) { group in
                group.addTask { await connection.failure("SELECT pg_sleep(30)", [], .commits()) }
                // Runs once the other has been sent: the server says so.
                let observer = try? await live.connect()
                try? await Poll.untilTrue("the query to run") {
                    let text = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'"
                    return try await observer?.rows(text, [.integer(Int64(connection.processIdentifier))]).count == 1
                }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(outcome?.code == .cancelled)
            #expect(outcome?.storage.isUnavailable == true)
            let value = try await connection.value("SELECT 7")
            #expect(value == .integer(7))
        }
    }

    @Test func othersOnTheConnectionAreNotHarmedByADeadline() async throws {
        try await LiveServer.with { live in
            // How soon the server hears of a cancellation is a busy machine's matter, but it hears of it.
            let connection = try await live.connect("drain_timeout=15s")
            let time = live.time
            let wrong = await withTaskGroup(of: Bool.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        for round in 0..<40 {
                            if task == 0, round % 10 == 0 {
                                let failure = await connection.failure(
                                    "SELECT pg_sleep(20)", deadline: time.instant() + .milliseconds(60))
                                if failure?.code != .deadline { return false }
                            }
                            let number = Int64(task * 100 + round)
                            let value = try? await connection.value("SELECT $1::bigint", [.integer(number)])
                            if value != .integer(number) { return false }
                        }
                        return true
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 0 : 1) }
            }
            #expect(wrong == 0)
            #expect(connection.isOpen)
        }
    }

    @Test func aKilledServerIsNoticedAtOnce() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let idle = try await live.connect()
            let outcomes = try await withThrowingTaskGroup(of: PostgresError?.self) { group in
                group.addTask { await connection.failure("SELECT pg_sleep(60)", [], .commits()) }
                // The tasks of a group begin in any order: what is sent before the sleep would be answered.
                try await Poll.untilTrue("the sleep to be sent") { connection.pendingCount == 1 }
                group.addTask { await connection.failure("SELECT 1", [], .commits()) }
                group.addTask { await connection.failure("SELECT 2", [], .uncommitted) }
                try await Poll.untilTrue("all to be sent") { connection.pendingCount == 3 }
                try await live.server.kill9()
                return try await group.reduce(into: [PostgresError?]()) { $0.append($1) }
            }
            #expect(outcomes.compactMap(\.self).filter { $0.storage.isUnknown }.count == 2)
            #expect(outcomes.compactMap(\.self).filter { $0.storage.isUnavailable }.count == 1)
            try await Poll.untilTrue("both connections to be closed") { !connection.isOpen && !idle.isOpen }
            let late = await connection.failure("SELECT 1")
            #expect(late?.code == .connectionLost)
            try await live.server.start()
            let fresh = try await live.connect()
            let value = try await fresh.value("SELECT 1")
            #expect(value == .integer(1))
        }
    }

    @Test func aServerThatShutsDownSaysWhy() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let idle = try await live.connect("idle_in_transaction_session_timeout=50ms")
            try await idle.rows("BEGIN", [], .uncommitted)
            try await Poll.untilTrue("the forgotten transaction to be ended") { !idle.isOpen }
            let forgotten = await idle.failure("SELECT 1")
            #expect(forgotten?.sqlState?.code == "25P03")
            let reason = Mutex<PostgresError?>(nil)
            connection.whenClosed { error in reason.withLock { $0 = error } }
            try await live.server.stop(.fast)
            try await Poll.untilTrue("the end to be noticed") { reason.withLock { $0 } != nil }
            #expect(reason.withLock { $0?.sqlState?.code } == "57P01")
            let late = await connection.failure("SELECT 1")
            #expect(late?.storage.isUnavailable == true && late?.code == .connectionLost)
            #expect(late?.description.contains("administrator") == true, "\(late as Any)")
        }
    }

    @Test func aStoppedServerCostsNoMoreThanDeadlineAndDraining() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect("drain_timeout=300ms")
            try await connection.rows("SELECT 1")
            live.server.suspend()
            defer { live.server.resume() }
            let began = live.time.instant()
            async let read = connection.failure("SELECT 1", deadline: began + .milliseconds(200))
            async let write = connection.failure("SELECT 2", [], .commits(), deadline: began + .milliseconds(200))
            let (first, second) = (await read, await write)
            #expect(first?.storage.isUnavailable == true)
            #expect(second?.storage.isUnknown == true)
            // Less than the ten seconds after which the kernel would give up.
            #expect(live.time.instant() - began < .seconds(9))
            try await Poll.untilTrue("the connection to be closed") { !connection.isOpen }
        }
    }

    @Test func aCommitWhoseAnswerIsLostIsUnknown() async throws {
        try await LiveServer.with { live in
            let setup = try await live.connect()
            try await setup.rows("CREATE TABLE t (id int PRIMARY KEY)", [], .commits())
            let proxy = try live.testbed.proxy(to: live.server.port)
            let url = proxy.url(to: live.server)
            let points: [(TCPProxy.CutPoint, isCommitted: Bool)] = [
                (.beforeRequest, false), (.insteadOfPostgresReply, true),
            ]
            for (number, (point, isCommitted)) in points.enumerated() {
                let connection = try await live.connect(try live.configuration(url: url, ["sslmode=disable"]))
                var load = PostgresBatch(effect: .uncommitted)
                load.append("BEGIN")
                load.append("INSERT INTO t VALUES (\(number))")
                _ = try await connection.submit(load)
                var write = PostgresBatch(effect: .uncommitted)
                write.appendCommit()
                proxy.cutOnce(at: Array("COMMIT".utf8), point)
                do throws(PostgresError) {
                    _ = try await connection.submit(write)
                    Issue.record("the commit was answered")
                } catch {
                    #expect(error.storage.isUnknown, "\(error)")
                }
                try await Poll.untilTrue("the server to have decided") {
                    let rows = try await setup.rows("SELECT 1 FROM t WHERE id = $1", [.integer(Int64(number))])
                    let open = try await setup.rows(
                        "SELECT 1 FROM pg_stat_activity WHERE pid = $1",
                        [.integer(Int64(connection.processIdentifier))])
                    return open.isEmpty && rows.isEmpty != isCommitted
                }
            }
        }
    }

    @Test func whatWasNotCommittedIsKnownWhenTheConnectionIsCut() async throws {
        try await LiveServer.with { live in
            let proxy = try live.testbed.proxy(to: live.server.port)
            let connection = try await live.connect(
                try live.configuration(url: proxy.url(to: live.server), ["sslmode=disable"]))
            try await connection.rows("BEGIN", [], .uncommitted)
            #expect(!connection.isClean)
            async let slow = connection.failure("SELECT pg_sleep(30)", [], .uncommitted)
            try await Poll.untilTrue("the statement to be sent") { connection.pendingCount == 1 }
            proxy.cut()
            let failure = await slow
            #expect(failure?.code == .connectionLost)
            #expect(failure?.storage.isUnavailable == true)
        }
    }

    @Test func aBackendThatIsTerminatedSaysSo() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let other = try await live.connect()
            async let slow = connection.failure("SELECT pg_sleep(30)", [], .commits(at: 0))
            try await Poll.untilTrue("it to run") {
                try await other.rows(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'",
                    [.integer(Int64(connection.processIdentifier))]
                ).count == 1
            }
            try await other.rows(
                "SELECT pg_terminate_backend($1::int)", [.integer(Int64(connection.processIdentifier))], .commits())
            let failure = await slow
            #expect(failure?.sqlState?.code == "57P01")
            #expect(failure?.storage.isUnknown == true, "it was marked as the commit")
            try await Poll.untilTrue("the connection to be closed") { !connection.isOpen }
            let late = await connection.failure("SELECT 1")
            #expect(late?.code == .connectionLost)
        }
    }

    @Test func conflictsAndTimeoutsOfTheServer() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect("lock_timeout=50ms&statement_timeout=300ms")
            let holder = try await live.connect()
            try await holder.rows("CREATE TABLE t (id int PRIMARY KEY)", [], .commits())
            try await holder.rows("INSERT INTO t VALUES (1)", [], .commits())
            var hold = PostgresBatch(effect: .uncommitted)
            hold.append("BEGIN")
            hold.append("SELECT * FROM t FOR UPDATE")
            _ = try await holder.submit(hold)
            let locked = await connection.failure("UPDATE t SET id = 2", [], .commits())
            #expect(locked?.sqlState?.code == "55P03")
            #expect(locked?.storage.isConflict == true)
            let late = await connection.failure("SELECT pg_sleep(5)", [], .commits())
            #expect(late?.sqlState == .queryCanceled)
            #expect(late?.code == .server)
            #expect(connection.isClean)
            try await holder.rows("ROLLBACK", [], .uncommitted)
            #expect(holder.isClean)
        }
    }

    @Test func aConnectionThatNobodyHoldsIsClosed() async throws {
        try await LiveServer.with { live in
            let observer = try await live.connect()
            var connection: PostgresConnection? = try await live.connect()
            let process = Int64(connection?.processIdentifier ?? 0)
            try await connection?.rows("SELECT 1")
            connection = nil
            try await Poll.untilTrue("the server to see it gone") {
                try await observer.rows("SELECT 1 FROM pg_stat_activity WHERE pid = $1", [.integer(process)]).isEmpty
            }
        }
    }

    @Test func theEndOfTheReactorEndsItsConnections() async throws {
        try await LiveServer.with { live in
            let reactor = try PostgresReactor(time: SystemTime())
            let connection = try await PostgresConnection.connect(try live.configuration(), on: reactor)
            async let slow = connection.failure("SELECT pg_sleep(30)")
            try await Poll.untilTrue("the statement to be sent") { connection.pendingCount == 1 }
            reactor.stop()
            let failure = await slow
            #expect(failure?.code == .connectionLost)
            await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(try live.configuration(), on: reactor)
            }
        }
    }
}
