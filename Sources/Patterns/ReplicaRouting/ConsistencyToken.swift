/// What a client has seen or written: a position for each shard. Handed to a client with each write, and brought back
/// with its reads, it makes them see at least that much: read-your-writes and monotonic reads, wherever they go.
///
/// A token may travel: in sessions, in jobs, in events. Two of them merge into one that stands for both.
///
/// It does not make snapshots of several shards or replicas consistent with each other: replicas need not show two
/// commits in the order in which the primary did (Jepsen, "Amazon RDS for PostgreSQL 17.4", 2025). What decides a write
/// is read inside that write's transaction.
public struct ConsistencyToken: Sendable, Hashable {
    /// A position of one shard.
    public struct Entry: Sendable, Hashable {
        /// The shard's name, 1 to 63 bytes of UTF-8.
        public var shard: String
        /// The shard map's epoch under which it was written.
        public var epoch: UInt64
        /// The primary's position after COMMIT, and its timeline.
        public var position: LogPosition

        /// A position of a shard. Read after COMMIT has returned, or behind it in the same pipeline: before, it may lie
        /// ahead of the commit's own record.
        public init(shard: String, epoch: UInt64, position: LogPosition) {
            (self.shard, self.epoch, self.position) = (shard, epoch, position)
        }

        /// A move comes before a failover, and a failover before a position.
        fileprivate func isBefore(_ other: Entry) -> Bool {
            (epoch, position.timeline, position.lsn) < (other.epoch, other.position.timeline, other.position.lsn)
        }
    }
    /// How many shards a token names at most. One that stands for more says that every read goes to a primary.
    public static let shardLimit = 32

    /// One for each shard, ordered by its name's bytes.
    public private(set) var entries: [Entry] = []
    /// It stands for more shards than it can name: reads go to the primary.
    public private(set) var isOverflowing = false

    /// A token that asks for nothing.
    public init() {}

    /// A token of one position.
    public init(_ entry: Entry) { entries = [entry] }

    init(entries: [Entry], isOverflowing: Bool) { (self.entries, self.isOverflowing) = (entries, isOverflowing) }

    /// Adds what `other` stands for: for each shard the later of the two positions.
    ///
    /// Never the other way around, and never forgotten because *one* replica has caught up (GitLab issue 413203): the
    /// next read may go to another.
    public mutating func merge(_ other: ConsistencyToken) {
        isOverflowing = isOverflowing || other.isOverflowing
        for entry in other.entries { add(entry) }
        if isOverflowing { entries = [] }
    }

    /// A token that stands for both.
    public func merged(with other: ConsistencyToken) -> ConsistencyToken {
        var both = self
        both.merge(other)
        return both
    }

    private mutating func add(_ entry: Entry) {
        let index = entries.firstIndex { !$0.shard.utf8.lexicographicallyPrecedes(entry.shard.utf8) } ?? entries.count
        if index < entries.count, entries[index].shard == entry.shard {
            if entries[index].isBefore(entry) { entries[index] = entry }
        } else if entries.count < Self.shardLimit {
            entries.insert(entry, at: index)
        } else {
            isOverflowing = true
        }
    }

    /// What a read of `shard` must satisfy.
    ///
    /// Under the epoch the token was made under, its position. A token from before a move names a position of another
    /// place: then the primary is read.
    /// - Parameters:
    ///   - epoch: the shard map's epoch as the reader knows it, for what it reads.
    /// - Throws: ``ReplicaRoutingError/mapOutdated(tokenEpoch:)`` when the reader's map is the older one.
    public func requirement(for shard: String, epoch: UInt64) throws(ReplicaRoutingError) -> ReadRequirement {
        if isOverflowing { return .strong }
        if let newest = entries.map(\.epoch).max(), newest > epoch { throw .mapOutdated(tokenEpoch: newest) }
        if let entry = entries.first(where: { $0.shard == shard }), entry.epoch == epoch {
            return .position(entry.position)
        }
        // What was written elsewhere before a move may have come here.
        return entries.contains { $0.epoch < epoch } ? .strong : .eventual
    }
}
