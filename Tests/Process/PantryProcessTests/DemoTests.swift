import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// `pantry demo`, as a process with a temporary folder of its own.
    @Suite("The demo")
    struct DemoTests {
        @Test func itsSummaryIsWhatTheServerSays() async throws {
            try await DemoFolder.with { demo in
                let result = try await demo.run("--orders", "120", "--organizations", "2", "--json", "--keep")
                #expect(result.exit.isSuccess, "\(result.exit): \(result.text) \(result.errors)")
                let summary = try #require(try JSONReader.parse(result.output).object)
                #expect(summary["ok"] == true && summary["interrupted"] == false && summary["faults"] == [])
                try expectOutcomes(try #require(summary["orders"]?.object), placed: 120)
                try expectRaceAndReplays(summary)
                let kept = try #require(summary["directory"]?.string)
                #expect(demo.contents == [URL(fileURLWithPath: kept).lastPathComponent])
                try await expectSameOnServer(summary, kept)
            }
        }

        private func expectOutcomes(_ orders: JSONObject, placed: Int64) throws {
            #expect(orders.number("placed") == placed)
            let outcomes = [
                "confirmed", "queued", "processing", "outOfStock", "declined", "paymentUnavailable", "refused",
                "unanswered",
            ]
            #expect(outcomes.reduce(0) { $0 + orders.number($1) } == placed)
            for outcome in ["confirmed", "declined", "canceledLater", "refundedLater", "lostAnswers"] {
                #expect(orders.number(outcome) > 0, "\(outcome)")
            }
            #expect(orders.number("refused") == 0 && orders.number("unanswered") == 0)
        }

        private func expectRaceAndReplays(_ summary: JSONObject) throws {
            let race = try #require(summary["race"]?.object)
            #expect(race.number("winners") == race.number("units") && race.number("oversold") == 0)
            #expect(race.number("winners") + race.number("outOfStock") == race.number("buyers"))
            let replays = try #require(summary["replays"]?.object)
            #expect(replays.number("repeats") > 0 && replays.number("whileUnderWay") > 0)
            #expect(replays.number("sameAnswer") == replays.number("repeats"))
            let latency = try #require(summary["latencyMicroseconds"]?.object)
            #expect(latency.number("count") == summary["orders"]?.object?.number("placed"))
            let steps = ["p50", "p90", "p99", "max"].map { latency.number($0) }
            #expect(steps[0] > 0 && steps == steps.sorted())
            let rate = try #require(summary["ordersPerSecond"]?.numberLiteral.flatMap(Double.init))
            let counted = rate * Double(summary.number("durationMilliseconds")) / 1_000
            #expect(abs(counted - Double(latency.number("count"))) < 1 + counted / 100, "\(rate) orders/s")
            let verify = try #require(summary["verify"]?.object)
            #expect(verify["ok"] == true && verify.number("checked") > 10)
        }

        /// Serves the directory that the demo has left, and asks for everything again.
        private func expectSameOnServer(_ summary: JSONObject, _ kept: String) async throws {
            try await Installation.with { installation in
                try FileManager.default.moveItem(
                    at: URL(fileURLWithPath: kept), to: installation.dataDirectory)
                let client = try await installation.start().client()
                let shops = summary["organizations"]?.array?.compactMap(\.object) ?? []
                #expect(shops.count == 2)
                var orders = 0
                for shop in shops {
                    let made = await client.send(
                        "POST", "/ops/organizations/\(shop.text("id"))/keys", ["role": "read"],
                        key: installation.operatorToken)
                    let key = try #require(made.answer?["apiKey"]?.string, "\(made)")
                    let all = try await client.all("/v1/orders", key: key).map {
                        Evidence.Order(organization: shop.text("id"), json: $0)
                    }
                    orders += all.count
                    let standing = all.filter(\.stands)
                    #expect(Int64(standing.count) == shop.number("orders"))
                    #expect(
                        standing.reduce(0) { $0 + $1.units.values.reduce(0, +) } == shop.number("units"))
                    #expect(standing.reduce(0) { $0 + $1.total - $1.refunded } == shop.number("revenue"))
                }
                // Orders that were refused for want of stock are no orders; the race's winners are.
                let told = summary["orders"]?.object ?? [:]
                let race = summary["race"]?.object?.number("winners") ?? 0
                #expect(Int64(orders) == told.number("placed") - told.number("outOfStock") + race)
                let verified = try await installation.run("verify")
                #expect(verified.exit.isSuccess, "\(verified.text)")
            }
        }

        @Test func itsTextIsPlainWhenPiped() async throws {
            try await DemoFolder.with { demo in
                let result = try await demo.run("--orders", "30", "--organizations", "1", "--clients", "4")
                #expect(result.exit.isSuccess, "\(result.exit): \(result.text) \(result.errors)")
                #expect(result.text.contains("all hold") && result.text.contains("0 oversold"), "\(result.text)")
                #expect(!result.text.contains("\u{1B}") && !result.errors.contains("\u{1B}"))
                #expect(!result.errors.contains("\r"))
                #expect(demo.contents == [])
            }
        }

        @Test func aTerminalSeesHowFarItIs() async throws {
            try await DemoFolder.with { demo in
                let result = try await demo.runOnTerminal("--orders", "60", "--organizations", "1", "--clients", "4")
                #expect(result.exit.isSuccess, "\(result.exit): \(result.text)")
                let pictures = result.text.split(separator: "\r\u{1B}[K").filter { $0.contains(" of 60  ") }
                #expect(pictures.contains { $0.contains("░") }, "\(result.text)")
                #expect(pictures.allSatisfy { $0.contains(" orders/s  ") }, "\(pictures)")
                #expect(result.text.contains("all hold"), "\(result.text)")
                #expect(demo.contents == [])
            }
        }

        @Test(arguments: [SIGINT, SIGTERM])
        func aSignalEndsItCleanly(signal: Int32) async throws {
            try await DemoFolder.with { demo in
                let child = try demo.launch("--orders", "1000000", "--organizations", "1", "--json")
                try await demo.waitForOrders(25)
                child.send(signal)
                #expect(try await child.ended(within: .seconds(30)) == .status(130), "\(demo.errors)")
                #expect(demo.contents == [], "the data directory is still there")
                let summary = try #require(try JSONReader.parse(demo.output).object)
                #expect(summary["interrupted"] == true && summary["ok"] == true, "\(summary)")
                let placed = summary["orders"]?.object?.number("placed") ?? 0
                #expect((25..<1_000_000).contains(placed))
                #expect(summary["verify"]?.object?["ok"] == true)
            }
        }

        @Test func booksThatWereTamperedWithMakeItFail() async throws {
            try await DemoFolder.with { demo in
                // So many that it is not over before a busy machine has begun with this.
                let child = try demo.launch("--orders", "1500", "--organizations", "1", "--json")
                try await tamper(try await demo.waitForOrders(25))
                #expect(try await child.ended(within: .seconds(120)) == .status(1), "\(demo.errors)")
                let summary = try #require(try JSONReader.parse(demo.output).object)
                #expect(summary["ok"] == false && summary["verify"]?.object?["ok"] == false)
                #expect(summary["faults"]?.array?.isEmpty == false)
                #expect(demo.contents == [])
            }
        }

        /// Somebody has paid a cent more than their order says.
        private func tamper(_ directory: URL) async throws {
            let tampered = try await Program.run(
                "/usr/bin/env",
                [
                    "sqlite3", "-cmd", ".timeout 10000",
                    directory.appendingPathComponent(StoredRows.provider).path,
                    "UPDATE entries SET amount = amount + 1 WHERE kind = 'captured'; SELECT changes() AS changed",
                ])
            try #require(tampered.exit.isSuccess, "\(tampered.errors)")
            try #require(Int(tampered.text.split(separator: "\n").last ?? "") ?? 0 > 0, "\(tampered.text)")
        }

        @Test func whatItCannotUseIsRefusedInWords() async throws {
            try await DemoFolder.with { demo in
                let missing = try await demo.run("--products", "/nowhere/products.csv")
                #expect(missing.exit == .status(1) && missing.errors.contains("/nowhere/products.csv"))
                let wrong = try await demo.run("--baskets", "\(GroceryBaskets.exampleFolder())/products.csv")
                #expect(wrong.exit == .status(1) && wrong.errors.contains("basket_id"), "\(wrong.errors)")
                #expect(try await demo.run("--orders", "0").exit == .status(64))
                #expect(demo.contents == [])
            }
        }
    }
}

/// A folder that holds all that a demo leaves on the disk.
private final class DemoFolder: Sendable {
    let folder: URL
    private let files: URL

    private init() throws {
        let name = "pantry-demo-test-\(ProcessInfo.processInfo.processIdentifier)-\(UUID().uuidString)"
        let base = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        (folder, files) = (base.appendingPathComponent("tmp"), base.appendingPathComponent("out"))
        for each in [folder, files] {
            try FileManager.default.createDirectory(at: each, withIntermediateDirectories: true)
        }
    }

    static func with(_ body: (DemoFolder) async throws -> Void) async throws {
        let demo = try DemoFolder()
        defer { try? FileManager.default.removeItem(at: demo.folder.deletingLastPathComponent()) }
        try await body(demo)
    }

    private var environment: [String: String] { Program.scrubbedEnvironment(["TMPDIR": folder.path]) }
    private func arguments(_ more: [String]) -> [String] {
        let example = GroceryBaskets.exampleFolder()
        var arguments = ["demo"] + more
        if !more.contains("--products") { arguments += ["--products", "\(example)/products.csv"] }
        if !more.contains("--baskets") { arguments += ["--baskets", "\(example)/baskets.csv"] }
        return arguments
    }

    func run(_ more: String...) async throws -> Program.Result {
        try await Program.run(
            try ProductLocation.pantry(), arguments(more), environment: environment, within: .seconds(120))
    }

    /// With both streams on one terminal.
    func runOnTerminal(_ more: String...) async throws -> Program.Result {
        let command = ([try ProductLocation.pantry()] + arguments(more)).joined(separator: " ")
        return try await Program.run(
            "/usr/bin/env", ["script", "-qec", command, "/dev/null"],
            environment: environment.merging(["TERM": "xterm"]) { $1 }, within: .seconds(120))
    }

    func launch(_ more: String...) throws -> ChildProcess {
        let command = try RunFolder.shared.get().command([try ProductLocation.pantry()] + arguments(more))
        return try ChildProcess(
            command[0], Array(command.dropFirst()), environment: environment,
            output: files.appendingPathComponent("out").path, errors: files.appendingPathComponent("err").path)
    }

    var output: [UInt8] { Array((try? Data(contentsOf: files.appendingPathComponent("out"))) ?? Data()) }
    var errors: String {
        String(decoding: (try? Data(contentsOf: files.appendingPathComponent("err"))) ?? Data(), as: UTF8.self)
    }
    /// What is in the temporary folder.
    var contents: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? ["unreadable"] }

    /// Waits until the demo has that many orders.
    /// - Returns: its data directory.
    @discardableResult
    func waitForOrders(_ count: Int64) async throws -> URL {
        try await Poll.until("\(count) orders of the demo", within: .seconds(60), every: .milliseconds(50)) {
            guard let name = contents.first(where: { $0.hasPrefix("pantry-demo") }) else { return nil }
            let directory = folder.appendingPathComponent(name)
            // Before the schema is there, this fails.
            let file = directory.appendingPathComponent(StoredRows.shard).path
            let result = try await Program.run(
                "/usr/bin/env",
                ["sqlite3", "-readonly", file, "SELECT COUNT(*) FROM orders WHERE status = 'confirmed'"])
            let found = Int64(result.text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
            return found >= count ? directory : nil
        }
    }
}
