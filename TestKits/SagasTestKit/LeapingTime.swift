import Determinism
import Synchronization

/// Time in which nobody waits: a sleep moves the clock to its end. For one saga alone; what several sleepers would do
/// to each other does not matter here.
final class LeapingTime: TimeSource {
    private let elapsed = Mutex(Duration.zero)
    private let start = Timestamp(microseconds: 1_700_000_000_000_000)

    func now() -> Timestamp { start + elapsed.withLock { $0 } }
    func instant() -> Instant { Instant(nanoseconds: 0) + elapsed.withLock { $0 } }
    func sleep(until deadline: Instant) async throws {
        try Task.checkCancellation()
        elapsed.withLock { $0 = max($0, deadline - Instant(nanoseconds: 0)) }
        await Task.yield()
    }
    /// Moves on to that moment, if it is still to come.
    func leap(to moment: Timestamp) {
        elapsed.withLock { $0 = max($0, .microseconds(moment.microseconds - start.microseconds)) }
    }
}
