import Foundation
import Synchronization

/// A program that runs to its end, such as `sqlite3` or `pantry verify`.
public enum Program {
    /// What a program left behind.
    public struct Result: Sendable {
        /// How it ended.
        public var exit: ProcessExit
        /// Its standard output.
        public var output: [UInt8]
        /// Its standard error, as text.
        public var errors: String

        /// Standard output as text.
        public var text: String { String(decoding: output, as: UTF8.self) }
    }

    private static let count = Mutex(0)

    /// Runs a program and waits for its end; kills it at the deadline.
    /// - Throws: ``SpawnError`` or ``PollTimeout``.
    public static func run(
        _ executable: String, _ arguments: [String], environment: [String: String] = scrubbedEnvironment(),
        within limit: Duration = .seconds(60)
    ) async throws -> Result {
        let number = count.withLock {
            $0 += 1
            return $0
        }
        let folder = FileManager.default.temporaryDirectory
        let name = "pantry-program-\(ProcessInfo.processInfo.processIdentifier)-\(number)"
        let output = folder.appendingPathComponent("\(name).out")
        let errors = folder.appendingPathComponent("\(name).err")
        defer {
            try? FileManager.default.removeItem(at: output)
            try? FileManager.default.removeItem(at: errors)
        }
        let child = try ChildProcess(
            executable, arguments, environment: environment, output: output.path, errors: errors.path)
        let exit = try await child.ended(within: limit)
        return Result(
            exit: exit, output: Array((try? Data(contentsOf: output)) ?? Data()),
            errors: String(decoding: (try? Data(contentsOf: errors)) ?? Data(), as: UTF8.self))
    }

    /// This process's variables without those that would configure Pantry, and with `more`.
    public static func scrubbedEnvironment(_ more: [String: String] = [:]) -> [String: String] {
        ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PANTRY_") }.merging(more) { $1 }
    }
}
