import Determinism

/// How fresh a read must be.
public enum ReadRequirement: Sendable, Hashable {
    /// The primary's present state.
    case strong
    /// A state no older than this; nil for the configured ``ReplicaRoutingConfiguration/maximumAge``.
    case eventual(maximumAge: Duration?)
    /// A state that contains everything up to this position, and no older than the configured maximum age.
    case position(LogPosition)

    /// A state no older than the configuration says.
    public static let eventual = eventual(maximumAge: nil)
}

/// Where a read goes.
///
/// A route was decided by what the last probes said. While a server runs, its state only grows, so that nothing can go
/// wrong on a connection that was open then. One that is opened later is another matter: the server may have been
/// started anew meanwhile, taken back or on another timeline. So whoever opens a connection asks it what a probe asks,
/// hands that to ``ReplicaRouter/connected(to:_:since:)``, and looks whether the route still holds
/// (``ReplicaRouter/stillHolds(_:)``). Behind a pooler, which hides such changes, the read itself asks for the position
/// in the same round trip, and ``isSatisfied(by:)`` tells.
public struct ReadRoute: Sendable, Hashable {
    /// The host that answers.
    public let host: HostIndex
    /// What was asked for.
    public let requirement: ReadRequirement
    /// Whether the host is the primary.
    public let isPrimary: Bool
    /// The valid timeline when this was decided.
    public let timeline: Timeline?
    /// The snapshot that this was decided by.
    public let generation: UInt64
    /// When this was decided.
    public let decidedAt: Instant
    /// The state holds everything that was committed before this moment; nil when that is unknown, which only happens
    /// while there is no primary.
    public let asOf: Instant?
    /// Whether the state may be older than was asked for, because there is no primary.
    public let isBeyondLimit: Bool

    /// How old the state was at most when this was decided; zero for the primary, nil when it is unknown.
    public var age: Duration? { isPrimary ? .zero : asOf.map { max(.zero, decidedAt - $0) } }

    /// Whether a state at `position`, which the read itself has brought along, contains what the read must contain. A
    /// server on a newer timeline than this was decided by has left the common history, perhaps too early; one that is
    /// as far as the position on an older timeline than the position's did not follow it, or cannot say that it did.
    public func isSatisfied(by position: LogPosition) -> Bool {
        guard case .position(let minimum) = requirement else { return true }
        guard let timeline, position.lsn >= minimum.lsn else { return false }
        return minimum.timeline <= position.timeline && position.timeline <= timeline
    }
}

/// Where a write goes.
public struct WriteRoute: Sendable, Hashable {
    /// The primary.
    public let host: HostIndex
    /// The timeline it writes. Together with the position after COMMIT it makes a token.
    public let timeline: Timeline
    /// The snapshot that this was decided by.
    public let generation: UInt64
}
