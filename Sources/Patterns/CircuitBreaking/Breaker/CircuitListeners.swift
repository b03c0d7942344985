import Synchronization

/// Who listens to a breaker's changes.
final class CircuitListeners: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<CircuitChange>.Continuation] = [:]
        var next = 0
    }
    private let state = Mutex(State())

    /// How many there are.
    var count: Int { state.withLock { $0.listeners.count } }

    func listen(bufferingNewest limit: Int) -> AsyncStream<CircuitChange> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: CircuitChange.self, bufferingPolicy: .bufferingNewest(max(limit, 1)))
        let number = state.withLock { state in
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    func publish(_ changes: [CircuitChange]) {
        state.withLock { state in
            for change in changes { for listener in state.listeners.values { listener.yield(change) } }
        }
    }

    deinit { state.withLock { $0.listeners.values.forEach { $0.finish() } } }
}
