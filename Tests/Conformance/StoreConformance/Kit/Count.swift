import Synchronization

/// Counts, from any task.
final class Count: Sendable {
    private let state = Atomic(0)
    var value: Int { state.load(ordering: .acquiring) }
    func add(_ number: Int = 1) { state.add(number, ordering: .acquiringAndReleasing) }
}
