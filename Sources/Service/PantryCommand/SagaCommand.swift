import ArgumentParser
import PantryDomain
import Sagas
import StrictJSON

struct SagaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "saga", abstract: "Sagas: their steps, and the way out when one is stuck.",
        discussion: """
            A saga is stuck when its next step has been tried as often as its policy allows, or when nobody knows what \
            became of it. `saga show` says which step that is, what happened to it, and what may be decided: retry it, \
            skip it, say that it was done by hand (force), or, for the step after which there is no way back, that it \
            had no effect (compensate). Each decision is kept in the saga's history with its reason.
            """,
        subcommands: [
            List.self, Show.self, Retry.self, Skip.self, Force.self, Compensate.self, Cancel.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists sagas, the youngest first.")
        @OptionGroup var options: ConfigurationOptions
        @Option(help: "Only those in this state.") var status: SagaStateMachine.State?
        @Option(help: "Only those of this definition, such as checkout.") var definition: String?
        @Option(help: "Only those of this organization, org_….") var organization: String?
        @Option(help: "At most so many, 1 to 10000.") var limit = 100
        @Flag(help: "Print JSON.") var json = false

        func validate() throws {
            guard (1...10_000).contains(limit) else { throw ValidationError("--limit is from 1 to 10000.") }
        }
        func run() async throws {
            let wanted = WantedSagas(
                status: status, definition: definition, organization: organization, limit: limit)
            try await administer(options) { administration in
                let listed = try await administration.sagas(wanted)
                try Listing.print(
                    listed.sagas,
                    ["id", "definition", "status", "step", "attempts", "nextTryAt", "updatedAt", "reason"],
                    json: json)
                try listed.check()
            }
        }
    }
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows one saga: its steps, its locks, its history and what may be decided.")
        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "Its id, saga_….") var id: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let id = id
            try await administer(options) { administration in
                try SagaPage.print(try await administration.saga(id), json: json)
            }
        }
    }
    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tries a stuck step, or its compensation, again.")
        @OptionGroup var direction: StepDirection
        func run() async throws { try await direction.run(.retry) }
    }
    struct Skip: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Goes on without a stuck step, or without its compensation.")
        @OptionGroup var direction: StepDirection
        func run() async throws { try await direction.run(.skip) }
    }
    struct Force: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Goes on as if a stuck step, or its compensation, had succeeded: it was done by hand.")
        @OptionGroup var direction: StepDirection
        func run() async throws { try await direction.run(.force) }
    }
    struct Compensate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Turns back: a stuck step after which there is no way back is known to have had no effect.")
        @OptionGroup var direction: StepDirection
        func run() async throws { try await direction.run(.compensate) }
    }
    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Turns a saga back that has not passed its point of no return: what is done is undone.")
        @OptionGroup var direction: Direction
        func run() async throws { try await direction.run(.cancel, step: nil) }
    }
}

/// What every decision about a saga takes.
struct Direction: ParsableArguments {
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The saga's id, saga_….") var id: String
    @Option(help: "Why; it is kept in the saga's history.") var reason: String
    @Flag(help: "Print JSON.") var json = false

    func run(_ verb: SagaDirective.Verb, step: String?) async throws {
        let (id, reason) = (id, reason)
        try await administer(options) { administration in
            let saga = try await administration.direct(id, verb, step: step, reason: reason)
            try Listing.print(saga, SagaPage.members, json: json)
        }
    }
}

/// What a decision about a step takes.
struct StepDirection: ParsableArguments {
    @OptionGroup var direction: Direction
    @Option(help: "Which step, where the saga leaves a choice.") var step: String?

    func run(_ verb: SagaDirective.Verb) async throws { try await direction.run(verb, step: step) }
}

extension SagaStateMachine.State: ExpressibleByArgument {}
