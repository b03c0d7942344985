import PantryReplay
import UnixSignals

/// Ctrl-C and SIGTERM, for work that has something to put in order before it ends.
enum Interruption {
    /// Runs `body`; from now on a signal raises the sign instead of ending the process.
    static func raising<Value>(_ stop: StopSign, _ body: () async throws -> Value) async throws -> Value {
        let signals = await UnixSignalsSequence(trapping: [.sigterm, .sigint])
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { stop.raise() } }
            defer { group.cancelAll() }
            return try await body()
        }
    }
}
