import ArgumentParser
import Foundation
import PantryAssembly

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
    } catch {
        Console.error("pantry: \(error)")
        throw ExitCode(CommandFailure.Code.failed.rawValue)
    }
}

/// The two streams of a command.
enum Console {
    static func error(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
    static func out(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
}
