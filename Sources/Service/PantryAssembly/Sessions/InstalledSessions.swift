import Determinism
import Logging
import PantryDomain
import RedisDriver
import SocketReactor
import Storage

/// The sessions of the installation, and how its servers know of what is written in them.
struct InstalledSessions: Sendable {
    let service: SessionService
    private let background: @Sendable () async -> Void
    private let end: @Sendable () -> Void

    /// - Throws: ``AssemblyError``.
    static func open(
        _ configuration: PantryConfiguration, _ databases: [Installation.NamedDatabase],
        _ organizations: OrganizationService, of installation: InstallationID, time: any TimeSource,
        random: any RandomSource, logger: Logger
    ) throws(AssemblyError) -> InstalledSessions {
        func service(_ positions: any SessionPositions) -> SessionService {
            SessionService(organizations: organizations, positions: positions, time: time, random: random)
        }
        // Files are this process's alone; a database server may have replicas, and other processes.
        guard databases.contains(where: { $0.role == .shard && $0.database.dialect == .postgres }) else {
            return InstalledSessions(service: service(NoSessionPositions()), background: {}, end: {})
        }
        switch configuration.cache.url {
        case .memory: return InstalledSessions(service: service(UnknownSessionPositions()), background: {}, end: {})
        case .redis(let url):
            let positions = SharedSessionPositions(time: time, logger: logger)
            let client: RedisClient
            do { client = try connect(url, positions, time: time, random: random) } catch {
                throw AssemblyError("sessions: \(error)")
            }
            positions.use(RedisSessionPositionStore(client, RedisKeys(installation)))
            return InstalledSessions(
                service: service(positions), background: { await positions.run() },
                end: {
                    client.close()
                    positions.leave()
                })
        }
    }

    /// With one connection, on which what this server notes comes before what it looks up later.
    private static func connect(
        _ url: String, _ observer: any RedisObserver, time: any TimeSource, random: any RandomSource
    ) throws -> RedisClient {
        var settings = try RedisConfiguration(url: url)
        settings.connectionCount = 1
        return try RedisClient(settings, on: Reactor(time: time), random: random, observer: observer)
    }

    /// What goes on beside requests, until the task is cancelled.
    func run() async { await background() }

    func close() { end() }
}
