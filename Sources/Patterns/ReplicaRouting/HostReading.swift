/// What one host said of itself at one moment.
public struct HostReading: Sendable, Hashable {
    /// Whether it takes writes.
    public enum Role: Sendable, Hashable {
        /// `pg_is_in_recovery()` is false.
        case primary
        /// `pg_is_in_recovery()` is true.
        case replica
    }
    /// Whether what it commits outlives a crash of its machine.
    public struct Durability: Sendable, Hashable {
        /// The setting `fsync` is on.
        public var syncsFiles: Bool
        /// The setting `synchronous_commit` is anything but `off`.
        public var commitsSynchronously: Bool

        /// As the two settings say.
        public init(syncsFiles: Bool = true, commitsSynchronously: Bool = true) {
            (self.syncsFiles, self.commitsSynchronously) = (syncsFiles, commitsSynchronously)
        }
        /// Whether both are on.
        public var isFull: Bool { syncsFiles && commitsSynchronously }
    }

    /// `system_identifier` of `pg_control_system()`: the same on all servers of a replica set, and on no other.
    public var systemIdentifier: UInt64
    /// Primary or replica.
    public var role: Role
    /// Of a primary: the timeline it writes (``Timeline/init(walFileName:)`` of its insert position). Of a replica: the
    /// highest it is known to follow (`received_tli`, or that of the last restart point), nil when that is unknown.
    public var timeline: Timeline?
    /// Of a primary: its insert position, without a page header (``LSN/withoutPageHeader(segmentBytes:)``). Of a
    /// replica: up to where it has replayed.
    public var position: LSN
    /// Of a replica: up to where it has received the log.
    public var received: LSN?
    /// How old the newest heartbeat is that this host sees, by its own clock; nil where nobody writes heartbeats.
    public var heartbeatAge: Duration?
    /// Whether the replay was paused by somebody.
    public var isReplayPaused: Bool
    /// Whether its commits outlive a crash.
    public var durability: Durability

    /// A reading.
    public init(
        systemIdentifier: UInt64, role: Role, timeline: Timeline?, position: LSN, received: LSN? = nil,
        heartbeatAge: Duration? = nil, isReplayPaused: Bool = false, durability: Durability = Durability()
    ) {
        (self.systemIdentifier, self.role, self.timeline) = (systemIdentifier, role, timeline)
        (self.position, self.received, self.heartbeatAge) = (position, received, heartbeatAge)
        (self.isReplayPaused, self.durability) = (isReplayPaused, durability)
    }
}
