import Determinism
import Synchronization

/// Time that stands still until it is told to move.
public final class ManualTime: TimeSource {
    private struct State {
        var elapsed: Duration = .zero
        var sleepers: [Int: (deadline: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<Int> = []
        var next = 0
    }
    private let state = Mutex(State())

    /// A clock that stands at zero.
    public init() {}

    /// How many tasks sleep.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// The wall clock.
    public func now() -> Timestamp { Timestamp(microseconds: 0) + state.withLock { $0.elapsed } }
    /// The monotonic clock.
    public func instant() -> Instant { Instant(nanoseconds: 0) + state.withLock { $0.elapsed } }

    /// Suspends the task until the clock was moved to `deadline` or beyond.
    public func sleep(until deadline: Instant) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        defer { _ = state.withLock { $0.cancelled.remove(id) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let answer: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.contains(id) { return .failure(CancellationError()) }
                    if deadline <= Instant(nanoseconds: 0) + state.elapsed { return .success(()) }
                    state.sleepers[id] = (deadline, continuation)
                    return nil
                }
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.cancelled.insert(id)
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Moves the clock, and wakes those whose time has come.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.elapsed += duration
            let now = Instant(nanoseconds: 0) + state.elapsed
            let due = state.sleepers.filter { $0.value.deadline <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }
}
