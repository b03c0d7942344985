import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// Batches of many callers on one connection to a real server.
@Suite("Pipelining with PostgreSQL", .serialized, .timeLimit(.minutes(2)))
struct PipelineLiveTests {
    @Test func everyCallerGetsItsOwnAnswer() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let wrong = await withTaskGroup(of: Int.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        var wrong = 0
                        for round in 0..<150 {
                            let number = Int64(task * 1_000 + round)
                            let answer = try? await connection.value("SELECT $1::bigint + 1", [.integer(number)])
                            if answer != .integer(number + 1) { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(wrong == 0)
            #expect(connection.isClean)
            #expect(connection.preparedStatementCount == 1)
        }
    }

    @Test func readsBehindAnothersErrorAreAnswered() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let outcomes = await withTaskGroup(of: (Int, Bool).self) { group in
                for task in 0..<200 {
                    group.addTask {
                        let isBad = task % 7 == 0
                        let text = isBad ? "SELECT 1 / ($1::bigint - $1::bigint)" : "SELECT $1::bigint"
                        do throws(PostgresError) {
                            let rows = try await connection.rows(text, [.integer(Int64(task))])
                            return (task, !isBad && rows == [SQLRow([.integer(Int64(task))])])
                        } catch { return (task, isBad && error.sqlState?.code == "22012" && error.statement == 0) }
                    }
                }
                var outcomes: [(Int, Bool)] = []
                for await outcome in group { outcomes.append(outcome) }
                return outcomes
            }
            #expect(outcomes.count == 200)
            #expect(outcomes.filter { !$0.1 }.map(\.0) == [])
            #expect(connection.isClean)
        }
    }

    @Test func aBatchFailsAsAWholeAndTheConnectionGoesOn() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows("CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n >= 0))", [], .commits())
            var batch = PostgresBatch(effect: .commits())
            batch.append("INSERT INTO t VALUES (1, 1)")
            batch.append("INSERT INTO t VALUES (2, -1)")
            batch.append("INSERT INTO t VALUES (3, 1)")
            do throws(PostgresError) {
                _ = try await connection.submit(batch)
                Issue.record("the batch was accepted")
            } catch {
                #expect(error.statement == 1)
                #expect(error.constraint == "t_n_check")
                #expect(error.sqlState?.code == "23514")
                #expect(!error.description.contains("Failing row"), "no values of rows: \(error)")
            }
            #expect(connection.isClean)
            let count = try await connection.value("SELECT count(*) FROM t")
            #expect(count == .integer(0))
        }
    }

    @Test func aTransactionOverTwoBatchesAsTheWriteLaneSendsThem() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows("CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n >= 0))", [], .commits())
            try await connection.rows("INSERT INTO t SELECT x, x FROM generate_series(1, 10) x", [], .commits())
            var load = PostgresBatch(effect: .uncommitted)
            load.append("BEGIN")
            load.append("SELECT id, n FROM t WHERE id IN (1, 2) ORDER BY id FOR UPDATE")
            let loaded = try await connection.submit(load)
            #expect(loaded.results.count == 2 && loaded.results[1].rowCount == 2)
            #expect(connection.transactionStatus == .inTransaction)
            #expect(!connection.isClean)
            var write = PostgresBatch(effect: .uncommitted)
            let update = PostgresStatement("UPDATE t SET n = n + $2 WHERE id = $1")
            for id in 1...5 { write.append(update, PostgresParameters([.integer(Int64(id)), .integer(100)])) }
            write.appendCommit()
            write.append("SELECT pg_current_wal_insert_lsn()")
            #expect(write.effect == .commits(at: 5))
            let written = try await connection.submit(write)
            #expect(written.results.count == 7 && written.failureAfterCommit == nil)
            #expect(try written.results[6].reader().text().contains("/"))
            #expect(try written.results[6].reader().integer() > 0)
            #expect(connection.isClean)
            let sum = try await connection.value("SELECT sum(n) FROM t")
            #expect(sum == .integer(555))
        }
    }

    @Test func aFailureBehindTheCommitLeavesTheCommitStanding() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows("CREATE TABLE t (id int)", [], .commits())
            var batch = PostgresBatch()
            batch.append("BEGIN")
            batch.append("INSERT INTO t VALUES (1)")
            batch.appendCommit()
            batch.append("SELECT 1/0")
            let reply = try await connection.submit(batch)
            #expect(reply.results.count == 3)
            #expect(reply.failureAfterCommit?.sqlState?.code == "22012")
            let count = try await connection.value("SELECT count(*) FROM t")
            #expect(count == .integer(1))
        }
    }

    @Test func aBatchThatFailsInItsOwnTransactionIsRolledBackForTheOthers() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows("CREATE TABLE t (id int PRIMARY KEY)", [], .commits())
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for task in 0..<100 {
                    group.addTask {
                        if task % 5 == 0 {
                            var batch = PostgresBatch()
                            batch.append("BEGIN")
                            batch.append("INSERT INTO t VALUES (-1), (-1)")
                            batch.appendCommit()
                            do throws(PostgresError) {
                                _ = try await connection.submit(batch)
                                return false
                            } catch { return error.sqlState?.code == "23505" && error.statement == 1 }
                        }
                        if task % 5 == 1 {
                            let failure = await connection.failure(
                                "INSERT INTO t VALUES ($1)", [.integer(Int64(task))], .commits())
                            return failure == nil
                        }
                        let value = try? await connection.value("SELECT $1::bigint", [.integer(Int64(task))])
                        return value == .integer(Int64(task))
                    }
                }
                return await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            #expect(outcomes.filter { !$0 }.isEmpty)
            // The rollback of the last one may still be under way.
            try await Poll.untilTrue("the connection is clean") { connection.isClean }
            let count = try await connection.value("SELECT count(*) FROM t")
            #expect(count == .integer(20))
        }
    }

    @Test func aDeferredConstraintFailsAtTheEndOfTheBatch() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows(
                "CREATE TABLE d (id int, CONSTRAINT once UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)", [], .commits())
            let failure = await connection.failure("INSERT INTO d VALUES (1), (1)", [], .commits())
            #expect(failure?.sqlState?.code == "23505")
            #expect(failure?.constraint == "once")
            #expect(connection.isClean)
            let count = try await connection.value("SELECT count(*) FROM d")
            #expect(count == .integer(0))
        }
    }

    @Test func preparedStatementsGiveWayAndAreRenewed() async throws {
        try await LiveServer.with { live in
            var configuration = try live.configuration()
            configuration.preparedStatementLimit = 8
            let connection = try await live.connect(configuration)
            for round in 0..<3 {
                for number in 0..<20 {
                    let value = try await connection.value("SELECT \(number) + $1::bigint", [.integer(Int64(round))])
                    #expect(value == .integer(Int64(number + round)))
                }
            }
            #expect(connection.preparedStatementCount == 8)
            try await Poll.untilTrue("what gave way to be deallocated") {
                try await connection.rows("SELECT 1 FROM pg_prepared_statements").count <= 9
            }
            // Its columns change, and it is dropped behind the driver's back.
            try await connection.rows("CREATE TABLE c (a int)", [], .commits())
            try await connection.rows("SELECT * FROM c")
            try await connection.rows("ALTER TABLE c ADD COLUMN b int", [], .commits())
            let stale = await connection.failure("SELECT * FROM c")
            #expect(stale?.storage.isConflict == true, "it may be tried again")
            let again = try await connection.query(SQLStatement("SELECT * FROM c"), effect: .reads)
            #expect(again.columnCount == 2)
            try await connection.rows("DEALLOCATE ALL", [], .commits())
            let gone = await connection.failure("SELECT * FROM c")
            #expect(gone?.sqlState?.code == "26000")
            let back = try await connection.query(SQLStatement("SELECT * FROM c"), effect: .reads)
            #expect(back.columnCount == 2)
        }
    }

    @Test func aStatementSettlesOnItsTypes() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows("CREATE TABLE n (a int, b uuid, c text)", [], .commits())
            let insert = "INSERT INTO n VALUES ($1, $2, $3)"
            let id = UUIDv7(high: 1, low: 2)
            let rows: [[SQLValue]] = [
                [.null, .null, .null], [.integer(1), .null, .text("x")], [.null, .uuid(id), .null],
                [.integer(2), .uuid(id), .text("y")], [.null, .null, .null],
            ]
            for row in rows { try await connection.rows(insert, row, .commits()) }
            let stored = try await connection.rows("SELECT a, b, c FROM n ORDER BY ctid")
            #expect(stored == rows.map { SQLRow($0) })
        }
    }

    @Test func requestsAreRefusedThatMakeNoSense() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            for batch in [PostgresBatch(), PostgresBatch([SQLStatement("SELECT 1")], effect: .commits(at: 1))] {
                await #expect(throws: PostgresError.self) { try await connection.submit(batch) }
            }
            let copy = await connection.failure("COPY (SELECT 1) TO STDOUT")
            #expect(copy?.description.contains("copyOut") == true)
            #expect(!connection.isOpen)
        }
    }

    @Test func commandsThatAllowNoTransactionRunAlone() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows("CREATE TABLE t (id int)", [], .commits())
            try await connection.rows("VACUUM t", [], .commits())
            try await connection.rows("CREATE INDEX CONCURRENTLY i ON t (id)", [], .commits())
            try await connection.rows("CREATE DATABASE other", [], .commits())
            let valid = try await connection.value(
                "SELECT indisvalid::int FROM pg_index WHERE indexrelid = 'i'::regclass")
            #expect(valid == .integer(1))
        }
    }

    @Test func manyLargeRequestsAtOnce() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let right = await withTaskGroup(of: Bool.self) { group in
                for task in 0..<48 {
                    group.addTask {
                        let bytes = [UInt8](repeating: UInt8(task), count: 1 << 20)
                        let effect: PostgresBatch.Effect = task % 2 == 0 ? .reads : .commits()
                        let rows = try? await connection.rows("SELECT $1::bytea", [.bytes(bytes)], effect)
                        return rows == [SQLRow([.bytes(bytes)])]
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(right == 48)
            #expect(connection.isClean)
        }
    }
}
