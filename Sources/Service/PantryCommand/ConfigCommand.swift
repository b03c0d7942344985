import ArgumentParser
import Foundation
import PantryAssembly

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Looks at the configuration.", subcommands: [Explain.self])

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints each setting's value and where it came from. Secrets are not shown.")
        @OptionGroup var options: ConfigurationOptions
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            try await reportingFailures {
                let loaded = try options.load()
                for warning in loaded.warnings { Console.error("pantry: warning: \(warning)") }
                if json {
                    let encoder = JSONEncoder()
                    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                    try Console.out(String(decoding: try encoder.encode(loaded.settings), as: UTF8.self))
                } else {
                    try Console.out(loaded.explanation)
                }
            }
        }
    }
}
