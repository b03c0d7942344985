import Synchronization

/// How far a database had come when a write was acknowledged. A read that asks for it sees that write and everything
/// before it, whoever serves it.
///
/// Positions belong to a timeline: after a failover a new, higher one begins, and what the old one held beyond the
/// switch is gone. Which positions of an old timeline are part of the new one, only the database can tell.
public struct CommitPosition: Sendable, Hashable, Comparable {
    /// The number of the timeline; later ones are higher.
    public var timeline: UInt32
    /// The position in the timeline's log, in bytes.
    public var offset: UInt64

    /// A position.
    public init(timeline: UInt32, offset: UInt64) { (self.timeline, self.offset) = (timeline, offset) }

    /// Along the valid history.
    public static func < (a: Self, b: Self) -> Bool { (a.timeline, a.offset) < (b.timeline, b.offset) }
}

/// Gathers how far the databases had come that a request wrote to: what its token must stand for.
public final class CommitTrail: Sendable {
    private struct State {
        var latest: CommitPosition?
        var isLost = false
    }
    private let state = Mutex(State())

    /// A trail of nothing yet.
    public init() {}

    /// The latest position; nil before the first, where the database has no replicas that could be behind, and where
    /// the trail was lost.
    public var position: CommitPosition? { state.withLock { $0.isLost ? nil : $0.latest } }

    /// Adds a position.
    public func note(_ position: CommitPosition?) {
        guard let position else { return }
        state.withLock { state in
            if state.latest.map({ $0 < position }) ?? true { state.latest = position }
        }
    }

    /// There is a commit of which nobody can say where it is. What is known of those before is not enough any more.
    public func lose() { state.withLock { $0.isLost = true } }
}
