import Determinism
import Logging
import SQLiteDriver
import Storage

/// The SQLite files of a configuration.
package enum DatabaseFiles {
    /// The sandbox provider's file: its own, as if it were somebody else's.
    package static let providerFile = "sandbox-provider.db"

    static func open(
        _ configuration: PantryConfiguration, faultPoints: FaultPoints?, time: any TimeSource, readOnly: Bool = false,
        logger: Logger? = nil, observation: Observation? = nil
    ) throws(StorageError) -> [Installation.NamedDatabase] {
        var databases: [Installation.NamedDatabase] = []
        for place in places(configuration) {
            let database = try database(
                at: place, faultPoints: faultPoints, time: time, readOnly: readOnly, logger: logger,
                observation: observation)
            databases.append(Installation.NamedDatabase(name: place.name, role: place.role, database: database))
        }
        return databases
    }

    private struct Place {
        var name: String
        var role: Installation.NamedDatabase.Role
        var path: String
    }

    private static func places(_ configuration: PantryConfiguration) -> [Place] {
        var places: [Place] = []
        switch configuration.control.url {
        case .sqlite(let path): places.append(Place(name: "control", role: .control, path: path))
        }
        for shard in configuration.shards {
            switch shard.primary {
            case .sqlite(let path): places.append(Place(name: shard.name, role: .shard, path: path))
            }
        }
        places.append(
            Place(name: "provider", role: .provider, path: "\(configuration.data.directory)/\(providerFile)"))
        return places
    }

    private static func database(
        at place: Place, faultPoints: FaultPoints?, time: any TimeSource, readOnly: Bool, logger: Logger?,
        observation: Observation? = nil
    ) throws(StorageError) -> SQLiteDatabase {
        var settings = SQLiteConfiguration(name: place.name, path: place.path)
        settings.isReadOnly = readOnly
        settings.readerCount = place.role == .shard ? 4 : 2
        settings.commitObserver = faultPoints?.observer(for: place.name)
        if let observation {
            settings.commitObserver = observation.commitObserver(place.name, settings.commitObserver)
        }
        if let logger {
            settings.failureObserver = { error in
                logger.error("a database failed", metadata: ["database": "\(place.name)", "error": "\(error)"])
            }
        }
        if !readOnly { DataDirectory.createPrivate(place.path) }
        return try SQLiteDatabase.open(settings, time: time)
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
        var steps: [MigrationStep] = []
        func add(_ migrations: [Migration], to database: String) {
            steps += migrations.map { MigrationStep(database: database, number: $0.number, name: $0.name) }
        }
        if dryRun {
            for place in places(configuration) {
                // A file that is not there yet is not made: a dry run leaves everything as it is.
                guard DataDirectory.holds(place.path) else {
                    add(place.role.schema, to: place.name)
                    continue
                }
                let database = try database(at: place, faultPoints: nil, time: time, readOnly: true, logger: nil)
                add(try await Migrator(place.role.schema, dialect: .sqlite).plan(for: database).pending, to: place.name)
                try database.close()
            }
            return steps
        }
        try DataDirectory.create(configuration.data.directory)
        for named in try open(configuration, faultPoints: nil, time: time) {
            let migrator = Migrator(named.role.schema, dialect: .sqlite)
            add(try await migrator.migrate(named.database, time: time), to: named.name)
            try named.database.close()
        }
        return steps
    }
}
