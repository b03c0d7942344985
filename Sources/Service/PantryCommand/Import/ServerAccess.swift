import Determinism
import Logging
import PantryAssembly
import PantryDomain
import ServiceLifecycle

/// The API for a command: the running server's, or that of a server of its own on a free port of this machine, which
/// has the databases until the command is done.
enum ServerAccess {
    typealias Body = @Sendable (_ base: String, _ administration: any Administration) async throws -> Void

    static func use(_ configuration: PantryConfiguration, _ body: @escaping Body) async throws {
        if let remote = try await RemoteAdministration.find(configuration) {
            return try await body(remote.base, remote)
        }
        var configuration = configuration
        (configuration.server.host, configuration.server.port, configuration.server.drain) = ("127.0.0.1", 0, .zero)
        let (time, logger) = (SystemTime(), Logger(label: "pantry") { _ in SwiftLogNoOpLogHandler() })
        let installation = try await Installation.open(
            configuration, environment: [:], time: time, random: SystemRandom(), logger: logger)
        let address = ServerAddress(host: configuration.server.host)
        let work = Work(
            body: body,
            administration: LocalAdministration(
                organizations: installation.organizations, sagas: installation.sagas, time: time),
            address: address, time: time)
        try await InstallationServer(
            installation: installation, configuration: configuration, time: time, logger: logger
        ).run(at: address, beside: work)
    }

    private struct Work: Service {
        let body: Body
        let administration: LocalAdministration
        let address: ServerAddress
        let time: SystemTime

        func run() async throws {
            try await address.wait(time)
            try await body(address.url, administration)
        }
    }
}
