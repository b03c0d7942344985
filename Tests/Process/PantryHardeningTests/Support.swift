import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// A running server with two organizations that sell the same SKUs.
struct Grocery: Sendable {
    let installation: Installation
    let process: PantryProcess
    let client: PantryClient
    /// Whose things the other one is not to reach.
    let owner: Tenant
    let stranger: Tenant

    static func open(_ installation: Installation) async throws -> Grocery {
        let process = try await installation.start()
        let client = try process.client()
        let token = installation.operatorToken
        let owner = try await Tenant.create("Owner", on: client, operatorToken: token)
        let stranger = try await Tenant.create("Stranger", on: client, operatorToken: token)
        return Grocery(
            installation: installation, process: process, client: client, owner: owner, stranger: stranger)
    }

    func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil, as tenant: Tenant, key: String? = nil
    ) async -> Outcome {
        await client.send(method, path, body, key: tenant.apiKey, idempotencyKey: key)
    }

    /// An order that went through, as its id.
    func order(_ sku: String, as tenant: Tenant, key: String) async throws -> String {
        let outcome = await send("POST", "/v1/orders", Self.order(sku), as: tenant, key: key)
        #expect(outcome.status == 201, "\(outcome)")
        return try #require(outcome.answer?["id"]?.string)
    }

    static func order(_ sku: String, _ quantity: Int64 = 1) -> JSONValue {
        ["items": [["sku": .string(sku), "quantity": .integer(quantity)]]]
    }
}

/// What is stored, asked beside the server with the `sqlite3` program.
enum Stored {
    static let files = ["control.db", "shard-0.db", "sandbox-provider.db"]

    /// Every row of every database, as SQL.
    static func dump(_ installation: Installation) async throws -> [String: String] {
        var dumps: [String: String] = [:]
        for file in files { dumps[file] = try await run(installation, file, [".dump"]) }
        return dumps
    }

    /// Runs statements; `isReadOnly: false` is for damaging a file.
    @discardableResult
    static func run(
        _ installation: Installation, _ file: String, _ statements: [String], isReadOnly: Bool = true
    ) async throws -> String {
        let path = installation.dataDirectory.appendingPathComponent(file).path
        let result = try await Program.run(
            "/usr/bin/env", ["sqlite3", "-bail"] + (isReadOnly ? ["-readonly"] : []) + [path] + statements)
        #expect(result.exit.isSuccess, "sqlite3 on \(file): \(result.errors)")
        return result.text
    }
}

extension Installation {
    /// The server's messages, a line each.
    func lines(of process: PantryProcess) -> [String] {
        process.errorText.split(separator: "\n").map(String.init)
    }

    /// Starts the server with the expectation that it refuses to run.
    /// - Returns: what it says.
    func refusedStart(_ code: Int32 = 1, file: String? = nil) async throws -> String {
        let result = try await Program.run(
            try ProductLocation.pantry(), ["serve", "--config", file ?? configurationFile.path], within: .seconds(20))
        #expect(result.exit == .status(code), "the start \(result.exit): \(result.errors)")
        Self.expectPlainWords(result.errors)
        return result.errors
    }

    /// Messages are sentences: neither a crash's trace nor a Swift value's inside.
    static func expectPlainWords(_ text: String) {
        for mark in ["Fatal error", "Backtrace", "Thread 0", "NSPOSIXErrorDomain", "Optional("] {
            #expect(!text.contains(mark), "“\(mark)” in: \(text.prefix(1_000))")
        }
    }

    /// `pantry verify` finds nothing.
    func expectVerified() async throws {
        let verified = try await run("verify")
        #expect(verified.exit.isSuccess, "verify \(verified.exit): \(verified.text)\(verified.errors)")
    }
}

/// What the machine lets a test do.
enum Machine {
    /// Whether a file system can be mounted here: as root, outside most containers.
    static func canMount() async throws -> Bool {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-mount-probe-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        guard let mounted = try? await mountMemory(at: folder.path, kibibytes: 64), mounted else { return false }
        try await unmount(folder.path)
        return true
    }

    static func mountMemory(at path: String, kibibytes: Int) async throws -> Bool {
        try await Program.run(
            "/usr/bin/env", ["mount", "-t", "tmpfs", "-o", "size=\(kibibytes)k", "tmpfs", path]
        ).exit.isSuccess
    }

    static func unmount(_ path: String) async throws {
        let result = try await Program.run("/usr/bin/env", ["umount", "-l", path])
        #expect(result.exit.isSuccess, "\(path) stays mounted: \(result.errors)")
    }

    /// Whether files can be made immutable here: as root, on file systems that know it.
    static func canFreeze() async throws -> Bool {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-freeze-probe-\(getpid())")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let isFrozen = try await setFrozen(true, file.path)
        if isFrozen { _ = try await setFrozen(false, file.path) }
        return isFrozen
    }

    @discardableResult
    static func setFrozen(_ isFrozen: Bool, _ path: String) async throws -> Bool {
        try await Program.run("/usr/bin/env", ["chattr", isFrozen ? "+i" : "-i", path]).exit.isSuccess
    }
}
