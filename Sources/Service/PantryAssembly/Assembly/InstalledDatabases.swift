import ConnectionPooling
import Determinism
import Logging
import PostgresDriver
import ReplicaRouting
import SQLiteDriver
import Storage

/// The databases of a configuration.
package enum InstalledDatabases {
    /// The sandbox provider's file: its own, as if it were somebody else's.
    package static let providerFile = "sandbox-provider.db"

    /// What databases are opened with.
    struct Opening {
        var faultPoints: FaultPoints?
        var isReadOnly = false
        /// Whether statements may take as long as it takes: all rows of a large table, not a request's few.
        var isForBulkWork = false
        var time: any TimeSource
        var random: any RandomSource = SystemRandom()
        var logger: Logger?
        var observation: Observation?
        /// Hears of a shard without a primary.
        var alerts: AlertDispatcher?
        /// Of the shard that is being opened.
        var registry: (any TimelineRegistry)?
    }

    static func open(
        _ configuration: PantryConfiguration, _ opening: Opening
    ) throws -> [Installation.NamedDatabase] {
        let places = places(configuration)
        let reactor = try places.contains { $0.isShared } ? PostgresReactor(time: opening.time) : nil
        var databases: [Installation.NamedDatabase] = []
        for place in places {
            var opening = opening
            // Whoever only looks decides by what the servers say: it must not be the one that registers a primary.
            if place.role == .shard, !opening.isReadOnly, let control = databases.first(where: { $0.role == .control })
            {
                opening.registry = ControlTimelineRegistry(
                    control: control.database, shard: place.name, time: opening.time)
            }
            databases.append(
                Installation.NamedDatabase(
                    name: place.name, role: place.role,
                    database: try database(at: place, configuration, opening, reactor)))
        }
        return databases
    }

    private struct Place {
        var name: String
        var role: Installation.NamedDatabase.Role
        var url: DatabaseURL
        var replicas: [DatabaseURL] = []
        var isShared: Bool { url.isShared }
    }

    private static func places(_ configuration: PantryConfiguration) -> [Place] {
        var places = [Place(name: "control", role: .control, url: configuration.control.url)]
        for shard in configuration.shards {
            places.append(Place(name: shard.name, role: .shard, url: shard.primary, replicas: shard.replicas))
        }
        guard configuration.payments.provider == .sandbox else { return places }
        // Servers that share their orders share the sandbox as well: what one has charged the others must find.
        let provider: DatabaseURL =
            configuration.control.url.isShared
            ? configuration.control.url : .sqlite(path: "\(configuration.data.directory)/\(providerFile)")
        return places + [Place(name: "provider", role: .provider, url: provider)]
    }

    private static func database(
        at place: Place, _ configuration: PantryConfiguration, _ opening: Opening, _ reactor: PostgresReactor?
    ) throws -> any OpenDatabase {
        switch place.url {
        case .sqlite(let path): try file(path, place, opening)
        case .postgres(let url): try server(url, place, configuration.pool, opening, reactor)
        }
    }

    private static func file(
        _ path: String, _ place: Place, _ opening: Opening
    ) throws -> SQLiteDatabase {
        var settings = SQLiteConfiguration(name: place.name, path: path)
        settings.isReadOnly = opening.isReadOnly
        settings.readerCount = place.role == .shard ? 4 : 2
        settings.commitObserver = opening.faultPoints?.observer(for: place.name)
        settings.commitDurationObserver = opening.observation?.commitDurationObserver(place.name)
        settings.failureObserver = opening.failureObserver(place.name)
        if !opening.isReadOnly { DataDirectory.createPrivate(path) }
        do { return try SQLiteDatabase.open(settings, time: opening.time) } catch {
            if opening.isReadOnly { throw error }
            // A file is there or is not: that is a fault of what this server was given, not an absence that passes.
            throw AssemblyError("\(error)")
        }
    }

    private static func server(
        _ url: String, _ place: Place, _ pool: PantryConfiguration.Pool, _ opening: Opening,
        _ reactor: PostgresReactor?
    ) throws -> PostgresService {
        var settings = PostgresDatabaseConfiguration(
            name: place.name, connection: try PostgresConfiguration(url: url))
        for case .postgres(let replica) in place.replicas {
            settings.replicas.append(try PostgresConfiguration(url: replica))
        }
        if opening.isForBulkWork {
            settings.connection.allowBulkWork()
            for index in settings.replicas.indices { settings.replicas[index].allowBulkWork() }
            settings.retryTimeout = nil
        }
        (settings.pool.limit, settings.pool.acquireTimeout) = (pool.limit, pool.timeout)
        settings.registry = opening.registry
        let monitor = ServerMonitor(place.name, opening.logger, opening.observation, opening.alerts)
        (settings.replicaObserver, settings.poolObserver) = (monitor, monitor)
        settings.commitObserver = opening.faultPoints?.observer(for: place.name)
        settings.commitDurationObserver = opening.observation?.commitDurationObserver(place.name)
        settings.failureObserver = opening.failureObserver(place.name)
        let database = try PostgresDatabase(
            settings, reactor: try reactor ?? PostgresReactor(time: opening.time), time: opening.time,
            random: opening.random)
        opening.observation?.measure(database, place.name)
        return PostgresService(database)
    }

    /// A verifier over the stored data, which may belong to a running server.
    package static func verifier(
        _ configuration: PantryConfiguration, time: any TimeSource
    ) throws -> InstalledVerifier {
        InstalledVerifier(
            databases: try open(configuration, Opening(isReadOnly: true, isForBulkWork: true, time: time)), time: time)
    }
}

extension InstalledDatabases.Opening {
    fileprivate func failureObserver(_ database: String) -> (@Sendable (StorageError) -> Void)? {
        guard let logger else { return nil }
        return { error in
            logger.error("a database failed", metadata: ["database": "\(database)", "error": "\(error)"])
        }
    }
}

extension InstalledDatabases {
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
                if case .sqlite(let path) = place.url, !DataDirectory.holds(path) {
                    add(place.role.schema, to: place.name)
                    continue
                }
                let database = try database(at: place, configuration, Opening(isReadOnly: true, time: time), nil)
                add(try await place.role.migrator(database.dialect).plan(for: database).pending, to: place.name)
                try await database.close()
            }
            return steps
        }
        try DataDirectory.create(configuration.data.directory)
        let databases = try open(configuration, Opening(isForBulkWork: true, time: time))
        for named in databases {
            add(
                try await named.role.migrator(named.database.dialect).migrate(named.database, time: time),
                to: named.name)
        }
        // The control database last: the others look there for their primaries.
        for named in databases.reversed() { try await named.database.close() }
        return steps
    }
}

extension InstalledDatabases {
    /// Brings a database that is open for requests to this version's schema. On a server that is done over connections
    /// of their own, which no limit that is meant for requests ends in the middle of a large table, or while another
    /// server migrates.
    static func migrate(
        _ named: Installation.NamedDatabase, beside databases: [Installation.NamedDatabase],
        of configuration: PantryConfiguration, time: any TimeSource
    ) async throws -> [Migration] {
        let migrator = named.role.migrator(named.database.dialect)
        guard named.database.dialect == .postgres,
            let place = places(configuration).first(where: { $0.name == named.name && $0.role == named.role }),
            try await !migrator.plan(for: named.database).pending.isEmpty
        else { return try await migrator.migrate(named.database, time: time) }
        var opening = Opening(isForBulkWork: true, time: time)
        if named.role == .shard, let control = databases.first(where: { $0.role == .control }) {
            opening.registry = ControlTimelineRegistry(control: control.database, shard: named.name, time: time)
        }
        let database = try database(at: place, configuration, opening, nil)
        let applied: Result<[Migration], any Error>
        do { applied = .success(try await migrator.migrate(database, time: time)) } catch { applied = .failure(error) }
        try? await database.close()
        return try applied.get()
    }
}

extension PostgresConfiguration {
    /// Takes back the limits of requests, unless the URL sets them itself.
    fileprivate mutating func allowBulkWork() {
        let usual = PostgresConfiguration(user: user, database: database)
        if statementTimeout == usual.statementTimeout { statementTimeout = nil }
        if requestTimeout == usual.requestTimeout { requestTimeout = .seconds(24 * 3600) }
    }
}

extension Installation.NamedDatabase.Role {
    /// The sandbox provider may share the control database, and so remembers its migrations there in a table of its
    /// own.
    func migrator(_ dialect: Dialect) -> Migrator {
        if self == .provider, dialect == .postgres {
            return Migrator(schema, dialect: dialect, history: "sandbox_migrations")
        }
        return Migrator(schema, dialect: dialect)
    }
}
