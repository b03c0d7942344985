import Testing

/// A machine whose events are functions has no list of them that a test could go through, and the compiler says nothing
/// when one is added. So each of them must be in the test that puts every event into every state.
@Suite("Machines and their events")
struct MachineEventTests {
    struct Matrix: CustomStringConvertible {
        let machine: [String]
        let tests: [String]
        /// What the machine's files share among each other and nobody else calls.
        let steps: Set<String>
        /// Enumerations whose cases are events.
        let enums: [String]
        var description: String { machine[0] }

        init(_ machine: String..., tests: [String], steps: Set<String> = [], enums: [String] = []) {
            (self.machine, self.tests, self.steps, self.enums) = (machine, tests, steps, enums)
        }
    }
    private static let redis = "Sources/Drivers/RedisDriver"
    private static let redisTests = "Tests/Drivers/RedisDriverTests"
    private static let limits = "Sources/Patterns/RateLimiting/Local"
    private static let limitTests = "Tests/Patterns/RateLimitingTests"
    private static let pool = "Sources/Patterns/ConnectionPooling/Machine/PoolStateMachine"
    private static let poolTests = "Tests/Patterns/ConnectionPoolingTests"
    private static let replicas = "Sources/Patterns/ReplicaRouting/ReplicaSetMachine"
    private static let replicaTests = "Tests/Patterns/ReplicaRoutingTests"
    private static let pipeline = "Sources/Drivers/PostgresDriver/Pipeline/PipelineMachine"
    private static let pipelineTests = "Tests/Drivers/PostgresDriverTests"

    static let matrices: [Matrix] = [
        Matrix(
            "\(redis)/Pipeline/RedisPipelineMachine.swift", tests: ["\(redisTests)/PipelineMachineMatrixTests.swift"]),
        Matrix("\(redis)/Pipeline/ReconnectMachine.swift", tests: ["\(redisTests)/ReconnectMachineMatrixTests.swift"]),
        Matrix(
            "\(redis)/PubSub/SubscriptionMachine.swift", tests: ["\(redisTests)/SubscriptionMachineMatrixTests.swift"]),
        Matrix("\(limits)/StoreGateMachine.swift", tests: ["\(limitTests)/StoreGateMachineMatrixTests.swift"]),
        Matrix("\(limits)/LeaseMachine.swift", tests: ["\(limitTests)/LeaseMachineMatrixTests.swift"]),
        Matrix("\(limits)/DebtTable.swift", tests: ["\(limitTests)/DebtTableMatrixTests.swift"]),
        Matrix(
            "Sources/Patterns/Retrying/Bulkhead/BulkheadMachine.swift",
            tests: ["Tests/Patterns/RetryingTests/BulkheadMachineMatrixTests.swift"]),
        Matrix(
            "Sources/Base/Storage/WriteLane/BatchMachine.swift",
            tests: ["Tests/Base/StorageTests/BatchMachineEventTests.swift"], enums: ["Event"]),
        Matrix(
            "\(pool).swift", "\(pool)+Housekeeping.swift", "\(pool)+Inspection.swift", "\(pool)+Supply.swift",
            tests: ["\(poolTests)/EventMatrixTests.swift", "\(poolTests)/PoolScene.swift"],
            steps: ["readySlot", "occupy", "grant", "settle", "close", "wake", "supply", "finishShutdown"],
            enums: ["Eviction", "ValidationOutcome"]),
        Matrix(
            "\(replicas).swift", "\(replicas)+Assessment.swift", "\(replicas)+Election.swift",
            tests: ["\(replicaTests)/ReplicaSetMatrixTests.swift"], steps: ["assess", "elect", "measured"],
            enums: ["Event", "ConnectionFailure"]),
        Matrix(
            "\(pipeline).swift", "\(pipeline)+Replies.swift", "\(pipeline)+Time.swift",
            tests: ["\(pipelineTests)/PipelineMatrixScene.swift"], steps: ["raiseAlarm", "clearAlarm"],
            enums: ["Reply"]),
        Matrix(
            "Sources/Service/PantryHTTP/Server/ConnectionMachine.swift",
            tests: ["Tests/Service/PantryHTTPTests/ConnectionMachineMatrixTests.swift"]),
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

    /// The cases of an enumeration.
    private static func cases(of name: String, in file: SourceFile) -> Set<String> {
        let words = file.tokens.map(\.text)
        guard let start = words.indices.dropLast(2).first(where: { words[$0] == "enum" && words[$0 + 1] == name })
        else { return [] }
        var (cases, braces, parentheses): (Set<String>, Int, Int) = ([], 0, 0)
        var (isInCase, isNameNext) = (false, false)
        for word in words[(start + 2)...] {
            switch word {
            case "{": braces += 1
            case "}":
                braces -= 1
                if braces == 0 { return cases }
            case "(": parentheses += 1
            case ")": parentheses -= 1
            case _ where braces != 1 || parentheses > 0: break
            case "case": (isInCase, isNameNext) = (true, true)
            case "var", "let", "func", "static", "init": isInCase = false
            case ",": isNameNext = isInCase
            default:
                if isNameNext { cases.insert(word) }
                isNameNext = false
            }
        }
        return cases
    }

    /// What follows a dot somewhere.
    private static func members(in file: SourceFile) -> Set<String> {
        let words = file.tokens.map(\.text)
        return Set(zip(words, words.dropFirst()).filter { $0.0 == "." }.map(\.1))
    }

    @Test("Every event is in the matrix", arguments: matrices)
    func everyEventIsThere(matrix: Matrix) throws {
        let files = Repository.current.files
        let machine = try matrix.machine.map { path in try #require(files.first { $0.path == path }) }
        let tests = try matrix.tests.map { path in try #require(files.first { $0.path == path }) }
        var events = machine.reduce(into: Set<String>()) { $0.formUnion(Self.events(of: $1)) }
        #expect(!events.isEmpty)
        #expect(matrix.steps.subtracting(events).sorted() == [], "they are no functions of the machine")
        events.subtract(matrix.steps)
        for name in matrix.enums {
            let cases = machine.reduce(into: Set<String>()) { $0.formUnion(Self.cases(of: name, in: $1)) }
            #expect(!cases.isEmpty, "\(name)")
            events.formUnion(cases)
        }
        let members = tests.reduce(into: Set<String>()) { $0.formUnion(Self.members(in: $1)) }
        #expect(events.subtracting(members).sorted() == [])
    }

    /// A machine of several files is whole in the list: an extension that is added has its events, too.
    @Test func everyFileOfAMachineIsThere() {
        let listed = Set(Self.matrices.flatMap(\.machine))
        for matrix in Self.matrices {
            let stem = matrix.machine[0].dropLast(".swift".count) + "+"
            for file in Repository.current.files where file.path.hasPrefix(stem) {
                #expect(listed.contains(file.path) || Self.events(of: file).isEmpty, "\(file.path)")
            }
        }
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
                    enum Event {
                        case opened, read(Int, since: Int)  // case not
                        static let all: [Self] = [.opened, .shut]
                        var isOpen: Bool { switch self { case .opened: true case .read, .shut: false } }
                        indirect case shut(Int = 0)
                    }
                    enum Action { case send }
                }
                """)
        #expect(Self.events(of: machine) == ["begin", "end"])
        #expect(Self.cases(of: "Event", in: machine) == ["opened", "read", "shut"])
        #expect(Self.cases(of: "Other", in: machine) == [])
        let tests = SourceFile(path: "Tests/A/BTests/ATests.swift", text: "machine.begin()\nend(1)\n")
        #expect(Self.members(in: tests) == ["begin"])
    }
}
