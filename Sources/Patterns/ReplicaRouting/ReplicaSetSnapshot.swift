import Determinism

/// What is known of a replica set at one moment. A value: whoever holds one decides by one state of affairs.
public struct ReplicaSetSnapshot: Sendable, Hashable {
    /// The primary that writes go to.
    public struct Primary: Sendable, Hashable {
        /// Which host.
        public var host: HostIndex
        /// The timeline that it writes.
        public var timeline: Timeline
        /// Until when it may be used without having been heard of again.
        public var validUntil: Instant
    }
    /// Why a host is not used, although it answers.
    public enum Refusal: Sendable, Hashable, CaseIterable {
        /// It belongs to another cluster.
        case foreign
        /// A primary that loses what it acknowledged: `fsync` or `synchronous_commit` is off.
        case notDurable
        /// A primary of a timeline that was left: it was replaced, and did not notice.
        case oldTimeline
        /// A primary, but another one claims the same timeline.
        case rival
        /// A primary that the registry does not know yet.
        case unregistered
        /// A replica that has replayed what the valid timeline does not contain.
        case diverged
        /// It is not known whether its state belongs to the valid timeline.
        case timelineUnknown
    }
    /// What a host is good for.
    public enum Standing: Sendable, Hashable {
        /// It has not answered yet.
        case untried
        /// It does not answer.
        case down
        /// It is the primary.
        case primary
        /// A replica that keeps up.
        case serving
        /// A replica that is too far behind for ordinary reads.
        case lagging
        /// A replica of a timeline newer than any primary that was found.
        case ahead
        /// It answers and is not used.
        case refused(Refusal)
    }
    /// One host.
    public struct Host: Sendable, Hashable {
        /// What it is good for.
        public var standing: Standing
        /// Its timeline, if known.
        public var timeline: Timeline?
        /// Up to where it has replayed, or, of a primary, written.
        public var position: LSN
        /// Its state holds everything that was committed before this moment; nil when that is unknown.
        public var asOf: Instant?
        /// Bytes of log between it and the primary.
        public var lagBytes: UInt64
        /// Until when it is left out because it answers slowly.
        public var ejectedUntil: Instant?

        /// A host that has not answered yet.
        public init() { (standing, position, lagBytes) = (.untried, .zero, 0) }
    }

    /// Counts the snapshots of a router. What was begun under an older one may be compared by it.
    public var generation: UInt64 = 0
    /// The primary; nil while there is none.
    public var primary: Primary?
    /// The valid timeline: that of the primary, or of the last one. Nil before the first.
    public var timeline: Timeline?
    /// The history of ``timeline``, when it is known.
    public var history: TimelineHistory?
    /// The hosts, by ``HostIndex``.
    public var hosts: [Host]

    /// Nothing is known of `hostCount` hosts.
    public init(hostCount: Int) { hosts = Array(repeating: Host(), count: hostCount) }

    /// The primary, unless it was not heard of for too long.
    public func primary(at now: Instant) -> Primary? {
        guard let primary, now < primary.validUntil else { return nil }
        return primary
    }

    /// How old the state of a host may be at most; nil when that is unknown, zero for the primary.
    public func age(of host: HostIndex, at now: Instant) -> Duration? {
        guard hosts.indices.contains(host.number) else { return nil }
        if primary?.host == host { return .zero }
        return hosts[host.number].asOf.map { max(.zero, now - $0) }
    }
}
