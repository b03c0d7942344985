import Determinism
import Synchronization
import Testing

/// Time that stands still until it is told to move.
final class ManualTime: TimeSource {
    private struct State {
        var elapsed: Duration = .zero
        var sleepers: [Int: (deadline: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<Int> = []
        var next = 0
    }
    private let state = Mutex(State())

    var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    func now() -> Timestamp { Timestamp(microseconds: 0) + state.withLock { $0.elapsed } }
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

    func advance(by duration: Duration) {
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

/// Waits, by yielding, until the condition holds; fails the test when it does not within ten seconds.
func eventually(_ what: Comment, at location: SourceLocation = #_sourceLocation, _ holds: () -> Bool) async {
    let time = SystemTime()
    let deadline = time.instant() + .seconds(10)
    while !holds() {
        guard time.instant() < deadline else {
            Issue.record("never happened: \(what)", sourceLocation: location)
            return
        }
        await Task.yield()
    }
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

/// What was noted, by whomever, in its order.
final class Notes<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { elements.withLock { $0 } }
    func note(_ element: Element) { elements.withLock { $0.append(element) } }
}
