import Determinism
import Synchronization

/// Wakes one sleeper, before its time. Rung while nobody sleeps, it ends the next sleep at once.
final class Bell: Sendable {
    private enum State {
        case silent
        case rung
        case awaited(CheckedContinuation<Void, Never>)
    }
    private let state = Mutex(State.silent)

    func ring() {
        let sleeper: CheckedContinuation<Void, Never>? = state.withLock { state in
            if case .awaited(let continuation) = state {
                state = .silent
                return continuation
            }
            state = .rung
            return nil
        }
        sleeper?.resume()
    }

    /// Returns at `deadline`, when it is rung, or when the task is cancelled.
    func sleep(until deadline: Instant, _ time: any TimeSource) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.listen() }
            group.addTask { try? await time.sleep(until: deadline) }
            await group.next()
            group.cancelAll()
        }
    }

    private func listen() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if case .rung = state {
                        state = .silent
                        return true
                    }
                    if Task.isCancelled { return true }
                    state = .awaited(continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            // Nobody has rung: nothing is left behind for the next sleep.
            let sleeper: CheckedContinuation<Void, Never>? = state.withLock { state in
                guard case .awaited(let continuation) = state else { return nil }
                state = .silent
                return continuation
            }
            sleeper?.resume()
        }
    }
}
