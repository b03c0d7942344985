import Foundation
import Synchronization

/// Asks the compiler whether a piece of source compiles against a module that the running tests were built with: for
/// what is the compiler's business, such as the order of a builder's calls.
public struct TypeChecker: Sendable {
    /// What the compiler said.
    public struct Verdict: Sendable {
        /// Whether it compiles.
        public let hasPassed: Bool
        /// All that was printed.
        public let messages: String
        /// The lines that name an error.
        public var errors: [Substring] { messages.split(separator: "\n").filter { $0.contains("error:") } }
    }

    private struct Missing: Error, CustomStringConvertible { let description: String }

    private let modules: URL

    /// - Parameter module: the module that the sources import.
    /// - Throws: if it is nowhere above the running tests.
    public init(_ module: String) throws {
        let running =
            FileManager.default.fileExists(atPath: "/proc/self/exe")
            ? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            : URL(fileURLWithPath: CommandLine.arguments[0])
        var folder = running.deletingLastPathComponent()
        while folder.path != "/" {
            let modules = folder.appendingPathComponent("Modules")
            let file = modules.appendingPathComponent("\(module).swiftmodule").path
            if FileManager.default.fileExists(atPath: file) {
                self.modules = modules
                return
            }
            folder.deleteLastPathComponent()
        }
        throw Missing(description: "the module \(module) is nowhere above \(running.path)")
    }

    /// Checks a source file's text.
    /// - Throws: if the compiler cannot be run: then nothing was checked.
    public func check(_ source: String) async throws -> Verdict {
        let number = Self.count.add(1, ordering: .relaxed).newValue
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "pantry-source-\(ProcessInfo.processInfo.processIdentifier)-\(number).swift")
        defer { try? FileManager.default.removeItem(at: file) }
        try source.write(to: file, atomically: true, encoding: .utf8)
        let compiler = try await Program.run(
            "/usr/bin/env",
            [
                "swiftc", "-typecheck", "-swift-version", "6", "-parse-as-library", "-module-cache-path",
                modules.deletingLastPathComponent().appendingPathComponent("ModuleCache").path, "-I", modules.path,
                file.path,
            ], within: .seconds(120))
        return Verdict(hasPassed: compiler.exit.isSuccess, messages: compiler.text + compiler.errors)
    }

    private static let count = Atomic(0)
}
