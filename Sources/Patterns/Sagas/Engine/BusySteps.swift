import Synchronization

/// The steps of one saga that its worker is at work on. Shared by the tasks of the worker: a commit must know what is
/// under way at its own moment, not what was when its task began.
final class BusySteps: Sendable {
    private let steps = Mutex<Set<Int>>([])

    /// All of them.
    var all: Set<Int> { steps.withLock { $0 } }
    /// Whether there is none.
    var isEmpty: Bool { steps.withLock(\.isEmpty) }
    /// All but this one.
    func others(than step: Int?) -> Set<Int> { step.map { all.subtracting([$0]) } ?? all }
    /// Notes that one is begun.
    func begin(_ step: Int) { steps.withLock { _ = $0.insert(step) } }
    /// Notes that one has ended.
    func end(_ step: Int) { steps.withLock { _ = $0.remove(step) } }
}
