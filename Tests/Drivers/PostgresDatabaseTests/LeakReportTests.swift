import ConnectionPooling
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// What is said of a connection that is held for suspiciously long.
@Suite("Leaks on PostgreSQL", .timeLimit(.minutes(2)))
struct LeakReportTests {
    private struct Listener: PoolObserver {
        let said = Tally()
        func leakSuspected(_ report: LeakReport) { said.add("\(report)") }
    }

    /// It named the database and a line of the driver, which are the same for all reads.
    @Test("a report says what holds the connection, and for whom")
    func holder() async throws {
        try await PostgresTestbed.withServer { server in
            let listener = Listener()
            let change: (inout PostgresDatabaseConfiguration) -> Void = {
                ($0.pool.leakThreshold, $0.poolObserver) = (.milliseconds(200), listener)
            }
            try await RunningDatabase.with(server.url(), change) { running in
                let blocker = try await PostgresConnection.connect(
                    try PostgresConfiguration(url: server.url()), on: running.reactor)
                defer { blocker.close() }
                let block = [SQLStatement("BEGIN"), SQLStatement("LOCK TABLE shelves IN ACCESS EXCLUSIVE MODE")]
                _ = try await blocker.submit(PostgresBatch(block, effect: .uncommitted))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask(name: "the auditor") {
                        let read = SQLStatement("SELECT count(*)\nFROM shelves")
                        _ = try await running.database.read([read], .strong, for: 41)
                    }
                    defer { group.cancelAll() }
                    try await Poll.untilTrue("it is reported", within: .seconds(20)) { listener.said.total > 0 }
                    _ = try await blocker.submit(PostgresBatch([SQLStatement("ROLLBACK")], effect: .uncommitted))
                    try await group.waitForAll()
                }
                let text = listener.said.all.keys.sorted().joined()
                for part in ["SELECT count(*) FROM shelves", "the auditor", "tenant \(TenantKey(Int64(41)))"] {
                    #expect(text.contains(part), "\(text)")
                }
            }
        }
    }
}
