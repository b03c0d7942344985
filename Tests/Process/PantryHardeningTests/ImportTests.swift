import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// `pantry import products`, and what else is wrong with files and uploads.
struct ImportTests {
    private static let rows = """
        sku,name,amount,currency,category,onHand
        A,Apple,250,USD,Fruit,5
        a b,Bad,1,USD,,
        "C","Cake, whole",900,USD,,1

        """

    private func importing(
        _ installation: Installation, _ arguments: [String], input: String = "/dev/null"
    ) async throws -> Program.Result {
        let command = [try ProductLocation.pantry(), "import", "products"] + arguments
        return try await Program.run(
            "/bin/sh",
            ["-c", "\"$@\" < \(input)", "sh"] + command + ["--config", installation.configurationFile.path])
    }

    private func organization(_ installation: Installation) async throws -> String {
        let made = try await installation.run("org", "create", "Shop", "--json")
        return try #require(try JSONReader.parse(made.output).object?["id"]?.string)
    }

    private func write(_ text: String, _ name: String, _ installation: Installation) throws -> String {
        let file = installation.folder.appendingPathComponent(name)
        try Data(text.utf8).write(to: file)
        return file.path
    }

    @Test func throughTheServer() async throws {
        var settings = InstallationSettings()
        settings["server", "port"] = "\(try LoopbackPort.next())"
        try await Installation.with(settings) { installation in
            let process = try await installation.start()
            try await importFiles(installation)
            #expect(process.errorText.contains("/ops/organizations/{id}/product-imports"))
            try await installation.expectVerified()
        }
    }

    @Test func onTheFilesThemselves() async throws {
        try await Installation.with { installation in
            try await importFiles(installation)
            try await installation.expectVerified()
        }
    }

    /// The same words and exit codes, whoever does the work.
    private func importFiles(_ installation: Installation) async throws {
        let id = try await organization(installation)
        let file = try write(Self.rows, "rows.csv", installation)
        let first = try await importing(installation, [file, "--organization", id])
        #expect(first.exit == .status(1), "\(first.exit): \(first.errors)")
        #expect(first.text == "imported 2, failed 1\n")
        #expect(first.errors.contains("\(file):3: sku: a SKU is"), "\(first.errors)")
        #expect(first.errors.contains("(invalid-sku)") && first.errors.contains("1 rows were not imported"))

        let good = Self.rows.split(separator: "\n").filter { !$0.hasPrefix("a b") }.joined(separator: "\n")
        let other = try write(good, "good.txt", installation)
        let piped = try await importing(
            installation, ["-", "--format", "csv", "--json", "--organization", id], input: other)
        #expect(piped.exit.isSuccess, "\(piped.exit): \(piped.errors)")
        #expect(piped.text == "{\"imported\":2,\"failed\":0,\"errors\":[]}\n")
        #expect(piped.errors.isEmpty, "no progress bar without a terminal: \(piped.errors)")

        let line = #"{"sku":"N","name":"New","unitPrice":{"amount":1,"currency":"USD"},"onHand":2}"#
        let lines = try write(line, "rows.jsonl", installation)
        for _ in 0..<2 {
            let keyed = try await importing(
                installation, [lines, "--organization", id, "--idempotency-key", "monday"])
            #expect(keyed.text == "imported 1, failed 0\n", "\(keyed.errors)")
        }
        let reused = try await importing(
            installation, [other, "--format", "ndjson", "--organization", id, "--idempotency-key", "monday"])
        #expect(reused.exit == .status(1) && reused.errors.contains("monday") == false)
        try await refusals(installation, id, file)
    }

    private func refusals(_ installation: Installation, _ id: String, _ file: String) async throws {
        let header = try write("sku,price\nA,1\n", "header.csv", installation)
        let open = try write(Self.rows + "D,\"open,1,USD,,\n", "open.csv", installation)
        let refused: [([String], ProcessExit, String)] = [
            ([file, "--organization", "org_nobody"], .status(1), "here is no"),
            ([file], .status(64), "--organization"), (["-", "--organization", id], .status(64), "--format"),
            ([file + ".txt", "--organization", id], .status(64), "--format"),
            (["nothing.csv", "--organization", id], .status(1), "cannot be read"),
            ([installation.folder.path, "--format", "csv", "--organization", id], .status(1), "cannot be read"),
            ([file, "--organization", id, "--idempotency-key", "with space"], .status(1), "visible ASCII"),
            ([header, "--organization", id], .status(1), "sku,name,amount,currency"),
            ([open, "--organization", id], .status(1), "2 rows were imported and 1 were refused"),
        ]
        for (arguments, exit, words) in refused {
            let result = try await importing(installation, arguments)
            #expect(result.exit == exit, "\(arguments): \(result.exit) \(result.errors)")
            #expect(result.errors.contains(words), "\(arguments): \(result.errors)")
            Installation.expectPlainWords(result.errors)
        }
    }

    /// The server is killed in the middle of a file; the same command goes on where it was.
    @Test func aServerThatGoesAwayIsTold() async throws {
        var settings = InstallationSettings()
        settings["server", "port"] = "\(try LoopbackPort.next())"
        try await Installation.with(settings) { installation in
            let id = try await organization(installation)
            let rows = (1...2_000).map { "P-\($0),Product,1,USD,,5\n" }.joined()
            let file = try write("sku,name,amount,currency,category,onHand\n" + rows, "many.csv", installation)
            let command = [file, "--organization", id, "--idempotency-key", "many"]
            let process = try await installation.start(.sinceReady(7))
            let cut = try await importing(installation, command)
            #expect(cut.exit == .status(69), "\(cut.exit): \(cut.errors)")
            #expect(cut.output.isEmpty && cut.errors.contains("the server went away"), "\(cut.errors)")
            #expect(try await process.ended() == .signal(SIGKILL))
            let repeated = try await importing(installation, command)
            #expect(repeated.text == "imported 2000, failed 0\n", "\(repeated.errors)")
            let units = try await Stored.run(installation, "shard-0.db", ["SELECT SUM(on_hand) FROM stock"])
            #expect(units == "10000\n")
            try await installation.expectVerified()
        }
    }

    @Test func aTerminalSeesHowFarItIs() async throws {
        try await Installation.with { installation in
            let id = try await organization(installation)
            let file = try write(Self.rows.replacing("a b,Bad,1,USD,,\n", with: ""), "rows.csv", installation)
            let command = [
                try ProductLocation.pantry(), "import", "products", file, "--organization", id, "--config",
                installation.configurationFile.path,
            ].joined(separator: " ")
            for (noColor, isColored) in [("", true), ("1", false)] {
                let result = try await Program.run(
                    "/usr/bin/env", ["script", "-qec", command, "/dev/null"],
                    environment: Program.scrubbedEnvironment(["TERM": "xterm", "NO_COLOR": noColor]))
                #expect(result.exit.isSuccess, "\(result.text)")
                #expect(result.text.contains("importing  [") && result.text.contains("100%"), "\(result.text)")
                #expect(result.text.contains("\u{1B}[32m") == isColored)
                #expect(result.text.hasSuffix("\r\u{1B}[Kimported 2, failed 0\r\n"), "\(result.text)")
            }
        }
    }

    /// Uploads that are cut short, lie about their size, never end or are no table at all.
    @Test func badUploadsLeaveTheServerAsItWas() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            let before = try await Stored.dump(installation)
            let nothing: [(body: [UInt8], type: String, status: Int)] = [
                ([], "text/csv", 400), (Array("{}".utf8), "text/csv", 400), ([0xFF, 0xFE, 0], "text/csv", 400),
                (Array(repeating: 0x22, count: 100_000), "text/csv", 400),
                (Array(repeating: 0x78, count: 100_000), "application/x-ndjson", 400),
                (Array("sku,name,amount,currency\n".utf8), "application/json", 415),
                (Array("{}".utf8), "text/csv; charset=utf-16", 415),
                (Array(String(repeating: "\n", count: 300_000).utf8), "application/x-ndjson", 200),
                (Array(String(repeating: "[\n", count: 100_000).utf8), "application/x-ndjson", 200),
                (Array((#"{"a":"# + String(repeating: "[", count: 60_000) + "\n").utf8), "application/jsonl", 200),
            ]
            for (body, type, status) in nothing {
                let outcome = await grocery.client.send(
                    PantryRequest(
                        "POST", "/v1/product-imports", .bytes(body, type: type), credential: grocery.owner.apiKey))
                #expect(outcome.status == status, "\(type), \(body.count) bytes: \(outcome)")
                #expect((outcome.answer?.body.count ?? 0) < 300_000)
                if status == 200 { #expect(outcome.answer?["imported"] == 0) }
            }
            try await cutShort(grocery)
            #expect(try await Stored.dump(installation) == before)
            let answer = await grocery.client.get("/readyz")
            #expect(answer.status == 200)
            try await installation.expectVerified()
        }
    }

    private func cutShort(_ grocery: Grocery) async throws {
        let head =
            "POST /v1/product-imports HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
            + "Authorization: Bearer \(grocery.owner.apiKey)\r\n"
        let port = try #require(grocery.process.port)
        let sent: [(String, String?)] = [
            ("Content-Length: 300000000\r\n\r\n", "HTTP/1.1 413"),
            ("Content-Length: 300000000\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 413"),
            ("Content-Length: 9\r\nExpect: 100-continue\r\n\r\nsku,name\n", "HTTP/1.1 100"),
            ("Transfer-Encoding: chunked\r\n\r\n9\r\nsku,name\n\r\nzz\r\n", "HTTP/1.1 400"),
            ("Content-Length: 100\r\n\r\nsku,name,amount,currency\nA,Apple,", nil),
        ]
        for (rest, begins) in sent {
            let connection = try RawConnection(port: port)
            connection.send(head + rest)
            guard let begins else { continue }
            var received: [UInt8] = []
            try await Poll.untilTrue("an answer to \(rest.prefix(40))") {
                received += connection.receive() ?? []
                return received.count >= begins.utf8.count
            }
            let text = String(decoding: received, as: UTF8.self)
            #expect(text.hasPrefix(begins), "\(rest.prefix(60)): \(text.prefix(200))")
        }
    }
}
