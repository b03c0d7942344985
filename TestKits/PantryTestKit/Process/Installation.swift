import Determinism
import Foundation
import ProcessTestKit
import Synchronization

/// A Pantry with a data directory and a configuration of its own, in a temporary folder. Its server may be started,
/// killed and started again; what is stored stays.
public final class Installation: Sendable {
    /// The installation that the running test body was given, for whoever hears of a failed expectation.
    @TaskLocal public static var current: Installation?

    /// Holds everything.
    public let folder: URL
    /// What the configuration says.
    public let settings: InstallationSettings
    /// The operator's token.
    public let operatorToken = "operator-token-of-a-test-installation"

    private struct State {
        var isKept = false
        var starts = 0
        var processes: [PantryProcess] = []
    }
    private let state = Mutex(State())

    /// The configuration file.
    public var configurationFile: URL { folder.appendingPathComponent("pantry.yaml") }
    /// Where the databases are.
    public var dataDirectory: URL { folder.appendingPathComponent("data") }
    /// The books of the sandbox payment provider.
    public var providerFile: URL { dataDirectory.appendingPathComponent("sandbox-provider.db") }

    /// What the sandbox payment provider has written down.
    public func books() async throws -> ProviderBooks {
        if let query = settings.booksQuery { return try await ProviderBooks.read(query) }
        return try await ProviderBooks.read(providerFile.path)
    }

    private init(_ settings: InstallationSettings) throws {
        var random = SystemRandom().next()
        var name = ""
        for _ in 0..<8 {
            name.append(Character(UnicodeScalar(UInt8(ascii: "a") + UInt8(random % 26))))
            random /= 26
        }
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-test-\(name)")
        var settings = settings
        settings["data", "directory"] = "\"\(folder.path)/data\""
        settings["operator", "token"] = "\"\(operatorToken)\""
        self.settings = settings
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // It holds a secret, and the server would warn of a file that others may read.
        let isWritten = FileManager.default.createFile(
            atPath: configurationFile.path, contents: Data(settings.yaml().utf8),
            attributes: [.posixPermissions: 0o600])
        guard isWritten else { throw SpawnError(description: "\(configurationFile.path) cannot be written") }
    }

    /// Runs `body` with a new installation. Afterwards its servers are killed and its folder is removed, unless the
    /// body threw, ``keep()`` was called, or `PANTRY_TEST_KEEP` is set.
    public static func with<Value>(
        _ settings: InstallationSettings = InstallationSettings(), _ body: (Installation) async throws -> Value
    ) async throws -> Value {
        let installation = try Installation(settings)
        defer { installation.cleanUp() }
        do {
            return try await $current.withValue(installation) { try await body(installation) }
        } catch {
            installation.keep()
            throw error
        }
    }

    /// Runs `body` with a copy of this installation as it is stored now. No server may be running.
    public func withCopy<Value>(_ body: (Installation) async throws -> Value) async throws -> Value {
        try await Installation.with(settings) { copy in
            if FileManager.default.fileExists(atPath: dataDirectory.path) {
                try FileManager.default.copyItem(at: dataDirectory, to: copy.dataDirectory)
            }
            return try await body(copy)
        }
    }

    /// Leaves the folder for whoever looks into a failure.
    public func keep() { state.withLock { $0.isKept = true } }

    /// Starts the server and waits until it is ready.
    /// - Throws: ``StartFailure`` when it ends or is not ready in time.
    public func start(
        _ fault: FaultPoint? = nil, log: String? = nil, within limit: Duration = .seconds(30)
    ) async throws -> PantryProcess {
        let process = try launch(fault, log: log)
        if case .ended(let exit) = try await process.readiness(within: limit) {
            throw StartFailure(what: "the server \(exit) before it was ready", errors: process.errorText)
        }
        return process
    }

    /// Starts the server and does not wait. It ends with this test process, even when that is killed.
    /// - Parameters:
    ///   - fault: where it is to kill itself.
    ///   - log: the file that takes the points it passes.
    ///   - tracer: a command that starts the server in its turn, such as `strace` with its options.
    public func launch(
        _ fault: FaultPoint? = nil, log: String? = nil, tracer: [String] = []
    ) throws -> PantryProcess {
        var environment: [String: String] = [:]
        environment["PANTRY_FAULT_POINT"] = fault?.description
        environment["PANTRY_FAULT_LOG"] = log
        let number = state.withLock { state in
            state.starts += 1
            return state.starts
        }
        let command = try RunFolder.shared.get().command(
            tracer + [try ProductLocation.pantry(), "serve", "--config", configurationFile.path])
        let process = try PantryProcess(
            command, environment: Program.scrubbedEnvironment(environment),
            output: folder.appendingPathComponent("run-\(number).out.txt"),
            errors: folder.appendingPathComponent("run-\(number).err.txt"))
        state.withLock { $0.processes.append(process) }
        return process
    }

    /// Runs `pantry` with this configuration, as in `run("verify", "--json")`.
    public func run(_ arguments: String..., within limit: Duration = .seconds(60)) async throws -> Program.Result {
        try await Program.run(
            try ProductLocation.pantry(), arguments + ["--config", configurationFile.path], within: limit)
    }

    private func cleanUp() {
        let (processes, isKept) = state.withLock { state in (state.processes, state.isKept) }
        for process in processes { process.child.killAndReap() }
        if isKept || ProcessInfo.processInfo.environment["PANTRY_TEST_KEEP"] != nil {
            let note = "kept for you to look into: \(folder.path)\n"
            FileHandle.standardError.write(Data(note.utf8))
        } else {
            try? FileManager.default.removeItem(at: folder)
        }
    }
}
