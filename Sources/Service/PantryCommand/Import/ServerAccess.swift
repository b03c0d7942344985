import Determinism
import Logging
import PantryAssembly
import PantryDomain
import ServiceLifecycle
import Synchronization

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
        let (address, ready) = (ServerAddress(host: configuration.server.host), ReadySign())
        let work = Work(
            body: body,
            administration: LocalAdministration(
                organizations: installation.organizations, sagas: installation.sagas, time: time),
            address: address, isReady: { ready.value }, time: time)
        try await InstallationServer(
            installation: installation, configuration: configuration, time: time, logger: logger
        ).run(at: address, onRecovered: { ready.set() }, beside: work)
    }

    private struct Work: Service {
        let body: Body
        let administration: LocalAdministration
        let address: ServerAddress
        let isReady: @Sendable () -> Bool
        let time: SystemTime

        func run() async throws {
            try await address.wait(time)
            // Until what a crash left behind is finished, it takes no orders.
            let patience = time.instant() + .seconds(120)
            while !isReady() {
                guard time.instant() < patience else {
                    throw CommandFailure(
                        .unavailable, "what was left unfinished cannot be finished; run `pantry serve` and read its log"
                    )
                }
                if Task.isShuttingDownGracefully {
                    throw CommandFailure(.interrupted, "interrupted before anything was done")
                }
                try await time.sleep(for: .milliseconds(20))
            }
            try await body(address.url, administration)
        }
    }
}

/// Whether a server has recovered.
private final class ReadySign: Sendable {
    private let isSet = Atomic(false)
    var value: Bool { isSet.load(ordering: .acquiring) }
    func set() { isSet.store(true, ordering: .releasing) }
}
