import Determinism
import Synchronization

/// A moment that one thread writes and another may read.
final class AtomicInstant: Sendable {
    private let nanoseconds = Atomic<Int64>(0)

    var value: Instant { Instant(nanoseconds: nanoseconds.load(ordering: .relaxed)) }

    func set(_ instant: Instant) { nanoseconds.store(instant.nanoseconds, ordering: .relaxed) }
}
