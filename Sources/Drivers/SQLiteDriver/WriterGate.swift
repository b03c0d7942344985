import Synchronization

/// First come, first served: who may use the writer across several closures. The lane's batches and slow-path
/// transactions take turns here.
final class WriterGate: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [@Sendable () -> Void] = []
    }
    private let state = Mutex(State())

    /// Calls `body` when the gate is taken for it: at once, or where the one before leaves.
    func enter(_ body: @escaping @Sendable () -> Void) {
        let entered = state.withLock { state in
            if state.isTaken {
                state.waiting.append(body)
                return false
            }
            state.isTaken = true
            return true
        }
        if entered { body() }
    }

    /// Returns when the gate is taken.
    func enter() async { await withCheckedContinuation { continuation in enter { continuation.resume() } } }

    /// Lets the next one in.
    func leave() {
        let next: (@Sendable () -> Void)? = state.withLock { state in
            if state.waiting.isEmpty {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?()
    }
}
