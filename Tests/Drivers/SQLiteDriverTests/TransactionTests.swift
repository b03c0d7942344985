import Determinism
import DeterminismTestKit
import SQLiteDriver
import Storage
import Testing

/// Reads in one snapshot, slow-path transactions, and their turns with the lane.
@Suite("Transactions", .timeLimit(.minutes(1)))
struct TransactionTests {
    private struct Stop: Error {}

    private let set =
        "INSERT INTO counters VALUES (1, $1, $2, NULL, 1) ON CONFLICT DO UPDATE SET value = excluded.value"

    @Test func transactionCommitsOrLeavesNothing() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let seen = try await database.write { transaction in
            try await transaction.execute(SQLStatement(set, ["a", 1]))
            return try await transaction.execute(SQLStatement("SELECT value FROM counters"))
        }
        #expect(seen == [SQLRow([1])])
        await #expect(throws: Stop.self) {
            try await database.write { transaction in
                try await transaction.execute(SQLStatement(set, ["a", 2]))
                throw Stop()
            }
        }
        await #expect(throws: StorageError.self) {
            try await database.write { transaction in
                try await transaction.execute(SQLStatement(set, ["a", 3]))
                try await transaction.execute(SQLStatement(set, ["b", -1]))
            }
        }
        #expect(try await database.value("a") == 1)
        #expect(try await database.value("b") == nil)
    }

    @Test func returningGivesRows() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let rows = try await database.write {
            try await $0.execute(SQLStatement(set + " RETURNING name, value", ["a", 9]))
        }
        #expect(rows == [SQLRow(["a", 9])])
    }

    /// A deferred constraint fails in COMMIT itself.
    @Test func failingCommitLeavesNothingAndFreesTheWriter() async throws {
        let file = try TemporaryDatabase()
        let phases = Notes<CommitPhase>()
        let database = try await file.open { $0.commitObserver = { phases.note($0) } }
        let before = phases.all.count
        let error = await #expect(throws: StorageError.self) {
            try await database.write { transaction in
                try await transaction.execute(SQLStatement(set, ["a", 1]))
                try await transaction.execute(SQLStatement("INSERT INTO children VALUES (1, 99)"))
            }
        }
        guard case .constraint? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(phases.all.dropFirst(before) == [.before], "there was no commit")
        #expect(try await database.value("a") == nil)
        #expect(try await database.withLane { try await $0.count("a") } == 1)
    }

    @Test func cancelledTransactionIsRolledBack() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let task = Task {
            try await database.write { transaction in
                try await transaction.execute(SQLStatement(set, ["a", 1]))
                withUnsafeCurrentTask { $0?.cancel() }
                try Task.checkCancellation()
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await database.value("a") == nil)
        #expect(try await database.withLane { try await $0.count("a") } == 1, "the writer is free and clean")
    }

    @Test func statementsOfOneReadSeeOneState() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let total: Int64 = 1_000
        try await database.write { transaction in
            try await transaction.execute(SQLStatement(set, ["a", .integer(total)]))
            try await transaction.execute(SQLStatement(set, ["b", 0]))
        }
        let name = "SELECT value FROM counters WHERE name = $1"
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for _ in 0..<200 {
                    try await database.write { transaction in
                        try await transaction.execute(
                            SQLStatement("UPDATE counters SET value = value - 1 WHERE name = 'a'"))
                        try await transaction.execute(
                            SQLStatement("UPDATE counters SET value = value + 1 WHERE name = 'b'"))
                    }
                }
            }
            for _ in 0..<2 {
                group.addTask {
                    var sums = Set<Int64>()
                    for _ in 0..<300 {
                        let result = try await database.read(
                            [SQLStatement(name, ["a"]), SQLStatement(name, ["b"])], .eventual)
                        sums.insert(try result.rows[0][0].integer(0) + result.rows[1][0].integer(0))
                        #expect(result.servedBy == "test/primary")
                    }
                    #expect(sums == [total])
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.value("b") == 200)
    }

    @Test func readsCannotWrite() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        await #expect(throws: StorageError.self) { try await database.read(SQLStatement(set, ["a", 1]), .strong) }
        #expect(try await database.value("a") == nil)
    }

    /// A slow transaction reads, lets others try, and writes what it read plus one: nothing may come between.
    @Test func lanesAndSlowTransactionsTakeTurns() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        try await database.write { _ = try await $0.execute(SQLStatement(set, ["a", 0])) }
        try await database.withLane { lane in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { for _ in 0..<50 { _ = try await lane.count("a") } }
                    group.addTask { for _ in 0..<25 { try await slowIncrement(database) } }
                }
                try await group.waitForAll()
            }
        }
        #expect(try await database.value("a") == 4 * 75)
    }

    private func slowIncrement(_ database: SQLiteDatabase) async throws {
        try await database.write { transaction in
            let rows = try await transaction.execute(SQLStatement("SELECT value FROM counters WHERE name = 'a'"))
            for _ in 0..<5 { await Task.yield() }
            let next = try rows[0].integer(0) + 1
            try await transaction.execute(
                SQLStatement(
                    "UPDATE counters SET value = $1, version = version + 1 WHERE name = 'a'", [.integer(next)]))
        }
    }

    @Test func observerSeesEachCommitBeforeItsCallerDoes() async throws {
        let file = try TemporaryDatabase()
        let phases = Notes<String>()
        let database = try await file.open { $0.commitObserver = { phases.note($0.rawValue) } }
        let start = phases.all.count
        try await database.withLane { lane in
            _ = try await lane.count("a", 1)
            phases.note("told")
            _ = try await lane.count("a", 1, limit: 1)
            phases.note("refused")
            _ = try? await lane.count("a", -5)
            phases.note("constraint")
        }
        try await database.write { _ = try await $0.execute(SQLStatement(set, ["b", 1])) }
        phases.note("written")
        try? await database.write { _ in throw Stop() }
        #expect(
            phases.all.dropFirst(start) == [
                "before", "after", "told", "refused", "constraint", "before", "after", "written",
            ])
    }
}
