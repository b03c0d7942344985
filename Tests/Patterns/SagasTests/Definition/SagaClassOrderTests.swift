import Foundation
import Testing

/// The order of classes is the compiler's business: what must not compile does not. Each snippet is checked by the
/// compiler against the modules that these tests were built with.
@Suite("Saga, what does not compile", .serialized)
struct SagaClassOrderTests {
    /// What the snippets are put into.
    private static func source(_ steps: String) -> String {
        """
        import Sagas
        struct Trip: SagaState, Codable {}
        func saga(_ a: SagaAction<Trip>, _ w: SagaAwait<Trip>) -> SagaOutline {
            Saga(Trip.self, "trip", version: 1)\(steps).definition.outline
        }
        """
    }

    private struct Checked {
        let hasPassed: Bool
        let messages: String
    }

    /// Where the modules of this build are: beside the running tests.
    private static func modules() throws -> URL {
        let running =
            FileManager.default.fileExists(atPath: "/proc/self/exe")
            ? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            : URL(fileURLWithPath: CommandLine.arguments[0])
        var folder = running.deletingLastPathComponent()
        while folder.path != "/" {
            let modules = folder.appendingPathComponent("Modules")
            let module = modules.appendingPathComponent("Sagas.swiftmodule").path
            if FileManager.default.fileExists(atPath: module) { return modules }
            folder.deleteLastPathComponent()
        }
        throw Missing(description: "the module Sagas is nowhere above \(running.path)")
    }

    private struct Missing: Error, CustomStringConvertible { let description: String }

    /// Asks the compiler. One that cannot be run makes the test fail: nothing would have been checked.
    private func check(_ steps: String) async throws -> Checked {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (file, output) = (folder.appendingPathComponent("saga.swift"), folder.appendingPathComponent("messages"))
        try Self.source(steps).write(to: file, atomically: true, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let messages = try FileHandle(forWritingTo: output)
        defer { try? messages.close() }
        let modules = try Self.modules()
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = [
            "swiftc", "-typecheck", "-swift-version", "6", "-module-cache-path",
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
        #".compensatable("a", a, undo: a).effectless("e", a).awaiting("w", w).pivot("p", a)"#,
        #".pivot("p", a).retriable("r", a).awaiting("x", w)"#,
        #".parallel(SagaBranch().compensatable("a", a, undo: a).awaiting("w", w), SagaBranch().effectless("e", a))"#,
        #".pivot("p", a).parallel(SagaBranch().retriable("r", a), SagaBranch().awaiting("w", w))"#,
        #".compensatable("a", a, undo: a)"#,
    ])
    func whatIsInOrderCompiles(steps: String) async throws {
        let checked = try await check(steps)
        #expect(checked.hasPassed, "\(checked.messages)")
    }

    /// The steps, and what the compiler says of them.
    @Test(arguments: [
        (#".pivot("p", a).compensatable("a", a, undo: a)"#, "'AfterPivot' and 'BeforePivot' be equivalent"),
        (#".pivot("p", a).effectless("e", a)"#, "'AfterPivot' and 'BeforePivot' be equivalent"),
        (#".pivot("p", a).pivot("q", a)"#, "'AfterPivot' and 'BeforePivot' be equivalent"),
        (#".retriable("r", a)"#, "'BeforePivot' and 'AfterPivot' be equivalent"),
        (#".compensatable("a", a)"#, "missing argument for parameter 'undo'"),
        (#".compensatable("a", a, undo: nil)"#, "'nil'"),
        (#".pivot("p", a, undo: a)"#, "extra argument 'undo'"),
        (#".pivot("p", a).retriable("r", a, undo: a)"#, "extra argument 'undo'"),
        (#".effectless("e", a, undo: a)"#, "extra argument 'undo'"),
        (#".parallel(SagaBranch().retriable("r", a))"#, "BeforePivot"),
        (#".pivot("p", a).parallel(SagaBranch().compensatable("a", a, undo: a))"#, "AfterPivot"),
        (#".pivot("p", a).parallel(SagaBranch().effectless("e", a))"#, "AfterPivot"),
        (#".parallel(SagaBranch().pivot("p", a))"#, "has no member 'pivot'"),
    ])
    func whatIsOutOfOrderDoesNotCompile(steps: String, message: String) async throws {
        let checked = try await check(steps)
        #expect(!checked.hasPassed, "it compiles")
        let errors = checked.messages.split(separator: "\n").filter { $0.contains("error:") }
        #expect(errors.contains { $0.contains(message) }, "\(checked.messages)")
    }
}
