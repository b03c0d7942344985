import DeterminismTestKit
import Testing

/// A call in a task of its own. Whoever waits for it fails when it never ends, instead of waiting with it.
struct WatchedCall<Value: Sendable>: Sendable {
    struct NeverEnded: Error {}
    private let hasEnded: Flag
    private let task: Task<Value, any Error>

    init(_ call: @escaping @Sendable () async throws -> Value) {
        let hasEnded = Flag()
        self.hasEnded = hasEnded
        task = Task {
            defer { hasEnded.raise() }
            return try await call()
        }
    }

    func cancel() { task.cancel() }

    /// What it came to.
    var value: Value {
        get async throws {
            await eventually("the call ends") { hasEnded.isRaised }
            guard hasEnded.isRaised else { throw NeverEnded() }
            return try await task.value
        }
    }

    /// Waits until it has ended.
    func end() async { _ = try? await value }
}
