import Synchronization

/// Lets one task of this process at a time give positions to an organization's events. The others wait for it, and
/// then find what they wanted done, instead of queueing for the same row in the database.
final class StampTurns: Sendable {
    private struct State {
        /// Those who wait, by the organization that somebody is at work for.
        var waiting: [Int64: [Int: CheckedContinuation<Void, Never>]] = [:]
        var latestID = 0
    }
    private let state = Mutex(State())

    /// Runs `body`, unless it is being run for that organization already: then it waits for its end, or until the task
    /// is cancelled.
    /// - Returns: what `body` returns; nil when another task has run it.
    func run<Value: Sendable>(
        _ organization: Int64, _ body: () async throws(Refusal) -> Value
    ) async throws(Refusal) -> Value? {
        let isFirst = state.withLock { state in
            guard state.waiting[organization] == nil else { return false }
            state.waiting[organization] = [:]
            return true
        }
        guard isFirst else {
            await wait(organization)
            return nil
        }
        defer {
            let others = state.withLock { $0.waiting.removeValue(forKey: organization) ?? [:] }
            for continuation in others.values { continuation.resume() }
        }
        return try await body()
    }

    private func wait(_ organization: Int64) async {
        let id = state.withLock { state in
            state.latestID += 1
            return state.latestID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if Task.isCancelled || state.waiting[organization] == nil { return true }
                    state.waiting[organization]?[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting[organization]?.removeValue(forKey: id) }?.resume()
        }
    }
}
