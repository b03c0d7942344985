import ConnectionPooling
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// Organizations that want the same few connections.
@Suite("Fair reads on PostgreSQL", .timeLimit(.minutes(2)))
struct FairReadTests {
    /// One organization always has sixty reads under way over two connections. Says how many of them are served while
    /// `organization` reads three times.
    private func served(beside organization: Int64, _ running: RunningDatabase) async throws -> Int {
        let slow = SQLStatement("SELECT count(*) FROM pg_sleep(0.02)")
        let (busy, isDone) = (Tally(), Tally())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<60 {
                group.addTask {
                    while isDone.total == 0, !Task.isCancelled {
                        _ = try await running.database.read([slow], .strong, for: 1)
                        busy.add("served")
                    }
                }
            }
            try await Poll.untilTrue("most of them wait", within: .seconds(20)) {
                running.database.pools.contains { $0.pool.waiting > 50 }
            }
            let before = busy.total
            for _ in 0..<3 {
                let quick = SQLStatement("SELECT count(*) FROM shelves")
                _ = try await running.database.read([quick], .strong, for: organization)
            }
            let count = busy.total - before
            isDone.add("done")
            try await group.waitForAll()
            return count
        }
    }

    @Test func anOrganizationWithManyReadsDoesNotKeepOthersWaiting() async throws {
        let change: (inout PostgresDatabaseConfiguration) -> Void = { ($0.pool.limit, $0.pool.shedding) = (2, nil) }
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url(), change) { running in
                let (before, inOrder) = (
                    try await served(beside: 2, running), try await served(beside: 1, running)
                )
                #expect(before < 60, "another organization's read goes before those that wait")
                #expect(inOrder > 100, "its own reads wait for each other, in order")
            }
        }
    }
}
