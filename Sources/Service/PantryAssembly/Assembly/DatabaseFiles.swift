import Determinism
import SQLiteDriver
import Storage

/// The SQLite files of a configuration.
package enum DatabaseFiles {
    /// The sandbox provider's file: its own, as if it were somebody else's.
    package static let providerFile = "sandbox-provider.db"

    static func open(
        _ configuration: PantryConfiguration, faultPoints: FaultPoints?, time: any TimeSource, readOnly: Bool = false
    ) throws(StorageError) -> [Installation.NamedDatabase] {
        var databases: [Installation.NamedDatabase] = []
        func add(_ name: String, _ role: Installation.NamedDatabase.Role, _ path: String) throws(StorageError) {
            var settings = SQLiteConfiguration(name: name, path: path)
            settings.isReadOnly = readOnly
            settings.readerCount = role == .shard ? 4 : 2
            settings.commitObserver = faultPoints?.observer(for: name)
            let database = try SQLiteDatabase.open(settings, time: time)
            databases.append(Installation.NamedDatabase(name: name, role: role, database: database))
        }
        switch configuration.control.url {
        case .sqlite(let path): try add("control", .control, path)
        }
        for shard in configuration.shards {
            switch shard.primary {
            case .sqlite(let path): try add(shard.name, .shard, path)
            }
        }
        try add("provider", .provider, "\(configuration.data.directory)/\(providerFile)")
        return databases
    }

    /// A verifier over the stored data, which may belong to a running server.
    package static func verifier(
        _ configuration: PantryConfiguration, time: any TimeSource
    ) throws(StorageError) -> VerifierFiles {
        VerifierFiles(databases: try open(configuration, faultPoints: nil, time: time, readOnly: true), time: time)
    }
}

extension DatabaseFiles {
    /// A migration that was applied, or would be.
    package struct MigrationStep: Sendable, Hashable {
        package var database: String
        package var number: Int
        package var name: String
    }

    /// Brings every database to this version's schema, or only says what that would take.
    package static func migrate(
        _ configuration: PantryConfiguration, dryRun: Bool, time: any TimeSource
    ) async throws -> [MigrationStep] {
        try DataDirectory.create(configuration.data.directory)
        var steps: [MigrationStep] = []
        for named in try open(configuration, faultPoints: nil, time: time) {
            let migrator = Migrator(named.schema, dialect: .sqlite)
            let migrations =
                dryRun
                ? try await migrator.plan(for: named.database).pending
                : try await migrator.migrate(named.database, time: time)
            steps += migrations.map { MigrationStep(database: named.name, number: $0.number, name: $0.name) }
            try named.database.close()
        }
        return steps
    }
}
