import ArgumentParser
import Determinism
import Foundation
import Logging
import PantryAssembly
import PantryDomain
import PantryHTTP
import ServiceLifecycle
import Storage
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Runs the API, its sagas and everything that belongs to them, in one process.",
        discussion: "Stops gracefully on SIGTERM and SIGINT, within server.shutdownTimeout.")
    @OptionGroup var options: ConfigurationOptions
    @Option(help: "The address to listen on (server.host).") var host: String?
    @Option(help: "The port to listen on, 0 for any free one (server.port).") var port: String?
    @Flag(help: "Fill the directory with a demo grocery, and print a key and three requests to try.") var demo = false
    @Option(help: "The demo's products.") var demoProducts = "Examples/grocery/products.csv"

    func run() async throws {
        try await reportingFailures {
            // Whoever reads the log may go away; that must not take the server along.
            signal(SIGPIPE, SIG_IGN)
            let loaded = try options.load(flags: flags)
            let time = SystemTime()
            let logger = Logs.logger(environment: ConfigurationOptions.environment, time: time)
            for warning in loaded.warnings { logger.warning("\(warning)") }
            let observation = try Observation.open(time: time, logger: logger)
            let products = demo ? try DemoGrocery.read(demoProducts) : nil
            let installation = try await Installation.open(
                loaded.configuration, environment: ConfigurationOptions.environment, time: time, random: SystemRandom(),
                logger: logger, observation: observation)
            try await observation.whileExporting(grace: .milliseconds(500)) {
                try await serve(installation, loaded.configuration, products, observation, time, logger)
            }
        }
    }

    private var flags: [String: ConfigurationSource.Flag] {
        var flags: [String: ConfigurationSource.Flag] = [:]
        if let host { flags["server.host"] = ConfigurationSource.Flag(name: "--host", value: host) }
        if let port { flags["server.port"] = ConfigurationSource.Flag(name: "--port", value: port) }
        return flags
    }

    private func serve(
        _ installation: Installation, _ configuration: PantryConfiguration, _ products: DemoGrocery.Goods?,
        _ observation: Observation, _ time: SystemTime, _ logger: Logger
    ) async throws {
        let state = ServerState()
        let recovered = observation.readiness { state.isReady }
        let random = SystemRandom()
        let services = PantryServices(
            organizations: installation.organizations, orders: installation.orders,
            health: { await installation.isHealthy() }, time: time, random: random,
            checkoutWait: configuration.checkout.wait, version: Pantry.version,
            paymentMethods: SandboxProvider.methods, metrics: { observation.page(accept: $0) })
        // What remains of the time to stop in is for sagas to come to a rest and files to be closed.
        let reserve = min(.seconds(2), (configuration.server.shutdownTimeout - configuration.server.drain) / 2)
        let address = DemoGrocery.Address(host: configuration.server.host)
        let server = try PantryHTTPServer(
            configuration: HTTPServerConfiguration(configuration.server, reserving: reserve),
            routes: PantryRoutes.all(services, state: state),
            authenticator: PantryAuthenticator(
                organizations: installation.organizations, operatorToken: installation.operatorToken),
            state: state, ports: .system(seed: random.next()), logger: logger,
            observation: ServerObservation(metrics: observation.metrics, tracer: observation.tracer),
            onListening: { port in
                address.set(port)
                logger.info("listening on \(address.url)", metadata: ["port": "\(port)"])
            })
        try await installation.run(
            grace: reserve / 2,
            onRecovered: {
                state.setReady(true)
                recovered()
                guard let products else { return }
                await DemoGrocery.open(
                    products, in: installation, keyFile: "\(configuration.data.directory)/demo-key", at: address,
                    logger: logger)
            },
            whileServing: {
                try await ServiceGroup(
                    configuration: ServiceGroupConfiguration(
                        services: [.init(service: server)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
                    )
                ).run()
            })
        logger.info("stopped")
    }
}

extension HTTPServerConfiguration {
    /// - Parameter reserve: what is kept of the shutdown's time for the rest of the process.
    init(_ server: PantryConfiguration.Server, reserving reserve: Duration) {
        self.init()
        (host, port, maxBody, drain) = (server.host, server.port, server.maxBody, server.drain)
        shutdownTimeout = server.shutdownTimeout - reserve
        trustedProxies = server.trustedProxies.compactMap { AddressRange($0) }
    }
}
