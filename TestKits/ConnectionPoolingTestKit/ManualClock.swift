import Determinism
import Synchronization

/// Time that stands still until a test moves it. Sleepers wake in the order of their deadlines.
public final class ManualClock: TimeSource {
    private struct Sleeper {
        let deadline: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }
    private struct State {
        var now = Instant(nanoseconds: 0)
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
        var next = 0
    }
    private let state = Mutex(State())

    /// A clock at zero.
    public init() {}

    /// How many tasks sleep.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// The earliest deadline that somebody sleeps until.
    public var earliestDeadline: Instant? { state.withLock { $0.sleepers.values.map(\.deadline).min() } }

    /// The wall clock: the manual time since 1970.
    public func now() -> Timestamp { Timestamp(microseconds: instant().nanoseconds / 1_000) }

    /// The manual time.
    public func instant() -> Instant { state.withLock { $0.now } }

    /// Suspends until the clock has been moved to `deadline`.
    public func sleep(until deadline: Instant) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let answer: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if deadline <= state.now { return .success(()) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    return nil
                }
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Moves the clock, and wakes those whose deadline has come.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now + duration
            let now = state.now
            let due = state.sleepers.filter { $0.value.deadline <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }
}

/// Polls a condition, yielding in between, for at most `limit` of real time.
/// - Returns: whether it came to hold.
public func holdsEventually(within limit: Duration = .seconds(10), _ condition: () -> Bool) async -> Bool {
    let time = SystemTime()
    let deadline = time.instant() + limit
    while !condition() {
        guard time.instant() < deadline else { return false }
        await Task.yield()
    }
    return true
}
