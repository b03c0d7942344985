import Determinism
import Synchronization

/// A wait that ends at its time or when somebody says so, whichever comes first. One waits at a time.
final class Wakeup: Sendable {
    private enum State {
        case idle
        /// Somebody said so before anybody waited.
        case signalled
        case waiting(CheckedContinuation<Void, Never>)
    }
    private let state = Mutex(State.idle)

    /// Ends the wait, or the next one.
    func signal() {
        let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
            if case .waiting(let continuation) = state {
                state = .idle
                return continuation
            }
            state = .signalled
            return nil
        }
        waiting?.resume()
    }

    /// Returns at `deadline`, when signalled, or when the task is cancelled. Nil waits for a signal only.
    func wait(until deadline: Instant?, _ time: any TimeSource) async {
        guard let deadline else { return await park() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.park() }
            group.addTask { try? await time.sleep(until: deadline) }
            await group.next()
            group.cancelAll()
        }
    }

    private func park() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSignalled = state.withLock { state in
                    if case .signalled = state {
                        state = .idle
                        return true
                    }
                    state = .waiting(continuation)
                    return false
                }
                if isSignalled { continuation.resume() } else if Task.isCancelled { release() }
            }
        } onCancel: {
            release()
        }
    }

    /// Ends a wait without leaving a signal behind.
    private func release() {
        let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard case .waiting(let continuation) = state else { return nil }
            state = .idle
            return continuation
        }
        waiting?.resume()
    }
}
