import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// Wrong configurations, as the real command meets them.
struct ConfigurationTests {
    /// Runs `serve` with that file, which must not start.
    private func refused(_ text: String, _ installation: Installation) async throws -> String {
        let file = installation.folder.appendingPathComponent("wrong.yaml")
        try Data(text.utf8).write(to: file)
        let refusal = try await installation.refusedStart(78, file: file.path)
        #expect(refusal.contains("wrong.yaml:"), "the place is missing: \(refusal)")
        return refusal
    }

    @Test func wrongSettingsStopTheStartWithPlaceAndRemedy() async throws {
        try await Installation.with { installation in
            let wrong: [(String, [String])] = [
                ("server: { prot: 1 }", ["1:11", "server.prot", "did you mean \"port\""]),
                ("srver: {}", ["1:1", "did you mean \"server\""]),
                ("server: { port: abc }", ["1:17", "server.port", "\"abc\"", "0 to 65535"]),
                ("server:\n  port: 70000", ["2:9", "70000"]),
                ("checkout: { wait: 5 }", ["1:19", "checkout.wait", "5s"]),
                ("server: {", ["not valid YAML"]),
                ("server: { port: 1 }\nserver: { port: 2 }", ["\"server\"", "more than once"]),
                ("data: { directory: \"\" }", ["data.directory", "empty"]),
                (
                    "cache: { url: \"rediss://:hush@localhost:6379/0?ca=/none/ca.pem\" }",
                    ["cache.url", "rediss://", "“/none/ca.pem”", "cannot be read"]
                ),
                ("bus: { url: \"amqp://localhost\" }", ["bus.url", "amqp:// is not supported", "local:"]),
                ("bus: { url: \"redis://localhost\" }", ["bus.url", "redis:// is not supported"]),
                ("control: { url: \"postgres://h/x\" }", ["control.url", "there is no user", "postgres://USER@"]),
                (
                    "shards: [ { name: s, primary: \"postgres://h/x\" } ]",
                    ["shards[0].primary", "there is no user"]
                ),
                ("payments: { provider: stripe }", ["payments.key", "is missing"]),
                (
                    "checkout: { style: choreography }",
                    ["checkout.style", "choreography is not supported", "orchestration"]
                ),
                ("operator: { token: \"hush\" }", ["operator.token", "16"]),
            ]
            for (text, words) in wrong {
                let refusal = try await refused(text, installation)
                for word in words { #expect(refusal.contains(word), "\(text): \(refusal)") }
                #expect(!refusal.contains("hush"), "a secret is shown")
            }
            #expect(!FileManager.default.fileExists(atPath: installation.dataDirectory.path), "nothing was made")
        }
    }

    @Test func filesThatCannotBeReadAreNamed() async throws {
        try await Installation.with { installation in
            let folder = installation.folder.path
            let missing = try await installation.refusedStart(78, file: "\(folder)/none.yaml")
            #expect(missing.contains("none.yaml: there is no such file"), "\(missing)")
            #expect(try await installation.refusedStart(78, file: folder).contains("is a directory"))
            let file = installation.folder.appendingPathComponent("bytes.yaml")
            try Data([0xFF, 0xFE]).write(to: file)
            #expect(try await installation.refusedStart(78, file: file.path).contains("is not UTF-8"))
        }
    }

    @Test func aFlagBeatsAVariableBeatsTheFileBeatsTheDefault() async throws {
        try await Installation.with { installation in
            let pantry = try ProductLocation.pantry()
            let file = installation.configurationFile.path
            func explained(_ variables: [String: String]) async throws -> [String: (value: String, origin: String)] {
                let result = try await Program.run(
                    pantry, ["config", "explain", "--json", "--config", file],
                    environment: Program.scrubbedEnvironment(variables))
                #expect(result.exit.isSuccess, "\(result.errors)")
                #expect(!result.text.contains(installation.operatorToken), "a secret is shown")
                var settings: [String: (value: String, origin: String)] = [:]
                for element in try JSONReader.parse(result.output).array ?? [] {
                    guard let object = element.object, let name = object["path"]?.string else {
                        Issue.record("not a setting: \(element)")
                        continue
                    }
                    settings[name] = (object["value"]?.string ?? "", object["origin"]?.serialized() ?? "")
                }
                return settings
            }
            let plain = try await explained([:])
            #expect(plain["checkout.wait"]?.origin.contains("default") == true, "\(plain)")
            #expect(plain["server.drain"]?.origin.contains("pantry.yaml") == true, "\(plain)")
            let varied = try await explained(["PANTRY_SERVER_DRAIN": "7s"])
            #expect(varied["server.drain"]?.value == "7s")
            #expect(varied["server.drain"]?.origin.contains("PANTRY_SERVER_DRAIN") == true)

            // The flag, against both.
            let port = try LoopbackPort.next()
            let errors = installation.folder.appendingPathComponent("flag.txt").path
            let command = try RunFolder.shared.get().command([pantry, "serve", "--config", file, "--port", "\(port)"])
            let server = try ChildProcess(
                command[0], Array(command.dropFirst()),
                environment: Program.scrubbedEnvironment(["PANTRY_SERVER_PORT": "1"]), output: "/dev/null",
                errors: errors)
            try await Poll.untilTrue("the server at its flag's port", within: .seconds(20)) {
                await PantryClient(port: port).get("/readyz").status == 200
            }
            server.killAndReap()

            let unknown = try await Program.run(
                pantry, ["config", "explain"], environment: Program.scrubbedEnvironment(["PANTRY_SERVER_PROT": "1"]))
            #expect(unknown.exit == .status(78))
            #expect(unknown.errors.contains("did you mean PANTRY_SERVER_PORT"), "\(unknown.errors)")
            let wrong = try await Program.run(
                pantry, ["serve", "--config", file, "--port", "abc"], environment: Program.scrubbedEnvironment())
            #expect(wrong.exit == .status(78) && wrong.errors.contains("--port"), "\(wrong.errors)")
        }
    }
}
