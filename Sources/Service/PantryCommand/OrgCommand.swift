import ArgumentParser
import PantryAssembly
import PantryDomain
import PantryHTTP
import StrictJSON

struct OrgCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "org", abstract: "Organizations: the tenants.",
        subcommands: [Create.self, List.self, Show.self, SetPlan.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes an organization and prints its first API key, once.")
        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "Its name.") var name: String
        @Option(help: "Its plan.") var plan: String?
        @Option(help: "Its region.") var region: String?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let (name, plan, region) = (name, plan, region)
            try await administer(options) { administration in
                let made = try await administration.createOrganization(name: name, plan: plan, region: region)
                try Listing.print(made, ["id", "number", "name", "plan", "shard", "apiKey"], json: json)
            }
        }
    }
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists all organizations.")
        @OptionGroup var options: ConfigurationOptions
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            try await administer(options) { administration in
                try Listing.print(
                    try await administration.organizations(), ["number", "id", "plan", "shard", "name"], json: json)
            }
        }
    }
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one organization.")
        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "Its id, org_….") var id: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let id = id
            try await administer(options) { administration in
                let shown = try await administration.organization(id)
                try Listing.print(shown, ["id", "number", "name", "plan", "shard", "createdAt"], json: json)
            }
        }
    }
    struct SetPlan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set-plan", abstract: "Gives an organization a plan.")
        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "Its id, org_….") var id: String
        @Argument(help: "A plan of limits.plans.") var plan: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let (id, plan) = (id, plan)
            try await administer(options) { administration in
                let changed = try await administration.setPlan(id, plan: plan)
                try Listing.print(changed, ["id", "number", "name", "plan", "shard"], json: json)
            }
        }
    }
}

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "API keys of an organization.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a key and prints it, once.")
        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "The organization's id, org_….") var organization: String
        @Option(help: "What it may do: read, write or admin.") var role: Role = .write
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let (organization, role) = (organization, role)
            try await administer(options) { administration in
                let made = try await administration.createKey(organization, role: role)
                try Listing.print(made, ["id", "role", "apiKey"], json: json)
            }
        }
    }
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists an organization's keys, without their secrets.")
        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "The organization's id, org_….") var organization: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let organization = organization
            try await administer(options) { administration in
                let keys = try await administration.keys(organization)
                try Listing.print(keys, ["id", "role", "createdAt", "revokedAt"], json: json)
            }
        }
    }
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revokes a key. This cannot be taken back.")
        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "The organization's id, org_….") var organization: String
        @Argument(help: "The key's id, key_….") var key: String

        func run() async throws {
            let (organization, key) = (organization, key)
            try await administer(options) { administration in
                try await administration.revokeKey(organization, key)
                Console.error("revoked \(key)")
            }
        }
    }
}

extension Role: ExpressibleByArgument {}

/// Runs a verb of `org`, `key` or `import` wherever the data can be reached; a refusal becomes its sentence.
func administer(
    _ options: ConfigurationOptions, _ body: @escaping @Sendable (any Administration) async throws -> Void
) async throws {
    try await reportingFailures {
        do {
            try await Administrations.use(options.load().configuration, body)
        } catch let refusal as Refusal {
            throw CommandFailure(.failed, refusal.sentence)
        } catch let problem as Problem {
            throw CommandFailure(.failed, problem.detail ?? problem.title)
        }
    }
}

extension Refusal {
    var sentence: String {
        switch self {
        case .notFound(let text), .alreadyExists(let text), .busy(let text), .paymentUnavailable(let text),
            .overloaded(let text), .shardUnavailable(let text), .unknownOutcome(let text), .writeLost(let text):
            text
        case .invalid(let problems):
            problems.map { "\($0.pointer.dropFirst()): \($0.detail)" }.joined(separator: "; ")
        case .outOfStock, .stockChanged, .invalidTransition, .paymentDeclined, .keyReused, .keyInProgress: "\(self)"
        }
    }
}
