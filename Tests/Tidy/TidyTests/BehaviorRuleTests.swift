import Testing

@Suite("Rules of behavior")
struct BehaviorRuleTests {
    private let source = "Sources/Domain/PantryDomain/Orders/OrderService.swift"

    private func count(_ rule: Rule, _ text: String, path: String) -> Int {
        rule.findings(path: path, text: text).count
    }

    @Test(arguments: [
        "Task { await a() }", "Task<Void, Never> { }", "Task.detached { }", "Task(priority: .high) { }",
        "Task.init { }", "let t = Task\n    { }", "Task.immediate { }",
    ])
    func unstructuredTasksAreFound(text: String) {
        #expect(count(.unstructuredTasks, text, path: source) == 1)
        #expect(count(.unstructuredTasks, text, path: "TestKits/SagaTestKit/A.swift") == 1)
    }

    @Test(arguments: [
        "await withTaskGroup(of: Int.self) { }", "group.addTask { }", "Task.isCancelled",
        "try Task.checkCancellation()",
        "// Task { }", "\"Task { }\"", "struct MoveTask { }", "Task.yield()",
    ])
    func structuredTasksAreFine(text: String) {
        #expect(count(.unstructuredTasks, text, path: source) == 0)
    }

    @Test(arguments: [
        "let a = Date()", "clock.now", "Int.random(in: 0..<2)", "source.nextRandom()", "sleep(1)",
        "try await a()", "let a: Mutex<Int>", "lock.withLock { }", "func a() async {",
    ])
    func machinesArePure(text: String) {
        #expect(count(.stateMachines, text, path: "Sources/Patterns/Sagas/SagaStateMachine.swift") >= 1)
        #expect(count(.stateMachines, text, path: "Sources/Base/Storage/WriteLane/BatchMachine.swift") >= 1)
        #expect(count(.stateMachines, text, path: source) == 0)
    }

    @Test(arguments: [
        "mutating func handle(_ event: Event, now: Instant) -> Action {", "let lockedKeys = keys", "// await a lock",
        "case awaiting", "if now > deadline { return .expire }",
    ])
    func machinesMayNameWhatTheyDo(text: String) {
        #expect(count(.stateMachines, text, path: "Sources/Patterns/Sagas/SagaStateMachine.swift") == 0)
    }

    @Test(arguments: [
        "Date()", "Date.now", "Date(timeIntervalSinceNow: 1)", "ContinuousClock.now", "ContinuousClock().now",
        "DispatchTime.now()", "Int.random(in: 0..<9)", "items.shuffled()", "items.randomElement()", "UUID()",
        "var g = SystemRandomNumberGenerator()", "clock_gettime(CLOCK_REALTIME, &t)",
        "try await Task.sleep(for: .seconds(1))",
        "usleep(100)", "sleep(1)", "\"at \\(Date())\"", "NIODeadline.now()", "time(nil)",
    ])
    func clocksAndRandomnessAreFound(text: String) {
        #expect(count(.clocksAndRandomness, text, path: source) == 1)
        #expect(count(.clocksAndRandomness, text, path: "Tests/Domain/ATests/A.swift") == 0)
        let file = SourceFile(path: "Sources/Base/Determinism/LiveTime.swift", text: text)
        #expect(Rule.clocksAndRandomness.findings(in: file) == [])
    }

    @Test(arguments: [
        "Date(timeIntervalSince1970: 1)", "try await time.sleep(for: .seconds(1))",
        "func sleep(for duration: Duration)",
        "Int.random(in: 0..<9, using: &generator)", "items.shuffled(using: &generator)", "UUID(uuid: bytes)",
        "source.now()", "// Date()", "let asleep = 1", "randomSource.next()",
    ])
    func injectedTimeAndRandomnessAreFine(text: String) {
        #expect(count(.clocksAndRandomness, text, path: source) == 0)
    }

    @Test(arguments: ["ProcessInfo.processInfo.environment", "getenv(\"HOME\")", "setenv(a, b, 1)"])
    func environmentIsReadInTheConfiguration(text: String) {
        #expect(count(.environment, text, path: source) == 1)
        let allowed = "Sources/Service/PantryAssembly/Configuration/Surroundings.swift"
        #expect(Rule.environment.findings(in: SourceFile(path: allowed, text: text)) == [])
        #expect(count(.environment, text, path: "Tests/A/ATests/A.swift") == 0)
        #expect(count(.environment, "let environment = request.environment", path: source) == 0)
    }

    @Test func printingIsTheCommandsJob() {
        #expect(count(.printing, "print(\"a\")", path: source) == 1)
        #expect(count(.printing, "debugPrint(a)", path: source) == 1)
        #expect(count(.printing, "print(\"a\")", path: "Sources/Service/PantryCommand/Demo.swift") == 0)
        #expect(count(.printing, "console.print(a)\nfunc print(_ a: Int)\nfingerprint(a)", path: source) == 0)
    }
}

@Suite("Rules of honesty")
struct HonestyRuleTests {
    private func count(_ rule: Rule, _ text: String, path: String) -> Int {
        rule.findings(path: path, text: text).count
    }

    @Test(arguments: ["// TO" + "DO: later", "// FIX" + "ME", "# XX" + "X", "fatalError(\"" + "not implemented\")"])
    func unfinishedWork(text: String) {
        #expect(count(.unfinishedWork, text, path: "Sources/A/B/C.swift") == 1)
        #expect(count(.unfinishedWork, text, path: "scripts/check") == 1)
        #expect(count(.unfinishedWork, text, path: "docs/a.md") == 0)
    }

    @Test func finishedWork() {
        let text = "mktemp -d pantry.XX" + "XXXX\nfatalError(\"a caller's bug\")\nlet TO" + "DOS = 1"
        #expect(count(.unfinishedWork, text, path: "scripts/check") == 0)
    }

    @Test func switchedOffTests() {
        let path = "Tests/A/ATests/A.swift"
        #expect(count(.switchedOffTests, "@Test(.disabled(\"later\")) func a() {}", path: path) == 1)
        #expect(count(.switchedOffTests, "withKnownIssue { }", path: path) == 1)
        #expect(count(.switchedOffTests, "@Test(.enabled(if: long)) func a() {}", path: path) == 0)
    }

    @Test func sleepingTests() {
        let path = "Tests/A/ATests/A.swift"
        #expect(count(.sleepingTests, "try await Task.sleep(for: .seconds(1))", path: path) == 1)
        #expect(count(.sleepingTests, "usleep(10)", path: path) == 1)
        #expect(count(.sleepingTests, "Thread.sleep(forTimeInterval: 1)", path: path) == 1)
        #expect(count(.sleepingTests, "await time.sleep(for: .seconds(1))", path: path) == 0)
        #expect(count(.sleepingTests, "// Task.sleep", path: path) == 0)
        #expect(count(.sleepingTests, "usleep(10)", path: "TestKits/A/A.swift") == 0)
    }

    @Test func secretsAndPaths() {
        let path = "docs/a.md"
        #expect(count(.secretsAndPaths, "see /wo" + "rk/main", path: path) == 1)
        #expect(count(.secretsAndPaths, "-----BEGIN RSA PRIVATE" + " KEY-----", path: path) == 1)
        #expect(count(.secretsAndPaths, "sk_live" + "_0123456789abcdef", path: path) == 1)
        #expect(count(.secretsAndPaths, "/network/a, /v1/orders, pm_ok, whsec_…", path: path) == 0)
    }
}
