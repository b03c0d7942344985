import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// `pantry saga`: through a running server, and on the files themselves.
struct SagaCommandTests {
    private func json(_ result: Program.Result) throws -> JSONValue {
        #expect(result.exit.isSuccess, "\(result.exit): \(result.errors)")
        return try JSONReader.parse(result.output)
    }

    /// An installation that is stopped, with one saga that waits for an operator and one that has ended.
    private func withStuckSaga(_ body: (Installation, _ saga: String) async throws -> Void) async throws {
        var settings = InstallationSettings()
        settings["server", "port"] = "\(try LoopbackPort.next())"
        try await Installation.with(settings) { installation in
            let grocery = try await Grocery.open(installation)
            try await Catalog([Catalog.Item("apple", price: 250, stocked: 10)])
                .install(for: grocery.owner, on: grocery.client)
            _ = try await grocery.order("apple", as: grocery.owner, key: "fine")
            var order = Grocery.order("apple")
            if case .object(var members) = order {
                members["paymentMethod"] = "pm_error"
                order = .object(members)
            }
            let queued = await grocery.send("POST", "/v1/orders", order, as: grocery.owner, key: "queued")
            #expect(queued.status == 202, "\(queued)")
            grocery.process.terminate()
            _ = try await grocery.process.ended()
            // Five hundred attempts take a day.
            let progress = """
                {"back":true,"steps":[["reserve","stuck",0,1,null,null,true,false,false],\
                ["charge","stuck",0,0,null,null,false,false,false]]}
                """
            try await Stored.run(
                installation, "shard-0.db",
                ["UPDATE sagas SET state = 'stuck', progress = '\(progress)' WHERE state = 'parked'"],
                isReadOnly: false)
            let stuck = try json(try await installation.run("saga", "list", "--status", "stuck", "--json"))
            #expect(stuck.array?.count == 1)
            try await body(installation, try #require(stuck.array?.first?.object?["id"]?.string))
        }
    }

    @Test func listedShownAndGivenBackWithAServer() async throws {
        try await withStuckSaga { installation, saga in
            let process = try await installation.start()
            try await inspect(installation, saga)
            let retried = try json(
                try await installation.run(
                    "saga", "retry", saga, "--step", "charge", "--reason", "the provider is back", "--json"))
            #expect(retried.object?["status"] == "compensating")
            // The log has a request when it has been answered, which may be a moment later.
            try await Poll.untilTrue("the log to say that it went through the server") {
                process.errorText.contains("/ops/sagas/{id}/retry")
            }
            let again = try await installation.run("saga", "retry", saga, "--reason", "once more")
            #expect(again.exit == .status(1), "\(again.text)")
            Installation.expectPlainWords(again.errors)
            let shown = try json(try await installation.run("saga", "show", saga, "--json"))
            let history = (shown.object?["history"]?.array ?? []).compactMap(\.object)
            #expect(
                history.first { $0["event"] == "directed" }?["detail"] == "retry by operator: the provider is back")
            process.terminate()
            _ = try await process.ended()
            try await installation.expectVerified()
        }
    }

    @Test func listedShownAndGivenBackWithoutAServer() async throws {
        try await withStuckSaga { installation, saga in
            try await inspect(installation, saga)
            let retried = try await installation.run("saga", "retry", saga, "--step", "charge", "--reason", "by hand")
            #expect(retried.exit.isSuccess, "\(retried.errors)")
            #expect(retried.text.contains("compensating"), "\(retried.text)")
            try await installation.expectVerified()
        }
    }

    /// The same words and the same answers, whoever does the work.
    private func inspect(_ installation: Installation, _ saga: String) async throws {
        let all = try json(try await installation.run("saga", "list", "--json"))
        #expect(all.array?.count == 2)
        let one = try json(try await installation.run("saga", "list", "--limit", "1", "--json"))
        #expect(one.array?.count == 1)
        let table = try await installation.run("saga", "list", "--status", "stuck")
        #expect(table.text.hasPrefix("id") && table.text.contains("charge"), "\(table.text)")
        let page = try await installation.run("saga", "show", saga)
        for part in ["allowed", "retry", "Steps", "reserve", "History", "intended"] {
            #expect(page.text.contains(part), "no \(part) in \(page.text)")
        }
        let refusals: [([String], Int32, String)] = [
            (["saga", "skip", saga, "--reason", "x"], 1, "skip"),
            (["saga", "force", saga, "--reason", "x"], 1, "force"),
            (["saga", "compensate", saga, "--reason", "x"], 1, "compensate"),
            (["saga", "cancel", saga, "--reason", "x"], 1, "cancel"),
            (["saga", "retry", saga, "--reason", ""], 1, "reason: "),
            (["saga", "retry", saga], 64, "--reason"), (["saga", "list", "--status", "lost"], 64, "lost"),
            (["saga", "list", "--limit", "0"], 64, "--limit"), (["saga", "show", "saga_x"], 1, "there is no"),
            (["saga", "show", "saga_00000000000000000000000000"], 1, "there is no"),
            (["saga", "retry", saga, "--reason", "x", "--step", "confirm"], 1, "charge"),
        ]
        for (arguments, code, words) in refusals {
            let result = try await Program.run(
                try ProductLocation.pantry(), arguments + ["--config", installation.configurationFile.path])
            #expect(result.exit == .status(code), "\(arguments): \(result.exit) \(result.errors)")
            #expect(result.errors.lowercased().contains(words), "\(arguments): \(result.errors)")
            #expect(result.output.isEmpty, "\(arguments) writes data: \(result.text)")
            Installation.expectPlainWords(result.errors)
        }
    }
}
