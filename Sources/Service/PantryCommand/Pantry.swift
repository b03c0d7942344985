import ArgumentParser

/// The `pantry` command.
@main
struct Pantry: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "pantry",
        abstract:
            "An order and inventory backend that never oversells, never loses an order and never charges twice.",
        discussion: """
            Data goes to standard output, messages to standard error.
            Exit codes: 0 done; 1 it failed,
            `verify` found something, or `import` refused a row; 64 wrong usage; 69 the server or the data cannot be \
            reached; 78 wrong configuration; 130 interrupted.
            """,
        version: version,
        subcommands: [
            ServeCommand.self, DemoCommand.self, MigrateCommand.self, OrgCommand.self, KeyCommand.self,
            SagaCommand.self, ImportCommand.self, VerifyCommand.self, ConfigCommand.self,
        ])
}
