import Determinism
import Foundation
import SQLiteDriver
import Storage

/// A database file in a folder of its own, gone when nobody holds it any more.
final class TemporaryDatabase: Sendable {
    let folder: URL
    var path: String { folder.appendingPathComponent("test.db").path }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Opens the file, with the tables of these tests.
    func open(_ change: (inout SQLiteConfiguration) -> Void = { _ in }) async throws -> SQLiteDatabase {
        var configuration = SQLiteConfiguration(name: "test", path: path)
        change(&configuration)
        // The folder lives as long as the database does.
        let observer = configuration.failureObserver
        configuration.failureObserver = { [self] error in withExtendedLifetime(self) { observer?(error) } }
        let database = try SQLiteDatabase.open(configuration, time: SystemTime())
        if !configuration.isReadOnly {
            try await Migrator(Self.schema, dialect: .sqlite).migrate(database, time: SystemTime())
        }
        return database
    }

    private static let schema = [
        Migration(
            1, "tests",
            [
                """
                CREATE TABLE counters (
                  organization {int} NOT NULL, name TEXT NOT NULL, value {int} NOT NULL CHECK (value >= 0), note TEXT,
                  version {int} NOT NULL, PRIMARY KEY (organization, name)
                ) {table}
                """,
                "CREATE TABLE parents (n {int} PRIMARY KEY) {table}",
                """
                CREATE TABLE children (
                  n {int} PRIMARY KEY, parent {int} REFERENCES parents (n) DEFERRABLE INITIALLY DEFERRED
                ) {table}
                """,
            ])
    ]
}
