import Synchronization

/// Said once, by one task to another.
final class Flag: Sendable {
    private let state = Atomic(false)
    var isRaised: Bool { state.load(ordering: .acquiring) }
    func raise() { state.store(true, ordering: .releasing) }
}

/// Counts, from any task.
final class Count: Sendable {
    private let state = Atomic(0)
    var value: Int { state.load(ordering: .acquiring) }
    func add(_ number: Int = 1) { state.add(number, ordering: .acquiringAndReleasing) }
}
