import ArgumentParser
import AsyncHTTPClient
import Foundation
import PantryAssembly
import Storage

/// Where every command takes its configuration from.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .long, help: "The configuration, YAML or JSON. PANTRY_CONFIG names one as well.")
    var config: String?

    /// The one place that reads the process environment.
    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    func load(flags: [String: ConfigurationSource.Flag] = [:]) throws -> LoadedConfiguration {
        do {
            return try ConfigurationLoader.load(
                ConfigurationSource(
                    flags: flags, environment: Self.environment, file: config,
                    workingDirectory: FileManager.default.currentDirectoryPath))
        } catch {
            throw CommandFailure(.configuration, error.description)
        }
    }
}

/// An end with an exit code and a sentence on standard error.
struct CommandFailure: Error, CustomStringConvertible {
    enum Code: Int32 {
        case failed = 1
        /// By SIGINT or SIGTERM, as shells count it for the former.
        case interrupted = 130
        case unavailable = 69
        case configuration = 78
    }
    let code: Code
    let description: String
    init(_ code: Code, _ description: String) { (self.code, self.description) = (code, description) }
}

/// Runs a command's body; whatever it throws becomes one message and a documented exit code.
func reportingFailures(_ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let failure as CommandFailure {
        Console.error("pantry: \(failure.description)")
        throw ExitCode(failure.code.rawValue)
    } catch let exit as ExitCode {
        throw exit
    } catch let error as StorageError where error.isUnreachable {
        Console.error("pantry: \(error)")
        throw ExitCode(CommandFailure.Code.unavailable.rawValue)
    } catch let error as HTTPClientError {
        Console.error("pantry: the server went away: \(error)")
        throw ExitCode(CommandFailure.Code.unavailable.rawValue)
    } catch {
        Console.error("pantry: \(error)")
        throw ExitCode(CommandFailure.Code.failed.rawValue)
    }
}

/// The two streams of a command. Foundation's file handles end the process when a disk is full or a reader has gone;
/// a log that cannot be written must not stop a server that can still take orders.
enum Console {
    /// A message. Where it cannot be written there is nobody to tell.
    static func error(_ text: String) { _ = write("\(text)\n", to: STDERR_FILENO) }

    /// A part of a line, for a terminal.
    static func progress(_ text: String) { _ = write(text, to: STDERR_FILENO) }

    /// Data.
    /// - Throws: ``CommandFailure`` when it cannot be written: whoever reads half of it must not take it for all.
    static func out(_ text: String) throws(CommandFailure) {
        let fault = write("\(text)\n", to: STDOUT_FILENO)
        guard fault != 0 else { return }
        throw CommandFailure(.failed, "standard output cannot be written: \(String(cString: strerror(fault)))")
    }

    /// Writes all of the text.
    /// - Returns: 0, or the `errno` that ended it.
    private static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}

extension StorageError {
    /// The database is away. What else may be wrong with it is a failure of what was to be done.
    fileprivate var isUnreachable: Bool {
        if case .unavailable = self { true } else { false }
    }
}
