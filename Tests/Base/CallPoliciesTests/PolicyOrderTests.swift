import Foundation
import Testing

/// The order of policies is the compiler's business: what is out of order does not compile. Each snippet is checked by
/// the compiler against the modules that these tests were built with.
@Suite("Policies, what does not compile", .serialized)
struct PolicyOrderTests {
    /// What the snippets are put into.
    private static func source(_ policies: String) -> String {
        """
        import CallPolicies
        struct Policy<Place: CallPolicyPlace>: CallPolicy {
            func call<Value: Sendable>(
                _ operation: @escaping @Sendable () async throws -> Value
            ) async throws -> Value { try await operation() }
        }
        let retry = Policy<RetryPlace>(), bulkhead = Policy<BulkheadPlace>()
        let breaker = Policy<BreakerPlace>(), timeout = Policy<TimeoutPlace>()
        let policies = callPolicies { \(policies) }
        """
    }

    private struct Checked {
        let hasPassed: Bool
        let messages: String
    }

    private struct Missing: Error, CustomStringConvertible { let description: String }

    /// Where the modules of this build are: beside the running tests.
    private static func modules() throws -> URL {
        let running =
            FileManager.default.fileExists(atPath: "/proc/self/exe")
            ? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            : URL(fileURLWithPath: CommandLine.arguments[0])
        var folder = running.deletingLastPathComponent()
        while folder.path != "/" {
            let modules = folder.appendingPathComponent("Modules")
            let module = modules.appendingPathComponent("CallPolicies.swiftmodule").path
            if FileManager.default.fileExists(atPath: module) { return modules }
            folder.deleteLastPathComponent()
        }
        throw Missing(description: "the module CallPolicies is nowhere above \(running.path)")
    }

    /// Asks the compiler. One that cannot be run makes the test fail: nothing would have been checked.
    private func check(_ source: String) async throws -> Checked {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (file, output) = (
            folder.appendingPathComponent("policies.swift"), folder.appendingPathComponent("messages")
        )
        try source.write(to: file, atomically: true, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let messages = try FileHandle(forWritingTo: output)
        defer { try? messages.close() }
        let modules = try Self.modules()
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = [
            "swiftc", "-typecheck", "-swift-version", "6", "-parse-as-library", "-module-cache-path",
            modules.deletingLastPathComponent().appendingPathComponent("ModuleCache").path, "-I", modules.path,
            file.path,
        ]
        (compiler.standardOutput, compiler.standardError) = (messages, messages)
        try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
            compiler.terminationHandler = { _ in ended.resume() }
            do { try compiler.run() } catch {
                compiler.terminationHandler = nil
                ended.resume(throwing: error)
            }
        }
        return Checked(
            hasPassed: compiler.terminationStatus == 0, messages: try String(contentsOf: output, encoding: .utf8))
    }

    /// The counterpart: if this did not compile, the others would prove nothing.
    @Test(arguments: [
        "retry; bulkhead; breaker; timeout", "retry", "bulkhead", "breaker", "timeout", "retry; timeout",
        "bulkhead; timeout", "retry; breaker", "bulkhead; breaker; timeout", "retry; bulkhead; timeout",
        "callPolicies { retry; bulkhead }; breaker; timeout", "retry; callPolicies { bulkhead; breaker }; timeout",
    ])
    func whatIsInOrderCompiles(policies: String) async throws {
        let checked = try await check(Self.source(policies))
        #expect(checked.hasPassed, "\(checked.messages)")
    }

    @Test(arguments: [
        "bulkhead; retry", "breaker; retry", "timeout; retry", "breaker; bulkhead", "timeout; bulkhead",
        "timeout; breaker", "retry; retry", "bulkhead; bulkhead", "breaker; breaker", "timeout; timeout",
        "retry; breaker; bulkhead; timeout", "retry; bulkhead; timeout; breaker",
        "callPolicies { retry; timeout }; breaker", "bulkhead; callPolicies { retry; timeout }",
        "retry; callPolicies { retry; timeout }",
        "breaker; callPolicies { callPolicies { bulkhead; breaker }; timeout }",
    ])
    func whatIsOutOfOrderDoesNotCompile(policies: String) async throws {
        let checked = try await check(Self.source(policies))
        #expect(!checked.hasPassed, "it compiles")
        let errors = checked.messages.split(separator: "\n").filter { $0.contains("error:") }
        #expect(
            errors.contains { $0.contains("the order is: retry, bulkhead, circuit breaker, timeout") },
            "\(checked.messages)")
    }
}
