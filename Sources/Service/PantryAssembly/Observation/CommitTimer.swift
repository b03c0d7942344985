import Determinism
import Synchronization

/// Times the commits of a database, of which two may overlap on PostgreSQL, where the lane is not the only writer. The
/// two moments of a commit come without its name: those that overlap are not measured, lest they be taken for each
/// other.
final class CommitTimer: Sendable {
    private struct State {
        var began: Instant?
        var isOverlapped = false
    }
    private let state = Mutex(State())

    /// A commit begins. One that fails has no end: the next one is then not measured either.
    func begin(at now: Instant) {
        state.withLock { $0.began == nil ? ($0.began = now) : ($0.isOverlapped = true) }
    }

    /// A commit has ended.
    /// - Returns: how long it took, if nobody else's was under way.
    func end(at now: Instant) -> Duration? {
        state.withLock { state in
            defer { state = State() }
            return state.isOverlapped ? nil : state.began.map { now - $0 }
        }
    }
}
