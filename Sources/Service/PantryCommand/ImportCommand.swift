import ArgumentParser

/// Brings data in, from files.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Brings in data from files.",
        subcommands: [Products.self, ImportBasketsCommand.self])
}
