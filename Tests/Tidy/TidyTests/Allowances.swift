/// Every exception to the house rules, each with its reason. An entry for a file that is gone fails the tests.
extension Allowance {
    static let all: [Allowance] =
        unstructuredTasks + clocksAndRandomness + environment + sleepingTests + embeddedText

    /// Only shells that own a long-running loop, and the one that interrupts a call at its timeout, may start a task
    /// that nobody awaits.
    static let unstructuredTasks: [Allowance] = [
        Allowance(
            rule: "unstructured tasks", path: "Sources/Base/Determinism/CallRace.swift",
            reason: "the one place that interrupts a call at its deadline, even a call that ignores its cancellation"),
        Allowance(
            rule: "unstructured tasks", path: "Sources/Base/Determinism/CallTimer.swift",
            reason: "the one task that watches the deadlines of all calls, while there are any"),
        Allowance(
            rule: "unstructured tasks", path: "Sources/Service/PantryAssembly/Assembly/OpenDatabase.swift",
            reason: "the shell that owns a PostgreSQL database's loop, which is needed before the installation runs"),
        Allowance(
            rule: "unstructured tasks", path: "Sources/Service/PantryHTTP/Server/PantryHTTPServer.swift",
            reason: "the shell that owns Hummingbird's accept loop, which must not see the outer shutdown by itself"),
    ]

    /// Wall clock, sleep and randomness come in through `Determinism`.
    static let clocksAndRandomness: [Allowance] = [
        Allowance(
            rule: "clocks and randomness", path: "Sources/Base/Determinism/",
            reason: "the one place that asks the machine for the time and for random bytes"),
        Allowance(
            rule: "clocks and randomness", path: "Sources/Service/PantryHTTP/Server/",
            reason: "a live connection's timers, behind a value that tests replace"),
    ]

    static let environment: [Allowance] = [
        Allowance(
            rule: "environment variables", path: "Sources/Service/PantryCommand/",
            reason: "the process's own surroundings: NO_COLOR, HOME, the terminal"),
        Allowance(
            rule: "environment variables", path: "Sources/Service/PantryAssembly/Configuration/",
            reason: "the configuration is what environment variables are for"),
    ]

    /// A description of the API is as long as the API, and its sentences as long as sentences are.
    static let embeddedText: [Allowance] = ["file length", "line length"].map { rule in
        Allowance(
            rule: rule, path: "Sources/Service/PantryHTTP/OpenAPI/OpenAPIText.swift",
            reason: "the text of openapi/pantry-v1.yaml, written by scripts/embed-openapi")
    }

    static let sleepingTests: [Allowance] = [
        Allowance(
            rule: "sleeping tests", path: "Tests/Service/PantryHTTPTests/ServerStopTests.swift",
            reason: "polls a flag each millisecond; nothing waits for a fixed time"),
        Allowance(
            rule: "sleeping tests", path: "Tests/Service/PantryHTTPTests/ServerTestHarness.swift",
            reason: "polls a count each millisecond; nothing waits for a fixed time"),
    ]
}
