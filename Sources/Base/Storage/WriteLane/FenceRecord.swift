/// One row for each organization that a shard serves: the first lock of every batch, and what stops writes while the
/// organization moves away.
public struct FenceRecord: Record, Hashable {
    /// Whether the shard takes writes for the organization.
    public enum State: String, Sendable {
        /// Writes are taken.
        case active
        /// Writes are refused: the organization is moving, or has moved.
        case fenced
    }
    /// Rank 0: locked before anything else.
    public static let table = Table(
        "fences", rank: 0, key: [.organization], mutable: ["epoch", "state"], cacheBytes: 256 << 10,
        lock: .shared)

    /// The organization's number.
    public let organization: Int64
    /// Raised whenever the organization's home changes.
    public var epoch: Int64
    /// Whether writes are taken.
    public var state: State

    /// A fence that is not stored yet.
    public init(organization: Int64, epoch: Int64, state: State) {
        (self.organization, self.epoch, self.state) = (organization, epoch, state)
    }
    /// The row's key.
    public static func key(_ organization: Int64) -> Key<FenceRecord> { Key(organization: organization) }
    /// The row's key.
    public var key: Key<FenceRecord> { Self.key(organization) }

    /// Reads the row.
    public init(from row: any ColumnReader) throws {
        organization = try row.integer()
        epoch = try row.integer()
        state = try row.value()
    }
    /// Writes the row.
    public func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.integer(epoch)
        row.value(state)
    }
}
