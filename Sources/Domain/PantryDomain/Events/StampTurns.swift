import Synchronization

/// Lets one task of this process at a time give positions to an organization's events. The others wait for it, and
/// then find what they wanted done, instead of queueing for the same row in the database.
final class StampTurns: Sendable {
    private let waiting = Mutex<[Int64: [CheckedContinuation<Void, Never>]]>([:])

    /// Runs `body`, unless it is being run for that organization already: then it waits for its end.
    /// - Returns: what `body` returns; nil when another task has run it.
    func run<Value: Sendable>(
        _ organization: Int64, _ body: () async throws(Refusal) -> Value
    ) async throws(Refusal) -> Value? {
        let isFirst = waiting.withLock { waiting in
            guard waiting[organization] == nil else { return false }
            waiting[organization] = []
            return true
        }
        guard isFirst else {
            await wait(organization)
            return nil
        }
        defer {
            let others = waiting.withLock { $0.removeValue(forKey: organization) ?? [] }
            for continuation in others { continuation.resume() }
        }
        return try await body()
    }

    private func wait(_ organization: Int64) async {
        await withCheckedContinuation { continuation in
            let isOver = waiting.withLock { waiting in
                guard waiting[organization] != nil else { return true }
                waiting[organization]?.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}
