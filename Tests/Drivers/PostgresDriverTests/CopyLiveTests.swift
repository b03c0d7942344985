import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// `COPY` and `NOTIFY`.
@Suite("Bulk and notifications of PostgreSQL", .serialized, .timeLimit(.minutes(2)))
struct CopyLiveTests {
    private struct Lines: AsyncSequence, AsyncIteratorProtocol {
        var next = 0
        let count: Int
        var failsAt = Int.max
        struct Broken: Error {}

        mutating func next() async throws -> [UInt8]? {
            if next == failsAt { throw Broken() }
            guard next < count else { return nil }
            defer { next += 1 }
            return Array("\(next)\tline \(next)\n".utf8)
        }
        func makeAsyncIterator() -> Self { self }
    }

    @Test func rowsAreCopiedInAndOut() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows("CREATE TABLE t (id int PRIMARY KEY, text text)", [], .commits())
            let copied = try await connection.copyIn("COPY t FROM STDIN", from: Lines(count: 200_000))
            #expect(copied == 200_000)
            #expect(connection.isClean)
            let count = try await connection.value("SELECT count(*) FROM t WHERE text = 'line ' || id")
            #expect(count == .integer(200_000))
            var rows = 0
            var bytes = 0
            let out = try await connection.copyOut("COPY (SELECT id, text FROM t ORDER BY id) TO STDOUT") { row in
                if row == Array("\(rows)\tline \(rows)\n".utf8) { rows += 1 }
                bytes += row.count
            }
            #expect(out == 200_000 && rows == 200_000 && bytes > 2_000_000)
            #expect(connection.isClean)
        }
    }

    @Test func whatGoesWrongInACopyLeavesTheConnectionUsable() async throws {
        try await LiveServer.with { live in
            // How long the server takes to hear of a cancellation is a busy machine's matter, not this test's.
            var configuration = try live.configuration()
            configuration.drainTimeout = .seconds(60)
            let connection = try await live.connect(configuration)
            try await connection.rows("CREATE TABLE t (id int PRIMARY KEY, text text)", [], .commits())
            await #expect(throws: Lines.Broken.self) {
                try await connection.copyIn("COPY t FROM STDIN", from: Lines(count: 1_000, failsAt: 500))
            }
            await #expect(throws: PostgresError.self) {
                try await connection.copyIn("COPY t (id) FROM STDIN", from: Lines(count: 10))
            }
            await #expect(throws: PostgresError.self) {
                try await connection.copyIn("COPY nowhere FROM STDIN", from: Lines(count: 10))
            }
            await #expect(throws: PostgresError.self) {
                try await connection.copyIn("SELECT 1", from: Lines(count: 10))
            }
            let count = try await connection.value("SELECT count(*) FROM t")
            #expect(count == .integer(0))
            await #expect(throws: Lines.Broken.self) {
                var seen = 0
                try await connection.copyOut("COPY (SELECT generate_series(1, 3000000)) TO STDOUT") { _ in
                    seen += 1
                    if seen == 10 { throw Lines.Broken() }
                }
            }
            #expect(connection.isClean)
            let value = try await connection.value("SELECT 1")
            #expect(value == .integer(1))
        }
    }

    @Test func aCopyTakesTheWholeConnection() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            var refused: PostgresError?
            try await connection.copyOut("COPY (SELECT 1) TO STDOUT") { _ in
                refused = await connection.failure("SELECT 1")
            }
            #expect(refused?.code == .busy)
            async let slow = connection.failure("SELECT pg_sleep(0.2)")
            try await Poll.untilTrue("the statement to be sent") { connection.pendingCount == 1 }
            await #expect(throws: PostgresError.self) {
                try await connection.copyOut("COPY (SELECT 1) TO STDOUT") { _ in }
            }
            let failure = await slow
            #expect(failure == nil)
        }
    }

    @Test func aCopyWhoseServerStopsIsGivenUp() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            await #expect(throws: PostgresError.self) {
                try await connection.copyOut("COPY (SELECT pg_sleep(30)) TO STDOUT", patience: .milliseconds(200)) {
                    _ in
                }
            }
            #expect(!connection.isOpen)
        }
    }

    @Test func notificationsArriveInOrder() async throws {
        try await LiveServer.with { live in
            let configuration = try live.configuration()
            let listener = try await PostgresListener.listen(
                to: ["orders", "Odd \"name\""], configuration, on: live.reactor)
            let sender = try await live.connect()
            var batch = PostgresBatch()
            batch.append("NOTIFY orders, 'first'")
            batch.append("SELECT pg_notify('Odd \"name\"', 'second')")
            batch.append("NOTIFY others, 'not heard'")
            batch.append("NOTIFY orders")
            _ = try await sender.submit(batch)
            var heard: [String] = []
            for try await notification in listener {
                heard.append("\(notification.channel)=\(notification.payload)")
                #expect(notification.processIdentifier == sender.processIdentifier)
                if heard.count == 3 { break }
            }
            #expect(heard == ["orders=first", "Odd \"name\"=second", "orders="])
            #expect(listener.droppedCount == 0)
        }
    }

    @Test func aFullBufferDropsAndCounts() async throws {
        try await LiveServer.with { live in
            let listener = try await PostgresListener.listen(
                to: ["c"], try live.configuration(), on: live.reactor, bufferLimit: 4)
            let sender = try await live.connect()
            try await sender.rows("SELECT pg_notify('c', x::text) FROM generate_series(1, 100) x", [], .commits())
            try await Poll.untilTrue("all to have come") { listener.droppedCount == 96 }
            var heard: [String] = []
            for try await notification in listener {
                heard.append(notification.payload)
                if heard.count == 4 { break }
            }
            #expect(heard == ["97", "98", "99", "100"])
        }
    }

    @Test func aListenerEndsWithItsServer() async throws {
        try await LiveServer.with { live in
            let listener = try await PostgresListener.listen(
                to: ["c"], try live.configuration(), on: live.reactor)
            try await live.server.kill9()
            await #expect(throws: PostgresError.self) { for try await _ in listener {} }
            await #expect(throws: PostgresError.self) {
                try await PostgresListener.listen(
                    to: ["c"], try live.configuration("pooler=transaction"), on: live.reactor)
            }
        }
    }

    @Test func throughATransactionPooler() async throws {
        try await LiveServer.with { live in
            var pooling = PgBouncer.Options()
            pooling.poolSize = 2
            let pooler = try await live.testbed.pgBouncer(before: live.server, pooling)
            let configuration = try live.configuration(url: pooler.url(), ["pooler=transaction"])
            let connections = [try await live.connect(configuration), try await live.connect(configuration)]
            let wrong = await withTaskGroup(of: Int.self) { group in
                for task in 0..<16 {
                    group.addTask {
                        var wrong = 0
                        for round in 0..<30 {
                            let number = Int64(task * 100 + round)
                            let value = try? await connections[task % 2].value("SELECT $1::bigint", [.integer(number)])
                            if value != .integer(number) { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(wrong == 0)
            #expect(connections.allSatisfy { $0.preparedStatementCount == 0 && $0.isClean })
            let failure = await connections[0].failure("SELECT 1/0")
            #expect(failure?.sqlState?.code == "22012")
        }
    }
}
