import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// The commands for operators: beside a running server, through it, and on the files themselves.
struct CommandTests {
    private func json(_ result: Program.Result) throws -> JSONValue {
        #expect(result.exit.isSuccess, "\(result.exit): \(result.errors)")
        return try JSONReader.parse(result.output)
    }

    @Test func organizationsAndKeysWithAServer() async throws {
        var settings = InstallationSettings()
        settings["server", "port"] = "\(try LoopbackPort.next())"
        try await Installation.with(settings) { installation in
            let process = try await installation.start()
            let client = try process.client()
            try await administer(installation) { key in await client.get("/v1/organization", key: key).status ?? 0 }
            // It went through the server: with its directory locked there was no other way, and its log has the calls.
            #expect(process.errorText.contains("/ops/organizations/{id}/keys/{key}"))
            try await installation.expectVerified()
        }
    }

    @Test func organizationsAndKeysWithoutAServer() async throws {
        try await Installation.with { installation in
            try await administer(installation) { key in
                guard let process = try? await installation.start(), let client = try? process.client() else {
                    return 0
                }
                let status = await client.get("/v1/organization", key: key).status ?? 0
                process.terminate()
                _ = try? await process.ended()
                return status
            }
            try await installation.expectVerified()
        }
    }

    /// The same words and the same answers, whoever does the work.
    /// - Parameter tried: what a server says to a key.
    private func administer(_ installation: Installation, _ tried: (String) async -> Int) async throws {
        let made = try json(try await installation.run("org", "create", "Corner Shop", "--plan", "trial", "--json"))
        let id = try #require(made.object?["id"]?.string)
        let first = try #require(made.object?["apiKey"]?.string)
        #expect(made.object?["number"] == 0 && made.object?["plan"] == "trial")
        #expect(await tried(first) == 200)

        let listed = try json(try await installation.run("org", "list", "--json"))
        #expect(listed.array?.map { $0.object?["id"]?.string } == [id])
        #expect(listed.array?.first?.object?["apiKey"] == nil, "a key is shown once")
        let table = try await installation.run("org", "list")
        #expect(table.text.contains("Corner Shop") && table.text.hasPrefix("number"), "\(table.text)")

        let changed = try json(try await installation.run("org", "set-plan", id, "standard", "--json"))
        #expect(changed.object?["plan"] == "standard")
        let shown = try json(try await installation.run("org", "show", id, "--json"))
        #expect(shown.object?["plan"] == "standard" && shown.object?["name"] == "Corner Shop")

        let key = try json(try await installation.run("key", "create", id, "--role", "read", "--json"))
        let (keyID, text) = (try #require(key.object?["id"]?.string), try #require(key.object?["apiKey"]?.string))
        #expect(key.object?["role"] == "read")
        #expect(await tried(text) == 200)
        let revoked = try await installation.run("key", "revoke", id, keyID)
        #expect(revoked.exit.isSuccess && revoked.errors.contains("revoked \(keyID)"), "\(revoked.errors)")
        #expect(await tried(text) == 401)
        #expect(await tried(first) == 200)
        let keys = try json(try await installation.run("key", "list", id, "--json"))
        #expect(keys.array?.count == 2)
        let ended = keys.array?.filter { $0.object?["revokedAt"]?.isNull == false }.map { $0.object?["id"]?.string }
        #expect(ended == [keyID])

        let unknown = "org_00000000000000000000000000"
        let refusals: [([String], String)] = [
            (["org", "show", unknown], "there is no"), (["org", "show", "nonsense"], "here is no"),
            (["org", "set-plan", id, "gold"], "there is no plan “gold”"),
            (["org", "set-plan", unknown, "trial"], "here is no"),
            (["key", "create", unknown], "here is no"), (["key", "list", unknown], "here is no"),
            (["key", "revoke", id, keyID], "here is no key"), (["key", "revoke", id, "key_x"], "here is no"),
            (["org", "create", ""], "name: "), (["org", "create", "a\nb"], "name: "),
            (["org", "create", String(repeating: "x", count: 201)], "name: "),
            (["org", "create", "x", "--plan", "gold"], "no plan “gold”"),
        ]
        for (arguments, words) in refusals {
            let result = try await Program.run(
                try ProductLocation.pantry(), arguments + ["--config", installation.configurationFile.path])
            #expect(result.exit == .status(1), "\(arguments): \(result.exit)")
            #expect(result.errors.lowercased().contains(words.lowercased()), "\(arguments): \(result.errors)")
            #expect(result.output.isEmpty, "\(arguments) writes data: \(result.text)")
            Installation.expectPlainWords(result.errors)
        }
        #expect(try json(try await installation.run("org", "list", "--json")).array?.count == 1, "nothing was made")
    }

    /// A server with other data at the configured address is not ours to command.
    @Test func anotherInstallationsServerIsNotCommanded() async throws {
        try await Installation.with { stranger in
            let grocery = try await Grocery.open(stranger)
            var settings = InstallationSettings()
            settings["server", "port"] = "\(try #require(grocery.process.port))"
            try await Installation.with(settings) { installation in
                // The kit gives every installation the same token; this one has its own.
                let text = try String(contentsOf: installation.configurationFile, encoding: .utf8)
                try Data(text.replacingOccurrences(of: installation.operatorToken, with: "a-token-of-its-own-1").utf8)
                    .write(to: installation.configurationFile)
                let made = try json(try await installation.run("org", "create", "Mine", "--json"))
                #expect(made.object?["number"] == 0)
            }
            let token = stranger.operatorToken
            #expect(try await grocery.client.all("/v1/organizations", key: token).count == 2)
        }
    }

    @Test func aDryRunOfMigrateChangesNothing() async throws {
        try await Installation.with { installation in
            let dry = try await installation.run("migrate", "--dry-run")
            #expect(dry.exit.isSuccess)
            for (database, number) in [
                ("control", 1), ("control", 2), ("control", 3), ("shard-0", 1), ("shard-0", 2), ("shard-0", 3),
                ("shard-0", 4), ("shard-0", 5), ("provider", 1), ("provider", 2),
            ] {
                #expect(dry.text.contains("\(database): would apply \(number) "), "\(dry.text)")
            }
            #expect(!FileManager.default.fileExists(atPath: installation.dataDirectory.path))
            try FileManager.default.createDirectory(at: installation.dataDirectory, withIntermediateDirectories: true)
            let steps = try json(try await installation.run("migrate", "--dry-run", "--json"))
            #expect(steps.array?.count == 10 && steps.array?.allSatisfy { $0.object?["applied"] == false } == true)
            #expect(try FileManager.default.contentsOfDirectory(atPath: installation.dataDirectory.path).isEmpty)

            let applied = try json(try await installation.run("migrate", "--json"))
            #expect(applied.array?.count == 10 && applied.array?.allSatisfy { $0.object?["applied"] == true } == true)
            let again = try await installation.run("migrate", "--dry-run")
            #expect(again.text.contains("every database has this version's schema"), "\(again.text)")
            _ = try await installation.start()
            #expect(try json(try await installation.run("migrate", "--json")) == [], "beside a server")
        }
    }

    @Test func verifyNamesWhatIsBroken() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            try await Catalog(count: 2, stocked: 100).install(for: grocery.owner, on: grocery.client)
            let order = try await grocery.order("SKU-0001", as: grocery.owner, key: "one")
            grocery.process.terminate()
            #expect(try await grocery.process.ended().isSuccess)
            let clean = try json(try await installation.run("verify", "--json"))
            #expect(clean.object?["ok"] == true && clean.object?["orders"] == 1)

            let damages: [(file: String, statement: String, shows: String)] = [
                ("shard-0.db", "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'SKU-0001'", "SKU-0001"),
                ("shard-0.db", "UPDATE stock SET reserved = reserved + 1 WHERE sku = 'SKU-0002'", "SKU-0002"),
                ("shard-0.db", "DELETE FROM stock_ledger WHERE sku = 'SKU-0002'", "SKU-0002"),
                ("shard-0.db", "DELETE FROM reservations", "SKU-0001"),
                ("shard-0.db", "UPDATE reservations SET state = 'released'", "SKU-0001"),
                ("shard-0.db", "UPDATE orders SET total = total + 1", "payment-of-order"),
                ("shard-0.db", "UPDATE payments SET captured = 0", "payment-of-order"),
                ("shard-0.db", "DELETE FROM orders", "reservation-of-order"),
                ("shard-0.db", "DELETE FROM outbox WHERE sequence = 1", "event-sequence"),
                ("shard-0.db", "DELETE FROM saga_log WHERE entry = 1", "saga-log"),
                (
                    "sandbox-provider.db",
                    "INSERT INTO entries SELECT key, 2, kind, amount, at FROM entries WHERE kind = 'captured'", order
                ),
                ("sandbox-provider.db", "DELETE FROM entries WHERE kind = 'captured'", order),
                ("sandbox-provider.db", "UPDATE operations SET reference = 'nobody'", "“nobody”"),
                ("sandbox-provider.db", "UPDATE entries SET amount = amount + 1 WHERE kind = 'captured'", order),
            ]
            for damage in damages {
                try await installation.withCopy { copy in
                    try await Stored.run(copy, damage.file, [damage.statement], isReadOnly: false)
                    for isJSON in [true, false] {
                        let result =
                            isJSON ? try await copy.run("verify", "--json") : try await copy.run("verify")
                        #expect(result.exit == .status(1), "\(damage.statement): \(result.exit) \(result.errors)")
                        #expect(result.text.contains(damage.shows), "\(damage.statement): \(result.text)")
                        guard isJSON else { continue }
                        let report = try JSONReader.parse(result.output)
                        #expect(report.object?["ok"] == false)
                        let rows = report.object?["findings"]?.array?.first?.object?["rows"]?.array ?? []
                        #expect(!rows.isEmpty, "\(damage.statement): \(result.text)")
                    }
                }
            }
        }
    }

    @Test func everyCommandHasHelp() async throws {
        let pantry = try ProductLocation.pantry()
        let commands = [
            "", "serve", "migrate", "org", "org create", "org list", "org show", "org set-plan", "key", "key create",
            "key list", "key revoke", "saga", "saga list", "saga show", "saga retry", "saga skip", "saga force",
            "saga compensate", "saga cancel", "import", "import products", "import baskets", "demo", "verify", "config",
            "config explain",
        ]
        for command in commands {
            let words = command.split(separator: " ").map(String.init)
            let result = try await Program.run(pantry, words + ["--help"])
            #expect(result.exit.isSuccess && result.errors.isEmpty, "\(command): \(result.errors)")
            #expect(result.text.contains("OVERVIEW: ") && result.text.contains("USAGE: pantry"), "\(command)")
            // A list of commands that lacks one would leave it unproven.
            let listed = result.text.components(separatedBy: "SUBCOMMANDS:").dropFirst().first ?? ""
            for match in listed.matches(of: #/\n  ([a-z][a-z-]*) /#) where match.1 != "help" {
                #expect(commands.contains((words + [String(match.1)]).joined(separator: " ")), "\(command) \(match.1)")
            }
            let wrong = try await Program.run(pantry, words + ["--no-such-option"])
            #expect(wrong.exit == .status(64), "\(command): \(wrong.exit)")
            #expect(!wrong.errors.isEmpty && wrong.output.isEmpty, "\(command)")
        }
    }
}
