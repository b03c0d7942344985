import Determinism
import DeterminismTestKit
import Foundation
import SQLiteDriver
import Storage
import Testing

/// A file that another process holds, and a disk without room.
@Suite("Trouble", .serialized, .timeLimit(.minutes(1)))
struct TroubleTests {
    private static let shell = "/usr/bin/sqlite3"
    private static let hasShell = FileManager.default.isExecutableFile(atPath: shell)

    /// Another process that holds the write lock until it is let go.
    private func holdLock(of path: String) throws -> (letGo: () async -> Int32?, process: Process) {
        let (process, input, output) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: Self.shell)
        process.arguments = [path]
        (process.standardInput, process.standardOutput) = (input, output)
        try process.run()
        let commands = "BEGIN IMMEDIATE;\nUPDATE counters SET value = value + 100;\nSELECT 'held';\n"
        try input.fileHandleForWriting.write(contentsOf: Data(commands.utf8))
        let answer = output.fileHandleForReading.availableData
        #expect(String(decoding: answer, as: UTF8.self) == "held\n")
        return (
            {
                try? input.fileHandleForWriting.write(contentsOf: Data("COMMIT;\n".utf8))
                try? input.fileHandleForWriting.close()
                await eventually("the shell ends with its input") { !process.isRunning }
                return process.isRunning ? nil : process.terminationStatus
            }, process
        )
    }

    /// The log kept the size that it had come to while somebody read for long, until the server stopped.
    @Test(.enabled(if: hasShell)) func logShrinksWhenALongReaderIsDone() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open { ($0.logSizeLimit, $0.checkpointPages) = (1 << 20, 1_000) }
        func size() throws -> Int {
            try FileManager.default.attributesOfItem(atPath: file.path + "-wal")[.size] as? Int ?? 0
        }
        func write(_ number: Int) async throws {
            let note = String(repeating: "x", count: 200_000)
            _ = try await database.write { transaction in
                try await transaction.execute(
                    SQLStatement(
                        "INSERT OR REPLACE INTO counters VALUES (1, $1, 0, $2, 1)",
                        [.text("\(number % 4)"), .text(note)]))
            }
        }
        let (reader, input, output) = (Process(), Pipe(), Pipe())
        reader.executableURL = URL(fileURLWithPath: Self.shell)
        reader.arguments = [file.path]
        (reader.standardInput, reader.standardOutput) = (input, output)
        try reader.run()
        try input.fileHandleForWriting.write(contentsOf: Data("BEGIN;\nSELECT 'reads', COUNT(*) FROM counters;\n".utf8))
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) == "reads|0\n")
        for number in 0..<30 { try await write(number) }
        #expect(try size() > 5 << 20)
        try input.fileHandleForWriting.close()
        await eventually("the reader ends with its input") { !reader.isRunning }
        for number in 0..<30 { try await write(number) }
        #expect(try size() < 5 << 20)
        try database.close()
    }

    @Test(.enabled(if: hasShell)) func lockOfAnotherProcessIsAConflict() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        try await database.withLane { lane in
            #expect(try await lane.count("a", 1) == 1)
            let other = try holdLock(of: file.path)
            defer { if other.process.isRunning { other.process.terminate() } }
            let time = SystemTime()
            let start = time.instant()
            // A batch of several: they all hear it at once, nobody waits for the lock a second time.
            let failures = await withTaskGroup(of: LaneFailure?.self) { group in
                for _ in 0..<5 {
                    group.addTask {
                        do { _ = try await lane.count("a", 1) } catch { return error as? LaneFailure }
                        return nil
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let waited = time.instant() - start
            #expect(waited > .seconds(4) && waited < .seconds(14), "two batches at most, five seconds each: \(waited)")
            for failure in failures {
                guard case .conflict? = failure else {
                    Issue.record("\(String(describing: failure))")
                    continue
                }
            }
            #expect(try await database.value("a") == 1, "reads go on meanwhile, and see nothing of the other's change")
            #expect(await other.letGo() == 0)
            #expect(try await lane.count("a", 1) == 102)
        }
        let check = try await database.read(SQLStatement("PRAGMA integrity_check"), .strong)
        #expect(check == [SQLRow(["ok"])])
    }

    /// The engine's own limit on the file's size, which fails as a full disk does.
    @Test func fileThatMayNotGrowIsFull() async throws {
        let file = try TemporaryDatabase()
        let seen = Notes<StorageError>()
        let database = try await file.open { $0.failureObserver = { seen.note($0) } }
        let big = String(repeating: "x", count: 200_000)
        try await database.withLane { lane in
            #expect(try await lane.count("a", 1) == 1)
            _ = try await database.write { try await $0.execute(SQLStatement("PRAGMA max_page_count = 20")) }
            _ = try await lane.count("a", 1, limit: 1)
            _ = try? await lane.count("a", -9)
            #expect(seen.all == [], "refusals are nothing for an operator")
            await expectNoRoom { _ = try await lane.count("big", 1, note: big) }
            guard case .full? = seen.all.first, seen.all.count == 1 else {
                Issue.record("the operator's log hears \(seen.all)")
                return
            }
            let error = await #expect(throws: StorageError.self) {
                try await database.write { transaction in
                    try await transaction.execute(
                        SQLStatement("INSERT INTO counters VALUES (1, 'bigger', 1, $1, 1)", [.text(big)]))
                }
            }
            guard case .full? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(try await database.value("a") == 1)
            #expect(try await database.value("big") == nil)
            #expect(try await lane.count("a", 1) == 2, "what needs no room is still written")
            _ = try await database.write { try await $0.execute(SQLStatement("PRAGMA max_page_count = 2000")) }
            #expect(try await lane.count("big", 1, note: big) == 1)
        }
    }

    private func expectNoRoom(
        at location: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
    ) async {
        do {
            try await body()
            Issue.record("there was room", sourceLocation: location)
        } catch LaneFailure.unavailable(let reason) {
            #expect(reason.contains("no room left"), sourceLocation: location)
        } catch {
            Issue.record("\(error)", sourceLocation: location)
        }
    }

    private static let canMount: Bool = {
        guard let file = try? TemporaryDatabase() else { return false }
        guard (try? Tool.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", file.folder.path)) == 0 else {
            return false
        }
        return (try? Tool.run("umount", file.folder.path)) == 0
    }()

    /// A real file system without room; skipped where none can be mounted.
    @Test(.enabled(if: canMount)) func fullDiskRefusesWritesAndLosesNothing() async throws {
        let folder = try TemporaryDatabase()
        let status = try Tool.run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder.folder.path)
        try #require(status == 0)
        defer { _ = try? Tool.run("umount", "-l", folder.folder.path) }
        let database = try await folder.open()
        let note = String(repeating: "y", count: 20_000)
        try await database.withLane { lane in
            #expect(try await lane.count("a", 1) == 1)
            let filler = folder.folder.appendingPathComponent("filler").path
            try #require(FileManager.default.createFile(atPath: filler, contents: Data()))
            let handle = try #require(FileHandle(forWritingAtPath: filler))
            // Everything that is left, to the last page.
            for size in [65_536, 4_096] {
                while (try? handle.write(contentsOf: Data(count: size))) != nil {}
            }
            try handle.close()
            var committed: [String] = []
            var failure: (any Error)?
            for index in 0..<200 where failure == nil {
                do {
                    _ = try await lane.count("n\(index)", 1, note: note)
                    committed.append("n\(index)")
                } catch { failure = error }
            }
            let full = try #require(failure)
            await expectNoRoom { throw full }
            await expectNoRoom { _ = try await lane.count("more", 1, note: note) }
            #expect(try await database.value("a") == 1)
            try FileManager.default.removeItem(atPath: filler)
            #expect(try await lane.count("a", 1) == 2, "the lane works again")
            #expect(try await lane.count("more", 1, note: note) == 1)
            for name in committed { #expect(try await database.value(name) == 1) }
            #expect(try await database.value("n\(committed.count)") == nil, "what was refused is not there")
        }
        let check = try await database.read(SQLStatement("PRAGMA integrity_check"), .strong)
        #expect(check == [SQLRow(["ok"])])
        try database.close()
    }
}
