import Determinism
import Foundation
import SQLiteDriver
import Storage
import Testing

/// The lane's port, as SQLite implements it.
@Suite("LaneEngine on SQLite", .timeLimit(.minutes(1)))
struct SQLiteConformanceTests {
    @Test func conforms() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("conformance.db").path
        let databases = try (0..<2).map { _ in
            try SQLiteDatabase.open(SQLiteConfiguration(name: "conformance", path: path), time: SystemTime())
        }
        try await LaneEngineConformance(
            first: databases[0], second: databases[1],
            outsider: SQLOutsider(dialect: .sqlite, database: databases[0])
        ).check()
    }
}
