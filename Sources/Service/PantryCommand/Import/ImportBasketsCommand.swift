import ArgumentParser
import Determinism
import Foundation
import PantryAssembly
import PantryDomain
import PantryReplay
import StrictJSON
import Synchronization

/// `pantry import baskets`.
struct ImportBasketsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baskets",
        abstract: "Places the baskets of a file as orders of one organization.",
        discussion: """
            FILE is CSV with the columns basket_id, sku and quantity (store_id and placed_at are kept as the order's \
            metadata), where the lines of a basket stand together; or NDJSON with {basketId, storeId?, placedAt?, \
            items: [{sku, quantity}]} in each line; - is standard input.
            A basket's id makes its idempotency key: doing it again within a day, or going on after it was \
            interrupted, places nothing twice; keys are forgotten after that. Goes through the running server, else \
            opens the databases itself.
            Exits with 1 unless every basket became an order, with 130 when it was interrupted.
            """)
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The file, or - for standard input.") var file: String
    @Option(help: "The organization's id, org_….") var organization: String
    @Option(help: "What stands before the basket's id in each idempotency key.") var keyPrefix = "basket-"
    @Option(help: "How many orders are under way at once.") var clients = 16
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard (1...1_000).contains(clients) else { throw ValidationError("--clients takes 1 to 1000") }
        guard OrderDraft.isKey(keyPrefix + "1"), keyPrefix.utf8.count <= 200 else {
            throw ValidationError("--key-prefix takes at most 200 printable ASCII characters without blanks")
        }
    }

    func run() async throws {
        try await reportingFailures {
            signal(SIGPIPE, SIG_IGN)
            let configuration = try options.load().configuration
            let stop = StopSign()
            let reader: BasketReader
            do {
                reader = BasketReader(try BasketFile(file), until: stop)
            } catch { throw CommandFailure(.failed, "\(error)") }
            let run = BasketImportRun(
                organization: organization, prefix: keyPrefix, clients: clients, reader: reader, stop: stop)
            do {
                try await Interruption.raising(run.stop) { try await run.run(configuration) }
            } catch let refusal as Refusal {
                throw CommandFailure(.failed, refusal.sentence)
            }
            let report = run.report
            try Console.out(json ? report.json : report.text)
            if let reason = report.breakOff {
                throw CommandFailure(report.isUnanswered ? .unavailable : .failed, reason)
            }
            // A hopeless end raises the sign too, but has a reason.
            if run.stop.isRaised {
                Console.error("interrupted; the same command goes on where this one stopped")
                throw ExitCode(CommandFailure.Code.interrupted.rawValue)
            }
            if !report.isComplete { throw ExitCode(CommandFailure.Code.failed.rawValue) }
        }
    }
}

/// One import, with an API key that lives only as long.
private final class BasketImportRun: Sendable {
    let organization: String
    let prefix: String
    let clients: Int
    let reader: BasketReader
    let stop: StopSign
    private let result = Mutex(BasketImportReport())

    init(organization: String, prefix: String, clients: Int, reader: BasketReader, stop: StopSign) {
        (self.organization, self.prefix, self.clients) = (organization, prefix, clients)
        (self.reader, self.stop) = (reader, stop)
    }

    var report: BasketImportReport { result.withLock { $0 } }

    func run(_ configuration: PantryConfiguration) async throws {
        try await ServerAccess.use(configuration) { [self] base, administration in
            let made = try await administration.createKey(organization, role: .write).object
            guard let id = made?["id"]?.string, let key = made?["apiKey"]?.string else {
                throw CommandFailure(.failed, "the server gave no key")
            }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await place(base, key)) } catch { outcome = .failure(error) }
            do {
                try await administration.revokeKey(organization, id)
            } catch {
                Console.error("pantry: warning: the import's key \(id) could not be revoked: \(error)")
            }
            try outcome.get()
        }
    }

    private func place(_ base: String, _ key: String) async throws {
        let time = SystemTime()
        let bar = OrderProgress("ordering", unit: "baskets", total: nil, time: time)
        try await APIClient.with(base, connections: clients) { client in
            var work = BasketImport(OrderSender(client, time: time), credential: key, prefix: prefix)
            work.workers = clients
            let report = await work.run(reader, stop: stop) { bar.advance() }
            result.withLock { $0 = report }
        }
        bar.finish()
    }
}
