import Determinism
import Synchronization

/// A caller that waits for a place: resumed once, by whoever takes it out of the queue.
final class BulkheadWaiter: DeadlineTarget {
    enum Outcome: Sendable {
        case entered
        case refused(BulkheadError.Reason)
    }
    private enum State {
        case open
        case waiting(CheckedContinuation<Outcome, Never>)
        case settled(Outcome)
    }
    private let number: UInt64
    private let bulkhead: Bulkhead
    private let state = Mutex<State>(.open)

    init(_ number: UInt64, of bulkhead: Bulkhead) { (self.number, self.bulkhead) = (number, bulkhead) }

    func deadlinePassed() { abandon(.waitedTooLong) }

    /// It waits no longer, unless it is in already.
    func abandon(_ reason: BulkheadError.Reason) {
        if bulkhead.abandon(number, reason) { settle(.refused(reason)) }
    }

    func wait(_ continuation: CheckedContinuation<Outcome, Never>) {
        let settled: Outcome? = state.withLock { state in
            if case .settled(let outcome) = state { return outcome }
            state = .waiting(continuation)
            return nil
        }
        if let settled { continuation.resume(returning: settled) }
    }

    func settle(_ outcome: Outcome) {
        let waiting: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            defer { state = .settled(outcome) }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume(returning: outcome)
    }
}
