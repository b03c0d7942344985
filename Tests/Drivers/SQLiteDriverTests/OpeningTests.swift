import Determinism
import Foundation
import SQLiteDriver
import Storage
import Testing

/// How a file is opened, and what is said of one that cannot be.
@Suite("Opening a file")
struct OpeningTests {
    private func failure(_ path: String, isReadOnly: Bool = false) -> StorageError? {
        var configuration = SQLiteConfiguration(name: "bad", path: path)
        configuration.isReadOnly = isReadOnly
        do throws(StorageError) {
            _ = try SQLiteDatabase.open(configuration, time: SystemTime())
            return nil
        } catch {
            return error
        }
    }

    @Test func commitsAreSyncedAndReadersDoNotWait() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        #expect(try database.synchronousMode() == 2, "FULL")
        // The same connection that a transaction runs on says so itself.
        let modes = try await database.write { transaction in
            let synchronous = try await transaction.execute(SQLStatement("PRAGMA synchronous"))
            return try await synchronous + transaction.execute(SQLStatement("PRAGMA journal_mode"))
        }
        #expect(modes == [SQLRow([2]), SQLRow(["wal"])])
        #expect(FileManager.default.fileExists(atPath: file.path + "-wal"))
    }

    @Test func textFileIsNotADatabase() throws {
        let file = try TemporaryDatabase()
        let text = Data(String(repeating: "this is a shopping list\n", count: 400).utf8)
        try text.write(to: URL(fileURLWithPath: file.path))
        guard case .corrupt(let reason)? = failure(file.path) else {
            Issue.record("\(String(describing: failure(file.path)))")
            return
        }
        #expect(reason.contains(file.path) && reason.contains("not a database"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: file.path)) == text, "it is left as it was")
    }

    @Test func missingFolderIsNamed() throws {
        let file = try TemporaryDatabase()
        let path = file.folder.appendingPathComponent("none/of/this.db").path
        guard case .unavailable(let reason)? = failure(path) else {
            Issue.record("\(String(describing: failure(path)))")
            return
        }
        #expect(reason.contains(path) && reason.contains("folder"))
        guard case .unavailable? = failure(file.folder.path) else {
            Issue.record("a folder is no database: \(String(describing: failure(file.folder.path)))")
            return
        }
        #expect(failure(file.path, isReadOnly: true) != nil, "read-only creates nothing")
        #expect(!FileManager.default.fileExists(atPath: file.path))
    }

    @Test(arguments: [0, 18, 52, 100, 105])
    func damagedHeaderIsRefused(offset: Int) async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        try database.close()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file.path))
        bytes.replaceSubrange(offset..<offset + 4, with: [0xDE, 0xAD, 0xBE, 0xEF])
        try bytes.write(to: URL(fileURLWithPath: file.path))
        // Some damage shows when the file is opened, the rest when it is used; never a trap, never a silent success.
        do throws(StorageError) {
            let damaged = try SQLiteDatabase.open(SQLiteConfiguration(name: "bad", path: file.path), time: SystemTime())
            let rows = try await damaged.read(SQLStatement("PRAGMA integrity_check"), .strong)
            #expect(rows != [SQLRow(["ok"])] || offset == 52, "\(rows)")
        } catch {
            switch error {
            case .corrupt, .unavailable: #expect("\(error)".contains(file.path))
            case .full, .constraint, .conflict, .statement, .unknown, .lost: Issue.record("\(error)")
            }
        }
    }

    private static let canBeMadeImmutable: Bool = {
        guard let file = try? TemporaryDatabase() else { return false }
        guard FileManager.default.createFile(atPath: file.path, contents: Data()) else { return false }
        let isImmutable = (try? Tool.run("chattr", "+i", file.path)) == 0
        _ = try? Tool.run("chattr", "-i", file.path)
        return isImmutable
    }()

    /// Root may write to any file, but not to an immutable one; skipped where a file cannot be made one.
    @Test(.enabled(if: canBeMadeImmutable)) func fileThatCannotBeWrittenIsRefused() async throws {
        let file = try TemporaryDatabase()
        try await file.open().close()
        #expect(try Tool.run("chattr", "+i", file.path) == 0)
        let refusal = failure(file.path)
        #expect(try Tool.run("chattr", "-i", file.path) == 0)
        guard case .unavailable(let reason)? = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(reason.contains(file.path) && reason.contains("writable"))
        #expect(failure(file.path) == nil, "and opens again afterwards")
    }

    @Test func readOnlyReadsBesideTheOwnerAndWritesNothing() async throws {
        let file = try TemporaryDatabase()
        let owner = try await file.open()
        try await owner.withLane { _ = try await $0.count("a", 5) }
        let guest = try await file.open { $0.isReadOnly = true }
        #expect(try await guest.value("a") == 5)
        await #expect(throws: StorageError.self) {
            try await guest.write { try await $0.execute(SQLStatement("DELETE FROM counters")) }
        }
        let failure = await #expect(throws: LaneFailure.self) {
            try await guest.withLane { try await $0.count("a", 1) }
        }
        guard case .unavailable? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        try await owner.withLane { _ = try await $0.count("a", 2) }
        #expect(try await guest.value("a") == 7)
    }

    /// Whoever copies the file of a stopped server has everything.
    @Test func closedFileIsWholeWithoutItsLog() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        _ = try await database.withLane { try await $0.count("a", 3) }
        try database.close()
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + suffix) }
        #expect(try await file.open().value("a") == 3)
    }

    @Test func everyCallFailsAfterClosing() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        _ = try await database.withLane { try await $0.count("a") }
        try database.close()
        await #expect(throws: StorageError.self) { try await database.read(SQLStatement("SELECT 1"), .strong) }
        await #expect(throws: StorageError.self) { try await database.write { _ in 1 } }
        await #expect(throws: LaneFailure.self) { try await database.withLane { try await $0.count("a") } }
        #expect(throws: Never.self) { try database.close() }
        let again = try await file.open()
        #expect(try await again.value("a") == 1)
    }
}
