import Synchronization

/// First come, first served: who may use the writer across several closures. The lane's batches and slow-path
/// transactions take turns here.
final class WriterGate: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func enter() async {
        let entered = state.withLock { state in
            if state.isTaken { return false }
            state.isTaken = true
            return true
        }
        if entered { return }
        await withCheckedContinuation { continuation in
            let entered = state.withLock { state in
                if state.isTaken {
                    state.waiting.append(continuation)
                    return false
                }
                state.isTaken = true
                return true
            }
            if entered { continuation.resume() }
        }
    }

    func leave() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            if state.waiting.isEmpty {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
