import Testing

/// A machine whose events are functions has no list of them that a test could go through, and the compiler says nothing
/// when one is added. So each of them must be in the test that puts every event into every state.
@Suite("Machines and their events")
struct MachineEventTests {
    struct Matrix: CustomStringConvertible {
        let machine: String
        let tests: String
        var description: String { machine }
    }
    private static let redis = "Sources/Drivers/RedisDriver"
    private static let redisTests = "Tests/Drivers/RedisDriverTests"
    private static let limits = "Sources/Patterns/RateLimiting/Local"
    private static let limitTests = "Tests/Patterns/RateLimitingTests"

    static let matrices: [Matrix] = [
        Matrix(
            machine: "\(redis)/Pipeline/RedisPipelineMachine.swift",
            tests: "\(redisTests)/PipelineMachineMatrixTests.swift"),
        Matrix(
            machine: "\(redis)/Pipeline/ReconnectMachine.swift",
            tests: "\(redisTests)/ReconnectMachineMatrixTests.swift"),
        Matrix(
            machine: "\(redis)/PubSub/SubscriptionMachine.swift",
            tests: "\(redisTests)/SubscriptionMachineMatrixTests.swift"),
        Matrix(
            machine: "\(limits)/StoreGateMachine.swift", tests: "\(limitTests)/StoreGateMachineMatrixTests.swift"),
        Matrix(
            machine: "Sources/Patterns/Retrying/Bulkhead/BulkheadMachine.swift",
            tests: "Tests/Patterns/RetryingTests/BulkheadMachineMatrixTests.swift"),
        Matrix(machine: "\(limits)/LeaseMachine.swift", tests: "\(limitTests)/LeaseMachineMatrixTests.swift"),
        Matrix(
            machine: "Sources/Service/PantryHTTP/Server/ConnectionMachine.swift",
            tests: "Tests/Service/PantryHTTPTests/ConnectionMachineMatrixTests.swift"),
    ]

    /// The functions that change a machine and are not its own.
    private static func events(of file: SourceFile) -> Set<String> {
        let words = file.tokens.map(\.text)
        var events: Set<String> = []
        for index in words.indices.dropLast(2) where words[index] == "mutating" && words[index + 1] == "func" {
            let isPrivate = index > 0 && ["private", "fileprivate"].contains(words[index - 1])
            if !isPrivate { events.insert(words[index + 2]) }
        }
        return events
    }

    /// What follows a dot somewhere.
    private static func members(in file: SourceFile) -> Set<String> {
        let words = file.tokens.map(\.text)
        return Set(zip(words, words.dropFirst()).filter { $0.0 == "." }.map(\.1))
    }

    @Test("Every event is in the matrix", arguments: matrices)
    func everyEventIsThere(matrix: Matrix) throws {
        let files = Repository.current.files
        let machine = try #require(files.first { $0.path == matrix.machine })
        let tests = try #require(files.first { $0.path == matrix.tests })
        let events = Self.events(of: machine)
        #expect(!events.isEmpty)
        #expect(events.subtracting(Self.members(in: tests)).sorted() == [])
    }

    @Test func eventsAreFound() {
        let machine = SourceFile(
            path: "Sources/A/B/AMachine.swift",
            text: """
                struct AMachine {
                    mutating func begin() { count += 1 }  // mutating func not()
                    public mutating func end(_ why: Int) -> Bool { true }
                    private mutating func raise() {}
                    func look() {}
                }
                """)
        #expect(Self.events(of: machine) == ["begin", "end"])
        let tests = SourceFile(path: "Tests/A/BTests/ATests.swift", text: "machine.begin()\nend(1)\n")
        #expect(Self.members(in: tests) == ["begin"])
    }
}
