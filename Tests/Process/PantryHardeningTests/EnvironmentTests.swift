import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// What the machine may do to a server: disks that are full, read-only or damaged, ports and directories that are
/// taken.
struct EnvironmentTests {
    @Test(.enabled("mounting a small file system takes root, outside most containers") { try await Machine.canMount() })
    func aFullDiskLosesNothingAndPasses() async throws {
        try await Installation.with { installation in
            let data = installation.dataDirectory
            try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
            // Room for the logs of three databases, which are moved when they have come to 16 MiB each.
            #expect(try await Machine.mountMemory(at: data.path, kibibytes: 64 * 1_024))
            do {
                try await fillAndFree(installation, data)
            } catch {
                try await Machine.unmount(data.path)
                throw error
            }
            try await Machine.unmount(data.path)
        }
    }

    private func fillAndFree(_ installation: Installation, _ data: URL) async throws {
        let grocery = try await Grocery.open(installation)
        try await Catalog([Catalog.Item("apple", price: 100, stocked: 100_000)])
            .install(for: grocery.owner, on: grocery.client)
        var acknowledged = [try await grocery.order("apple", as: grocery.owner, key: "before")]
        let filler = data.appendingPathComponent("filler")
        let filled = try await Program.run("/usr/bin/env", ["dd", "if=/dev/zero", "of=\(filler.path)", "bs=512"])
        #expect(!filled.exit.isSuccess, "the disk did not become full")
        var refused = 0
        for number in 0..<60 {
            let outcome = await grocery.send(
                "POST", "/v1/orders", Grocery.order("apple"), as: grocery.owner, key: "full-\(number)")
            if let id = outcome.answer?["id"]?.string { acknowledged.append(id) } else { refused += 1 }
            guard outcome.status != 201 && outcome.status != 202 else { continue }
            #expect(outcome.status == 503 && outcome.answer?.code == "shard-unavailable", "\(outcome)")
            #expect(outcome.answer?.header("Retry-After").flatMap { Int($0) } ?? 0 > 0)
            #expect(outcome.answer?["retryable"] == true)
        }
        #expect(refused > 0)
        #expect(grocery.process.errorText.contains("no room left"), "the log must say why")
        #expect(await grocery.send("GET", "/v1/stock/apple", as: grocery.owner).status == 200, "reads go on")
        try FileManager.default.removeItem(at: filler)
        for number in 0..<60 {
            let outcome = await grocery.send(
                "POST", "/v1/orders", Grocery.order("apple"), as: grocery.owner, key: "full-\(number)")
            // An order that was accepted while its second commit found no room may still be under way.
            #expect([200, 201, 202].contains(outcome.status), "\(outcome)")
            if let id = outcome.answer?["id"]?.string { acknowledged.append(id) }
        }
        let orders = Set(acknowledged)
        for id in orders {
            try await Poll.untilTrue("order \(id) to be confirmed", within: .seconds(20)) {
                let outcome = await grocery.send("GET", "/v1/orders/\(id)", as: grocery.owner)
                #expect(outcome.status == 200, "\(id): \(outcome)")
                return outcome.answer?["status"]?.string == "confirmed"
            }
        }
        #expect(orders.count == 61)
        #expect(try await grocery.client.all("/v1/orders", key: grocery.owner.apiKey).count == 61)
        try await installation.expectVerified()
    }

    /// A log that cannot be written, on a disk of its own or to a reader that went away, stops no order.
    @Test func aServerOutlivesItsLog() async throws {
        try await Installation.with { installation in
            let port = try LoopbackPort.next()
            let pantry = try ProductLocation.pantry()
            let serve = "exec '\(pantry)' serve --config '\(installation.configurationFile.path)' --port \(port)"
            for script in ["\(serve) 2>/dev/full", "(\(serve) 2>&1) | head -n 1"] {
                try await serveAndAsk(script, PantryClient(port: port))
            }
            let full = try await Program.run(
                "/bin/sh", ["-c", "exec '\(pantry)' config explain > /dev/full"],
                environment: Program.scrubbedEnvironment())
            #expect(full.exit == .status(1))
            #expect(full.errors.contains("standard output cannot be written"), "\(full.errors)")
        }
    }

    private func serveAndAsk(_ script: String, _ client: PantryClient) async throws {
        let command = try RunFolder.shared.get().command(["/usr/bin/setsid", "/bin/sh", "-c", script])
        let shell = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: Program.scrubbedEnvironment(),
            output: "/dev/null", errors: "/dev/null")
        // The whole session: in a pipeline the shell is not the server.
        defer { kill(-shell.pid, SIGKILL) }
        try await Poll.untilTrue("a server whose log goes nowhere", within: .seconds(20)) {
            await client.get("/readyz").status == 200
        }
        for _ in 0..<20 { #expect(await client.get("/livez").status == 200, "\(script)") }
        kill(-shell.pid, SIGKILL)
        shell.killAndReap()
        try await Poll.untilTrue("the port to be free", within: .seconds(10)) {
            await client.get("/livez").answer == nil
        }
    }

    @Test(
        .enabled("making files immutable takes root and a file system that knows it") { try await Machine.canFreeze() })
    func readOnlyFilesAreRefusedBeforeAnythingIsServed() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            grocery.process.terminate()
            #expect(try await grocery.process.ended().isSuccess)
            let shard = installation.dataDirectory.appendingPathComponent("shard-0.db").path
            for (path, says) in [(shard, "shard-0.db"), (installation.dataDirectory.path, "not writable")] {
                guard try await Machine.setFrozen(true, path) else {
                    Issue.record("\(path) cannot be made immutable, though the probe could")
                    continue
                }
                let text: String
                do { text = try await installation.refusedStart() } catch {
                    try await Machine.setFrozen(false, path)
                    throw error
                }
                try await Machine.setFrozen(false, path)
                #expect(text.contains(says) && text.contains(installation.dataDirectory.path), "\(text)")
                #expect(text.contains("writ"), "it must say what is wrong: \(text)")
            }
            _ = try await installation.start()
        }
    }

    @Test func oneServerForADirectoryAndOneForAPort() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            let second = try await installation.refusedStart()
            #expect(second.contains("another Pantry is running on"), "\(second)")
            #expect(second.contains(installation.dataDirectory.path))
            #expect(await grocery.client.get("/readyz").status == 200, "the first one is unharmed")

            var settings = InstallationSettings()
            settings["server", "port"] = "\(try #require(grocery.process.port))"
            try await Installation.with(settings) { other in
                let text = try await other.refusedStart()
                #expect(text.contains("cannot listen on 127.0.0.1:") && text.contains("in use"), "\(text)")
            }
            #expect(await grocery.client.get("/readyz").status == 200)

            // Nor is it another directory that names the same file: each would take the other's sagas over.
            settings = InstallationSettings()
            settings.shards =
                "[{ name: shard-0, primary: 'sqlite:\(installation.dataDirectory.path)/shard-0.db' }]"
            try await Installation.with(settings) { other in
                let text = try await other.refusedStart()
                #expect(text.contains("another Pantry is running on “\(installation.dataDirectory.path)"), "\(text)")
            }

            // A lock of a process that was killed is no lock.
            try await grocery.process.killAndWait()
            let next = try await installation.start()
            #expect(await (try next.client()).get("/v1/organization", key: grocery.owner.apiKey).status == 200)
        }
    }

    /// A server that no test process was left to end went on by itself, with its port and its directory.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/cwd"), "processes are found in /proc"))
    func aServerEndsWithTheProcessThatTestsIt() async throws {
        try await Installation.with { installation in
            let process = try await installation.start()
            let folder = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process.child.pid)/cwd")
            let place = try RunFolder.shared.get().place.path
            #expect(folder == place)
        }
    }

    /// The second lock on what is one directory found the first, which was this process's own.
    @Test func aDirectoryByTwoNamesIsOne() async throws {
        try await Installation.with { installation in
            let folder = installation.dataDirectory.deletingLastPathComponent()
            let link = folder.appendingPathComponent("by-another-name")
            try FileManager.default.createDirectory(
                at: installation.dataDirectory, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: installation.dataDirectory)
            var text = try String(contentsOf: installation.configurationFile, encoding: .utf8)
            text += "\nshards:\n  - { name: shard-0, primary: 'sqlite:\(link.path)/shard-0.db' }\n"
            try text.write(to: installation.configurationFile, atomically: true, encoding: .utf8)
            let process = try await installation.start()
            #expect(await (try process.client()).get("/readyz").status == 200)
        }
    }

    @Test func aDirectoryThatIsNoneIsRefused() async throws {
        try await Installation.with { installation in
            try Data("x".utf8).write(to: installation.dataDirectory)
            let text = try await installation.refusedStart()
            #expect(text.contains("is not a directory") && text.contains(installation.dataDirectory.path), "\(text)")
        }
    }

    /// The databases hold the fleet's secret, and the token file the operator's: nobody else on the machine reads them.
    @Test func filesBelongToTheirOwnerAlone() async throws {
        try await Installation.with { installation in
            // A directory that somebody made before, open to all, as a volume often is.
            try FileManager.default.createDirectory(at: installation.dataDirectory, withIntermediateDirectories: true)
            let process = try await installation.start()
            let names = try FileManager.default.contentsOfDirectory(atPath: installation.dataDirectory.path)
            #expect(names.contains("control.db") && names.contains("shard-0.db-wal"))
            for name in names {
                let path = installation.dataDirectory.appendingPathComponent(name).path
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                #expect((mode ?? 0o777) & 0o077 == 0, "\(name) has mode \(String(mode ?? 0, radix: 8))")
            }
            process.terminate()
            #expect(try await process.ended().isSuccess)
        }
    }
}
