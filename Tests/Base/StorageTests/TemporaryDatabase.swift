import Determinism
import Foundation
import SQLiteDriver

/// A database file in a folder of its own, gone when nobody holds it any more.
final class TemporaryDatabase: Sendable {
    let folder: URL
    var path: String { folder.appendingPathComponent("test.db").path }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(at: folder) }

    func open() throws -> SQLiteDatabase {
        var configuration = SQLiteConfiguration(name: "test", path: path)
        // The folder lives as long as the database does.
        configuration.failureObserver = { [self] _ in withExtendedLifetime(self) {} }
        return try SQLiteDatabase.open(configuration, time: SystemTime())
    }
}
