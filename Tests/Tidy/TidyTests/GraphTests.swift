import Foundation
import Testing

/// The floors of the package, read from the package itself.
@Suite("Floors")
struct GraphTests {
    private typealias Node = TargetGraph.Node

    private static let base = Node("Storage", path: "Sources/Base/Storage")
    private static let pattern = Node("Sagas", path: "Sources/Patterns/Sagas", targets: ["Storage"])
    private static let driver = Node(
        "SQLiteDriver", path: "Sources/Drivers/SQLiteDriver", targets: ["Storage"], products: ["GRDB"])
    private static let domain = Node(
        "PantryDomain", path: "Sources/Domain/PantryDomain", targets: ["Sagas", "Storage"], products: ["Logging"])
    private static let http = Node(
        "PantryHTTP", path: "Sources/Service/PantryHTTP", targets: ["PantryDomain"], products: ["Hummingbird"])
    private static let assembly = Node(
        "PantryAssembly", path: "Sources/Service/PantryAssembly", targets: ["PantryDomain", "SQLiteDriver"])
    private static let command = Node(
        "PantryCommand", path: "Sources/Service/PantryCommand", kind: "executable",
        targets: ["PantryHTTP", "PantryAssembly"])
    private static let house = [base, pattern, driver, domain, http, assembly, command]

    @Test("The package keeps its floors", .timeLimit(.minutes(3)))
    func packageKeepsFloors() async throws {
        let graph = try TargetGraph(dump: try await dump(packageAt: Repository.current.root))
        #expect(graph.nodes.contains { Floor($0) == .domain }, "the dump has no domain: \(graph.nodes.map(\.path))")
        for violation in Floors.violations(in: graph) { Issue.record("\(violation)") }
    }

    @Test func soundHouseHasNoViolation() {
        #expect(Floors.violations(in: TargetGraph(Self.house)) == [])
    }

    @Test func baseTargetsMaySeeEachOther() {
        let graph = TargetGraph([
            Self.base, Node("Determinism", path: "Sources/Base/Determinism", targets: ["Storage"]),
        ])
        #expect(Floors.violations(in: graph) == [])
    }

    @Test func testsAndTestKitsStandOutside() {
        let graph = TargetGraph(
            Self.house + [
                Node("SagaTestKit", path: "TestKits/SagaTestKit", targets: ["Sagas", "PantryHTTP"]),
                Node("SagasTests", path: "Tests/Patterns/SagasTests", kind: "test", targets: ["SagaTestKit"]),
            ])
        #expect(Floors.violations(in: graph) == [])
    }

    @Test func driverMaySeeItsModuleMap() {
        let map = Node("CLibPQ", path: "Sources/Drivers/CLibPQ", kind: "system")
        let driver = Node("PostgresDriver", path: "Sources/Drivers/PostgresDriver", targets: ["CLibPQ"])
        #expect(Floors.violations(in: TargetGraph([map, driver])) == [])
    }

    private static let badHouses: [(Node, String)] = [
        (Node("Determinism", path: "Sources/Base/Determinism", targets: ["Sagas"]), "above"),
        (Node("Messaging", path: "Sources/Patterns/Messaging", targets: ["Sagas"]), "neighbor"),
        (Node("Messaging", path: "Sources/Patterns/Messaging", targets: ["SQLiteDriver"]), "above"),
        (Node("RedisDriver", path: "Sources/Drivers/RedisDriver", targets: ["SQLiteDriver"]), "neighbor"),
        (
            Node("OtherDomain", path: "Sources/Domain/OtherDomain", targets: ["SQLiteDriver"]),
            "base, Sagas and Messaging"
        ),
        (Node("OtherDomain", path: "Sources/Domain/OtherDomain", targets: ["PantryDomain"]), "neighbor"),
        (Node("OtherDomain", path: "Sources/Domain/OtherDomain", products: ["Hummingbird"]), "another package"),
        (Node("Admin", path: "Sources/Service/Admin", targets: ["PantryHTTP"]), "neighbor"),
        (Node("Admin", path: "Sources/Service/Admin", targets: ["PantryCommand"]), "above"),
        (Node("Admin", path: "Sources/Service/Admin", targets: ["SagaTestKit"]), "on no floor"),
        (Node("Stray", path: "Sources/Stray"), "stands on no floor"),
    ]

    @Test(arguments: badHouses.indices)
    func badHouseIsReported(index: Int) throws {
        let (node, words) = Self.badHouses[index]
        let kit = Node("SagaTestKit", path: "TestKits/SagaTestKit")
        let violations = Floors.violations(in: TargetGraph(Self.house + [kit, node]))
        try #require(violations.count == 1, "\(violations)")
        #expect(violations[0].contains(words))
        #expect(violations[0].hasPrefix(node.name))
    }

    @Test func domainMayNotSeeBreaker() {
        let breaker = Node("CircuitBreaking", path: "Sources/Patterns/CircuitBreaking")
        let domain = Node("OtherDomain", path: "Sources/Domain/OtherDomain", targets: ["CircuitBreaking"])
        #expect(Floors.violations(in: TargetGraph([breaker, domain])).count == 1)
    }

    @Test func dumpIsUnderstood() throws {
        let json = """
            {"name": "p", "targets": [
              {"name": "A", "type": "regular", "path": "Sources/Base/A", "dependencies": []},
              {"name": "B", "type": "executable", "path": "Sources/Service/B", "settings": [], "dependencies": [
                {"byName": ["A", null]}, {"product": ["GRDB", "GRDB.swift", null, null]}, {"target": ["A", null]}]}]}
            """
        let graph = try TargetGraph(dump: Data(json.utf8))
        #expect(graph.nodes.map(\.name) == ["A", "B"])
        #expect(graph.nodes[1].targets == ["A", "A"])
        #expect(graph.nodes[1].products == ["GRDB"])
        #expect(graph.nodes.map(Floor.init) == [.base, .executables])
    }

    // MARK: The package manager

    private struct DumpFailure: Error { let status: Int32, messages: String }

    /// Runs beside the `swift test` that runs this: in a scratch folder of its own, so that neither waits for the
    /// other's lock.
    private func dump(packageAt root: URL) async throws -> Data {
        let manager = FileManager.default
        let scratch = manager.temporaryDirectory.appendingPathComponent("pantry-tidy-\(UUID().uuidString)")
        try manager.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? manager.removeItem(at: scratch) }
        let output = scratch.appendingPathComponent("graph.json")
        let messages = scratch.appendingPathComponent("messages.txt")
        for file in [output, messages] { try Data().write(to: file) }

        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "swift", "package", "--package-path", root.path, "--scratch-path", scratch.path, "--disable-sandbox",
            "dump-package",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: messages)
        let status = try await withCheckedThrowingContinuation { (done: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { done.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                done.resume(throwing: error)
            }
        }
        guard status == 0 else {
            throw DumpFailure(status: status, messages: (try? String(contentsOf: messages, encoding: .utf8)) ?? "")
        }
        return try Data(contentsOf: output)
    }
}
