import Determinism
import Synchronization

/// Time that stands still until it is told to move.
final class ManualTime: TimeSource {
    private struct State {
        var elapsed: Duration = .zero
        var step: Duration = .zero
        var sleepers: [Int: (deadline: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<Int> = []
        var next = 0
    }
    private static let start = Timestamp(microseconds: 1_780_000_000_000_000)
    private let state = Mutex(State())

    var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    func now() -> Timestamp { Self.start + state.withLock { $0.elapsed + $0.step } }
    func instant() -> Instant { Instant(nanoseconds: 0) + state.withLock { $0.elapsed } }

    func sleep(until deadline: Instant) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
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

    /// The wall clock is put forward or back; the monotonic one goes on.
    func stepWallClock(by duration: Duration) { state.withLock { $0.step += duration } }

    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.elapsed += duration
            let now = Instant(nanoseconds: 0) + state.elapsed
            let due = state.sleepers.filter { $0.value.deadline <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.sorted { $0.value.deadline < $1.value.deadline }.map(\.value.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    /// Moves to the moment that the next sleeper waits for; false when nobody sleeps.
    func advanceToNextSleeper() -> Bool {
        let rest = state.withLock { state in
            state.sleepers.values.map(\.deadline).min().map { $0 - (Instant(nanoseconds: 0) + state.elapsed) }
        }
        guard let rest else { return false }
        advance(by: max(rest, .zero))
        return true
    }
}

/// Time in which every pause is over at once; for code that only polls.
struct PauselessTime: TimeSource {
    func now() -> Timestamp { Timestamp(microseconds: 0) }
    func instant() -> Instant { Instant(nanoseconds: 0) }
    func sleep(until deadline: Instant) async throws {}
}

/// Something to wait at that does not notice cancellation.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// Said once, by one task to another.
final class Flag: Sendable {
    private let state = Atomic(false)
    var isRaised: Bool { state.load(ordering: .acquiring) }
    func raise() { state.store(true, ordering: .releasing) }
}
