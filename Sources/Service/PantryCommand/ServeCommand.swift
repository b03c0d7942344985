import ArgumentParser
import Determinism
import Foundation
import Logging
import PantryAssembly
import PantryDomain

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
            let grace = min(.milliseconds(500), loaded.configuration.server.shutdownTimeout / 10)
            try await observation.whileExporting(grace: grace) {
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
        let address = ServerAddress(host: configuration.server.host)
        let server = InstallationServer(
            installation: installation, configuration: configuration, time: time, logger: logger,
            observation: observation)
        try await server.run(
            at: address,
            onRecovered: {
                guard let products else { return }
                await DemoGrocery.open(
                    products, in: installation, keyFile: "\(configuration.data.directory)/demo-key", at: address,
                    logger: logger)
            }, beside: nil)
        logger.info("stopped")
    }
}
