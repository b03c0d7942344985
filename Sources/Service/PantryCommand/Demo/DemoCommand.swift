import ArgumentParser
import Determinism
import Foundation
import Logging
import PantryAssembly
import PantryDomain
import PantryReplay
import Synchronization

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract:
            "Shows in seconds what Pantry does: real baskets ordered from several shops, every promise checked.",
        discussion: """
            Runs the real server on a temporary data directory and a free port of this machine, and removes both in \
            the end. Neither reads nor touches your configuration and data.
            Exits with 1 when anything does not add up, with 130 when it was interrupted.
            """)
    @Option(help: "How many orders.") var orders = 1_000
    @Option(help: "How many organizations; the baskets' stores are dealt out among them.") var organizations = 3
    @Option(help: "How many keep-alive clients order at once.") var clients = 16
    @Option(help: "Another seed, another mixture of declined cards, repeats and cancellations.") var seed: UInt64 = 1
    @Option(help: "The products: sku,name,amount,currency,category,onHand.") var products: String?
    @Option(help: "The baskets: placed_at,store_id,basket_id,sku,quantity.") var baskets: String?
    @Flag(help: "Print JSON.") var json = false
    @Flag(help: "Keep the data directory, to look at it or to serve it.") var keep = false

    func validate() throws {
        guard (1...1_000_000).contains(orders) else { throw ValidationError("--orders takes 1 to 1000000") }
        guard (1...100).contains(organizations) else { throw ValidationError("--organizations takes 1 to 100") }
        guard (1...1_000).contains(clients) else { throw ValidationError("--clients takes 1 to 1000") }
    }

    func run() async throws {
        try await reportingFailures {
            signal(SIGPIPE, SIG_IGN)
            let stock = try await DemoStock.read(
                products: products ?? ExampleFiles.grocery("products.csv", option: "--products"),
                baskets: baskets ?? ExampleFiles.grocery("baskets.csv", option: "--baskets"), orders: orders)
            let stop = StopSign()
            let summary = try await Interruption.raising(stop) {
                try await TemporaryFolder.with("pantry-demo", keep: keep) { directory in
                    var summary = try await play(stock, in: directory, stop)
                    if keep { summary.directory = directory }
                    return summary
                }
            }
            try Console.out(json ? summary.json : summary.text(Terminal.outputStyle))
            if !json { try Console.out(Self.whereNext(summary)) }
            if !summary.faults.isEmpty { throw ExitCode(CommandFailure.Code.failed.rawValue) }
            if summary.isInterrupted { throw ExitCode(CommandFailure.Code.interrupted.rawValue) }
        }
    }

    private func play(_ stock: DemoStock, in directory: String, _ stop: StopSign) async throws -> DemoSummary {
        let time = SystemTime()
        var logger = Logs.logger(environment: ConfigurationOptions.environment, time: time)
        // What the sandbox provider is made to do would fill the terminal with warnings.
        if ConfigurationOptions.environment["PANTRY_LOG_LEVEL"] == nil { logger.logLevel = .error }
        let configuration = try Self.configuration(directory)
        let installation = try await Installation.open(
            configuration, environment: [:], time: time, random: SystemRandom(), logger: logger)
        let address = ServerAddress(host: configuration.server.host)
        let run = DemoRun(
            settings: DemoRun.Settings(
                orders: orders, organizations: organizations, clients: clients, seed: seed,
                operatorToken: installation.operatorToken),
            stock: stock, address: address, time: time,
            verify: {
                let report = try await InstalledDatabases.verifier(configuration, time: time).verify()
                return DemoSummary.Verification(
                    checked: report.checked, orders: report.orders,
                    findings: report.findings.map { finding in
                        "\(finding.database): \(finding.invariant): broken: \(finding.promise): "
                            + finding.rows.prefix(3).joined(separator: "; ")
                    })
            }, stop: stop)
        try await InstallationServer(
            installation: installation, configuration: configuration, time: time, logger: logger
        ).run(at: address, beside: run)
        return run.result.now
    }

    /// The defaults, whatever the environment says, on a port and in a directory of the demo's own.
    private static func configuration(_ directory: String) throws -> PantryConfiguration {
        let flags = [
            "data.directory": directory, "server.host": "127.0.0.1", "server.port": "0", "server.drain": "0s",
            "server.shutdownTimeout": "10s",
        ]
        return try ConfigurationLoader.load(
            ConfigurationSource(
                flags: flags.mapValues { ConfigurationSource.Flag(name: "demo", value: $0) }, environment: [:],
                file: nil, workingDirectory: directory)
        ).configuration
    }

    private static func whereNext(_ summary: DemoSummary) -> String {
        var lines = ["", "Next:"]
        if let directory = summary.directory {
            lines.append("  PANTRY_DATA_DIRECTORY=\(directory) pantry serve    serves the shops of this demo")
        }
        lines += [
            "  make run                  serves a demo grocery on http://127.0.0.1:8080, with requests to try",
            "  pantry serve              serves your own data",
            "  docs/architecture.md      how an order goes through two commits; docs/http.md has the routes",
        ]
        return lines.joined(separator: "\n")
    }
}
