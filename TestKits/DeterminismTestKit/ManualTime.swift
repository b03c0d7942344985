import Determinism
import Synchronization

/// Time that stands still until it is told to move. Sleepers wake in the order of their deadlines.
public final class ManualTime: TimeSource {
    private struct State {
        var elapsed: Duration = .zero
        var step: Duration = .zero
        var sleepers: [Int: (deadline: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<Int> = []
        var next = 0

        var instant: Instant { Instant(nanoseconds: 0) + elapsed }
    }
    private let start: Timestamp
    private let state = Mutex(State())

    /// A clock that stands at zero.
    /// - Parameter start: what the wall clock says then.
    public init(start: Timestamp = Timestamp(microseconds: 0)) { self.start = start }

    /// How many tasks sleep.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// The earliest deadline that somebody sleeps until.
    public var earliestDeadline: Instant? { state.withLock { $0.sleepers.values.map(\.deadline).min() } }

    /// The wall clock.
    public func now() -> Timestamp { start + state.withLock { $0.elapsed + $0.step } }
    /// The monotonic clock.
    public func instant() -> Instant { state.withLock { $0.instant } }

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
                    if deadline <= state.instant { return .success(()) }
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

    /// The wall clock is put forward or back; the monotonic one goes on.
    public func stepWallClock(by duration: Duration) { state.withLock { $0.step += duration } }

    /// Moves the clock, and wakes those whose time has come.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.elapsed += duration
            let now = state.instant
            let due = state.sleepers.filter { $0.value.deadline <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    /// Moves to the moment that the next sleeper waits for; false when nobody sleeps.
    public func advanceToNextSleeper() -> Bool {
        guard let deadline = earliestDeadline else { return false }
        advance(by: max(deadline - instant(), .zero))
        return true
    }
}
