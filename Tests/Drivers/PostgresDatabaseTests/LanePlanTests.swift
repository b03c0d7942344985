import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Testing

/// What the server makes of the lane's statements while tables grow under it.
@Suite("Write lane on PostgreSQL: plans", .timeLimit(.minutes(2)))
struct LanePlanTests {
    /// As sagas are stored: wide rows by organization and id, with another index that begins with the organization.
    private struct Task: Record {
        private static let texts = (1...12).map { "text_\($0)" }
        static let table = Table(
            "tasks", rank: 4, key: [.organization, .id("id")], fixed: ["subject"] + texts, mutable: ["state"])
        static let migrations = [
            Migration(
                2, "tasks",
                [
                    """
                    CREATE TABLE tasks (
                      organization {int} NOT NULL, id {id} NOT NULL, subject {id} NOT NULL,
                      \(texts.map { "\($0) TEXT, " }.joined()) state {int} NOT NULL,
                      version {int} NOT NULL, PRIMARY KEY (organization, id)
                    ) {table}
                    """, "CREATE INDEX tasks_subject ON tasks (organization, subject)",
                ])
        ]
        let id: UUIDv7
        var state: Int64 = 0

        init(_ id: UUIDv7) { self.id = id }
        static func key(_ id: UUIDv7) -> Key<Task> { Key(organization: 1, id: id) }
        var key: Key<Task> { Self.key(id) }
        init(from row: any ColumnReader) throws {
            _ = try row.integer()
            id = try row.uuid()
            _ = try row.uuid()
            for _ in Self.texts { _ = try row.optionalText() }
            state = try row.integer()
        }
        func write(to row: any ColumnWriter) {
            row.integer(1)
            row.uuid(id)
            row.uuid(id)
            for name in Self.texts { row.text("as much as stands in a row like this: \(name)") }
            row.integer(state)
        }
    }

    private struct Begin: LaneCommand {
        let id: UUIDv7
        func needs(_ loaded: WorkingSet) -> [Need] { [] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
            work.insert(Task(id))
            return .commit(true)
        }
    }

    private struct End: LaneCommand {
        let id: UUIDv7
        func needs(_ loaded: WorkingSet) -> [Need] { [.row(Task.key(id))] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
            guard var task = work[Task.key(id)] else { return .discard(false) }
            task.state += 1
            work.put(task)
            return .commit(true)
        }
    }

    /// The statements were planned over empty tables, where every index is as good as another, and the plans were kept:
    /// each order looked at all orders that its organization had ever had.
    @Test func aFreshTableIsStillSearchedByItsKeyOnceItHasGrown() async throws {
        let options = PostgresOptions(settings: ["autovacuum": "off"])
        try await PostgresTestbed.withServer(options) { server in
            // Read in each batch, so that each looks at the table.
            let forgetful: @Sendable (inout PostgresDatabaseConfiguration) -> Void = { $0.lane.memoryBytes = 0 }
            try await RunningDatabase.with(server.url(), migrates: true, forgetful) { running in
                _ = try await Migrator(Shelf.migrations + Task.migrations, dialect: .postgres)
                    .migrate(running.database, time: running.time)
                for wave in 0..<200 as Range<UInt64> {
                    // Together, so that there are statements over several rows.
                    try await withThrowingDiscardingTaskGroup { group in
                        for number in 0..<8 as Range<UInt64> {
                            group.addTask {
                                let id = UUIDv7(high: 1, low: wave * 8 + number)
                                let deadline = running.time.instant() + .seconds(10)
                                _ = try await running.lane.submit(Begin(id: id), tenant: nil, deadline: deadline)
                                #expect(try await running.lane.submit(End(id: id), tenant: nil, deadline: deadline))
                            }
                        }
                    }
                }
            }
            // Counted once the connections have ended.
            let open = """
                SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
                """
            try await Poll.untilTrue("the connections to have ended", within: .seconds(30)) {
                try await server.psql(open) == "0"
            }
            let read = try await server.psql(
                "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'tasks_subject'")
            // With the plans of an empty table it is a million.
            #expect(try #require(Int(read)) < 100_000)
        }
    }
}
