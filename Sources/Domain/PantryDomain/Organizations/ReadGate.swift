import Synchronization

/// Lets so many readers through at a time; nobody waits.
final class ReadGate: Sendable {
    private let limit: Int
    private let count = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// Whether one may read; ``leave()`` follows if so.
    func enter() -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).oldValue < limit { return true }
        count.wrappingSubtract(1, ordering: .relaxed)
        return false
    }
    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
