import ArgumentParser

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Brings data of yours in.", subcommands: [ImportBasketsCommand.self])
}
