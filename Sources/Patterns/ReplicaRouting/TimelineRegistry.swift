import Synchronization

/// Which timeline of a replica set is the valid one, and which host began it: the fleet's common memory.
public struct TimelineRecord: Sendable, Hashable {
    /// The cluster that the set's hosts belong to.
    public var systemIdentifier: UInt64
    /// The valid timeline.
    public var timeline: Timeline
    /// The name of its primary.
    public var primary: String

    /// A record.
    public init(systemIdentifier: UInt64, timeline: Timeline, primary: String) {
        (self.systemIdentifier, self.timeline, self.primary) = (systemIdentifier, timeline, primary)
    }
}

/// Keeps the ``TimelineRecord`` of one replica set where every server of the fleet sees it, such as in a control
/// database. Compare-and-set makes it the arbiter: of two replicas that were promoted to the same timeline one is
/// registered, and a primary that comes back from the dead finds that it was replaced.
public protocol TimelineRegistry: Sendable {
    /// The record that stands, nil before the first.
    func current() async throws(TimelineRegistryFailure) -> TimelineRecord?
    /// Replaces `expected` by `record`, atomically, unless another stands.
    /// - Returns: the record that stands afterwards, whoever wrote it.
    func advance(
        from expected: TimelineRecord?, to record: TimelineRecord
    ) async throws(TimelineRegistryFailure)
        -> TimelineRecord?
}

/// The registry could not be asked.
public struct TimelineRegistryFailure: Error, Sendable, Hashable {
    /// A failure.
    public init() {}
}

/// A registry in memory: for one process, and for tests.
public final class InMemoryTimelineRegistry: TimelineRegistry {
    private let record: Mutex<TimelineRecord?>

    /// A registry with that record.
    public init(_ record: TimelineRecord? = nil) { self.record = Mutex(record) }

    /// The record that stands.
    public func current() async throws(TimelineRegistryFailure) -> TimelineRecord? { record.withLock { $0 } }

    /// Replaces the record unless another than `expected` stands.
    public func advance(
        from expected: TimelineRecord?, to record: TimelineRecord
    ) async throws(TimelineRegistryFailure) -> TimelineRecord? {
        self.record.withLock { standing in
            if standing == expected { standing = record }
            return standing
        }
    }
}
