import ArgumentParser
import Determinism
import PantryAssembly
import StrictJSON

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings every database of the configuration to this version's schema.",
        discussion: "Safe while servers run: a server does the same when it starts.")
    @OptionGroup var options: ConfigurationOptions
    @Flag(help: "Only say what would be done.") var dryRun = false
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        try await reportingFailures {
            let loaded = try options.load()
            let steps = try await InstalledDatabases.migrate(loaded.configuration, dryRun: dryRun, time: SystemTime())
            if json {
                var writer = JSONWriter()
                writer.array { json in
                    for step in steps {
                        json.object {
                            $0.member("database", step.database)
                            $0.member("number", step.number)
                            $0.member("migration", step.name)
                            $0.member("applied", !dryRun)
                        }
                    }
                }
                return try Console.out(writer.string())
            }
            for step in steps {
                try Console.out("\(step.database): \(dryRun ? "would apply" : "applied") \(step.number) \(step.name)")
            }
            if steps.isEmpty { try Console.out("every database has this version's schema") }
        }
    }
}
