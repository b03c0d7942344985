import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// What the server does, compared with its published description. One after the other: each keeps both cores busy.
@Suite("The published contract", .serialized)
struct ContractTests {
    private static let isLong = ProcessInfo.processInfo.environment["PANTRY_TEST_LONG"] == "1"

    /// No generated request brings a saga so far that an operator has something to decide.
    private static let ofStuckSagas = ["retrySaga", "skipSaga", "forceSaga", "compensateSaga", "cancelSaga"]

    @Test("the description is valid OpenAPI 3.1, and its examples are instances of their schemas")
    func description() async throws {
        try await Installation.with { installation in
            let process = try await installation.start()
            let outcome = await (try process.client()).get("/openapi.json")
            let body = try #require(outcome.answer?.body, "\(outcome)")
            let file = installation.folder.appendingPathComponent("openapi.json")
            try Data(body).write(to: file)
            let result = try await ContractTools.run("validate.py", [file.path], within: .seconds(60))
            #expect(result.exit.isSuccess, "\(result.errors)\n\(result.text)")
            let counts = try #require(ContractTools.lastLine(of: result))
            #expect(counts["operations"]?.integer ?? 0 >= 37)
            #expect(counts["examples"]?.integer ?? 0 >= 140)
            #expect(counts["successes"]?.integer ?? 0 >= 50)
            #expect(counts["problems"]?.integer ?? 0 >= 29)
            #expect(counts["headers"]?.integer ?? 0 >= 3_000)
        }
    }

    @Test("generated requests get answers that the description allows", .timeLimit(.minutes(isLong ? 60 : 10)))
    func generatedRequests() async throws {
        var settings = InstallationSettings()
        // A sandbox that is slow must not make the run so; answers of 202 are wanted, too.
        settings["checkout", "wait"] = "300ms"
        settings["payments", "timeout"] = "200ms"
        // Limits that nobody reaches: answers say how much is left of them.
        let much = "{ points: 1000000, duration: 60s }"
        settings["limits", "plans"] =
            "{ anonymous: { requests: \(much) }, unlimited: { requests: \(much), orders: \(much) } }"
        try await Installation.with(settings) { installation in
            let process = try await installation.start()
            let client = try process.client()
            let tenant = try await Tenant.create("Fuzzed", on: client, operatorToken: installation.operatorToken)
            let catalog = Catalog(count: 6, stocked: 1_000_000)
            try await catalog.install(for: tenant, on: client)
            let wanted = Self.isLong ? 20_000 : 2_500
            let result = try await ContractTools.run(
                "fuzz.py",
                [
                    "--url", client.base, "--organization", tenant.id, "--key", tenant.apiKey,
                    "--operator-token", installation.operatorToken,
                    "--skus", catalog.items.map(\.sku).joined(separator: ","), "--cases", "\(wanted)",
                    "--examples", Self.isLong ? "100" : "25",
                ], within: .seconds(Self.isLong ? 3_000 : 540))
            #expect(result.exit.isSuccess, "\(result.text.suffix(14_000))\n\(result.errors.suffix(4_000))")
            let counts = try #require(ContractTools.lastLine(of: result), "\(result.text.suffix(2_000))")
            let cases = counts["cases"]?.integer ?? 0
            FileHandle.standardError.write(
                Data("contract: \(cases) generated requests in \(counts["seconds"]?.integer ?? 0) s\n".utf8))
            #expect(cases >= wanted)
            // A run that never gets past the refusals would compare little.
            let refused = Set(try #require(counts["withoutSuccess"]?.array).compactMap(\.string))
            // And the sandbox sends no webhooks.
            #expect(refused.subtracting(Self.ofStuckSagas + ["receiveProviderEvent"]).sorted() == [])
            #expect(counts["skipped"]?.array == [])
            // On how many answers each field was found, none of them undescribed.
            let fields = try #require(counts["headers"]?.object)
            for (name, least) in [
                ("x-request-id", wanted / 2), ("x-request-id of the request", 20), ("ratelimit", wanted / 4),
                ("ratelimit-policy", wanted / 4), ("pantry-consistency-token", 50), ("pantry-served-by", 50),
                ("idempotent-replayed", 1), ("location", 10), ("www-authenticate", 10), ("allow", 10),
            ] { #expect(fields[name]?.integer ?? 0 >= least, "\(name): \(fields)") }
            process.terminate()
            #expect(try await process.ended(within: .seconds(20)).isSuccess)
            #expect(!process.errorText.contains("a request failed unexpectedly"))
            let verified = try await installation.run("verify")
            #expect(verified.exit.isSuccess, "\(verified.text)")
        }
    }
}

/// The Python programs in openapi/checks, with the packages that `scripts/bootstrap --tests` installs.
enum ContractTools {
    private static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath)
        while !FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path) {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    static func run(
        _ script: String, _ arguments: [String], within limit: Duration
    ) async throws -> Program.Result {
        let python = root.appendingPathComponent(".build/contract-tools/bin/python").path
        try #require(
            FileManager.default.isExecutableFile(atPath: python),
            "\(python) is not there; run: scripts/bootstrap --tests")
        let path = root.appendingPathComponent("openapi/checks/\(script)").path
        return try await Program.run(python, ["-B", path] + arguments, within: limit)
    }

    /// The summary that each of them prints last.
    static func lastLine(of result: Program.Result) -> JSONObject? {
        let line = result.text.split(separator: "\n").last.map(String.init)
        return line.flatMap { try? JSONReader.parse($0) }?.object
    }
}
