import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Synchronization
import Testing

/// Batches that were decided while the one before them, over the same row, was being written.
@Suite("Write lane on PostgreSQL: decided ahead", .timeLimit(.minutes(2)))
struct DecidedAheadTests {
    /// How many commands the batches have had, in their order.
    private final class Batches: LaneObserver {
        private let sizes = Mutex<[Int]>([])
        var all: [Int] { sizes.withLock { $0 } }
        func commandQueued(_ command: Any.Type) -> Mark? { nil }
        func commandEnded(_ mark: Mark, _ failure: LaneFailure?) {}
        func batchBegan(_ commands: [Mark?]) -> Mark? {
            sizes.withLock { $0.append(commands.count) }
            return nil
        }
        func batchSettled(_ mark: Mark, _ report: BatchReport) {}
        func batchEnded(_ mark: Mark) {}
    }

    /// A lane whose next batch waits for the shelf “a”, which another session holds.
    private struct Stage {
        let running: RunningDatabase
        let server: PostgresServer
        let batches: Batches
        let holder: PostgresConnection

        /// How often the lane has read rows by their keys.
        func reads() async throws -> Int {
            let text = try await server.psql(
                """
                SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
                WHERE query LIKE 'SELECT k.place, t.organization%'
                """)
            return try #require(Int(text))
        }

        /// Has these commands sent while the row is held: the first one as a batch that waits for the row, the others
        /// as the batch behind it; then ends the holder's transaction.
        /// - Returns: the outcomes, in the commands' order; nil for one that failed.
        func run<C: LaneCommand>(
            _ commands: [C], _ trails: [CommitTrail] = [], then end: String,
            _ meanwhile: @Sendable () async throws -> Void = {}
        ) async throws -> [C.Outcome?] {
            let (before, running) = (batches.all.count, running)
            return try await withThrowingTaskGroup(of: (Int, C.Outcome?).self) { group in
                for (index, command) in commands.enumerated() {
                    if index == 1 {
                        let blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        try await Poll.untilTrue("the first batch waits", within: .seconds(20)) {
                            try await server.psql(blocked) == "1"
                        }
                    }
                    group.addTask {
                        let deadline = running.time.instant() + .seconds(60)
                        let trail = trails.isEmpty ? nil : trails[index]
                        return (
                            index,
                            try? await running.lane.submit(command, tenant: nil, deadline: deadline, trail: trail)
                        )
                    }
                }
                try await Poll.untilTrue("the others are in a batch behind it", within: .seconds(20)) {
                    batches.all.dropFirst(before) == [1, commands.count - 1]
                }
                try await meanwhile()
                _ = try? await holder.submit(PostgresBatch([SQLStatement(end)], effect: .commits()))
                var outcomes = [C.Outcome?](repeating: nil, count: commands.count)
                for try await (index, outcome) in group { outcomes[index] = outcome }
                return outcomes
            }
        }
    }

    private func with(
        lockTimeout: Duration = .seconds(60), holding change: String = "units = units",
        _ body: @Sendable (Stage) async throws -> Void
    ) async throws {
        let options = PostgresOptions(settings: ["shared_preload_libraries": "pg_stat_statements"])
        let batches = Batches()
        try await PostgresTestbed.withServer(options) { server in
            try await RunningDatabase.with(
                server.url(), observer: batches,
                { settings in
                    settings.lane.lockTimeout = lockTimeout
                    settings.lane.decidesAhead = .always
                }
            ) { running in
                try await server.psql("CREATE EXTENSION pg_stat_statements")
                // Until plans are old enough, and the row is remembered.
                for expected: Int64 in 1...10 { #expect(try await running.put("a") == expected) }
                let holder = try await PostgresConnection.connect(
                    try PostgresConfiguration(url: server.url()), on: running.reactor)
                defer { holder.close() }
                let hold = [SQLStatement("BEGIN"), SQLStatement("UPDATE shelves SET \(change) WHERE name = 'a'")]
                _ = try await holder.submit(PostgresBatch(hold, effect: .uncommitted))
                try await body(Stage(running: running, server: server, batches: batches, holder: holder))
            }
        }
    }

    @Test("the batch behind one under way is decided over what that one leaves, and reads nothing")
    func readsNothing() async throws {
        try await with { stage in
            let before = try await stage.reads()
            let outcomes = try await stage.run((0..<18).map { _ in PutUnit(name: "a") }, then: "ROLLBACK")
            #expect(outcomes.compactMap { $0 }.sorted() == Array(11...28))
            #expect(outcomes.first == 11)
            #expect(try await stage.running.units(of: "a") == 28)
            #expect(try await stage.reads() == before)
            #expect(try await stage.running.put("a") == 29)
        }
    }

    @Test("what was decided over a batch whose row had changed is decided again")
    func leaderBeginsAnew() async throws {
        try await with(holding: "units = 40") { stage in
            let outcomes = try await stage.run((0..<18).map { _ in PutUnit(name: "a") }, then: "COMMIT")
            #expect(outcomes.compactMap { $0 }.sorted() == Array(41...58))
            #expect(try await stage.running.units(of: "a") == 58)
        }
    }

    /// Takes units away, without a look at how many there are: the table's check refuses that.
    private struct Change: LaneCommand {
        let by: Int64
        func needs(_ loaded: WorkingSet) -> [Need] { [.row(Shelf.key("a"))] }
        func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64> {
            guard var shelf = work[Shelf.key("a")] else { return .discard(-1) }
            shelf.units += by
            work.put(shelf)
            return .commit(shelf.units)
        }
    }

    @Test("what was decided over a batch that failed is decided again")
    func leaderFails() async throws {
        try await with { stage in
            let commands = [Change(by: -100)] + (0..<17).map { _ in Change(by: 1) }
            let outcomes = try await stage.run(commands, then: "ROLLBACK")
            #expect(outcomes.first == .some(nil), "the check refuses it")
            #expect(outcomes.compactMap { $0 }.sorted() == Array(11...27))
            #expect(try await stage.running.units(of: "a") == 27)
        }
    }

    @Test("one bad command of a batch that was decided ahead harms none of the others")
    func followerFails() async throws {
        try await with { stage in
            let commands =
                (0..<10).map { _ in Change(by: 1) } + [Change(by: -100)] + (0..<7).map { _ in Change(by: 1) }
            let outcomes = try await stage.run(commands, then: "ROLLBACK")
            #expect(outcomes.compactMap { $0 }.count == 17 && outcomes[10] == nil)
            #expect(try await stage.running.units(of: "a") == 27)
        }
    }

    @Test("a batch that was decided ahead fails with its connection, or is written once")
    func connectionLost() async throws {
        try await with { stage in
            let outcomes = try await stage.run((0..<18).map { _ in PutUnit(name: "a") }, then: "ROLLBACK") {
                try await stage.server.psql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            }
            #expect(outcomes.first == .some(nil), "it is not known whether it was written")
            #expect(outcomes.dropFirst().compactMap { $0 }.sorted() == Array(11...27))
            #expect(try await stage.running.units(of: "a") == 27)
        }
    }

    @Test("a crowd for one row reads less often than it writes")
    func crowd() async throws {
        try await with { stage in
            _ = try await stage.holder.submit(PostgresBatch([SQLStatement("ROLLBACK")], effect: .uncommitted))
            let (reads, batches) = (try await stage.reads(), stage.batches.all.count)
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<96 {
                    group.addTask { for _ in 0..<40 { _ = try await stage.running.put("a") } }
                }
            }
            #expect(try await stage.running.units(of: "a") == 10 + 96 * 40)
            #expect((try await stage.reads() - reads) * 2 < stage.batches.all.count - batches)
        }
    }

    @Test("whoever asks how far the log is hears it of a batch that was decided ahead, too")
    func positions() async throws {
        try await with { stage in
            let trails = (0..<18).map { _ in CommitTrail() }
            let before = try await stage.reads()
            let outcomes = try await stage.run(trails.map { _ in PutUnit(name: "a") }, trails, then: "ROLLBACK")
            #expect(outcomes.compactMap { $0 }.sorted() == Array(11...28))
            let positions = trails.compactMap(\.position)
            #expect(positions.count == 18 && positions.dropFirst().allSatisfy { positions[0] < $0 })
            #expect(try await stage.reads() == before)
        }
    }

    @Test("a name that clients make is written once, whoever has used it before: the batch ahead, or anybody")
    func names() async throws {
        try await with { stage in
            _ = try await Migrator(Shelf.migrations + Ticket.migrations, dialect: .postgres)
                .migrate(stage.running.database, time: stage.running.time)
            try await stage.server.psql("INSERT INTO tickets VALUES (1, 'old', 5, 1)")
            // The batch ahead uses “0”, which comes again behind it; “old” was never seen by this lane.
            let commands = (["0"] + (0..<17).map { "\($0)" }).map(TakeTicket.init)
            let numbers = try await stage.run(commands, then: "ROLLBACK").compactMap { $0 }
            #expect(numbers.prefix(2) == [11, 11] && numbers.dropFirst(2).sorted() == Array(12...27))
            let second = try await PostgresConnection.connect(
                try PostgresConfiguration(url: stage.server.url()), on: stage.running.reactor)
            defer { second.close() }
            let hold = [SQLStatement("BEGIN"), SQLStatement("UPDATE shelves SET units = units WHERE name = 'a'")]
            _ = try await second.submit(PostgresBatch(hold, effect: .uncommitted))
            let stage = Stage(
                running: stage.running, server: stage.server, batches: stage.batches, holder: second)
            let more = (["x"] + (0..<16).map { "y\($0)" } + ["old"]).map(TakeTicket.init)
            let outcomes = try await stage.run(more, then: "ROLLBACK").compactMap { $0 }
            #expect(outcomes.last == 5 && outcomes.dropLast().sorted() == Array(28...44))
            #expect(try await stage.running.units(of: "a") == 44)
        }
    }

    /// What was made under a client's name.
    private struct Ticket: Record {
        static let table = Table(
            "tickets", rank: 1, key: [.organization, .text("name")], mutable: ["number"], locksAbsentRows: true)
        static let migrations = [
            Migration(
                2, "tickets",
                [
                    """
                    CREATE TABLE tickets (
                      organization {int} NOT NULL, name TEXT NOT NULL, number {int} NOT NULL, version {int} NOT NULL,
                      PRIMARY KEY (organization, name)
                    ) {table}
                    """
                ])
        ]
        let name: String
        let number: Int64
        init(_ name: String, _ number: Int64) { (self.name, self.number) = (name, number) }
        static func key(_ name: String) -> Key<Ticket> { Key(organization: 1, text: name) }
        var key: Key<Ticket> { Self.key(name) }
        init(from row: any ColumnReader) throws {
            _ = try row.integer()
            (name, number) = (try row.text(), try row.integer())
        }
        func write(to row: any ColumnWriter) {
            row.integer(1)
            row.text(name)
            row.integer(number)
        }
    }

    /// Takes the next number under a name, or says which one it has.
    private struct TakeTicket: LaneCommand {
        let name: String
        init(_ name: String) { self.name = name }
        func needs(_ loaded: WorkingSet) -> [Need] { [.row(Ticket.key(name)), .row(Shelf.key("a"))] }
        func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64> {
            if let ticket = work[Ticket.key(name)] { return .discard(ticket.number) }
            guard var shelf = work[Shelf.key("a")] else { return .discard(-1) }
            shelf.units += 1
            work.put(shelf)
            work.put(Ticket(name, shelf.units))
            return .commit(shelf.units)
        }
    }
}
