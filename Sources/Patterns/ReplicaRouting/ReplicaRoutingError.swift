/// Why a read or a write cannot be routed. Each is the truth of this moment; ``isTransient`` says whether asking again
/// may help.
public enum ReplicaRoutingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no primary now, and nothing else may serve this.
    case noPrimary
    /// No host can serve this read as fresh as it must be.
    case noReplica
    /// What the token stands for was written on a timeline that was left before it, at `switchPoint`: the write is
    /// gone. Only synchronous replication prevents that. The position was read behind the commit, so the commit itself
    /// may lie just before the switch point: whoever must know looks for the write.
    case writeLost(LogPosition, switchPoint: LSN)
    /// The token is of a timeline that this router does not know (yet): another server has seen a newer primary, or
    /// the history of the timeline was not read yet.
    case timelineUnknown(LogPosition)
    /// The token was made under a newer shard map than this server has.
    case mapOutdated(tokenEpoch: UInt64)
    /// The caller was cancelled while it waited.
    case cancelled

    /// Whether the same read may succeed a moment later.
    public var isTransient: Bool {
        switch self {
        case .noPrimary, .noReplica, .timelineUnknown, .mapOutdated: true
        case .writeLost, .cancelled: false
        }
    }

    /// In words.
    public var description: String {
        switch self {
        case .noPrimary: "there is no primary at this moment"
        case .noReplica: "no server can answer as fresh as this read must be"
        case .writeLost(let position, let switchPoint):
            "the write at \(position) is gone: its timeline was left at \(switchPoint)"
        case .timelineUnknown(let position): "the timeline of \(position) is not known here yet"
        case .mapOutdated(let epoch): "the token was made under shard map \(epoch), which is not known here yet"
        case .cancelled: "the read was cancelled while it waited for a replica"
        }
    }
}
