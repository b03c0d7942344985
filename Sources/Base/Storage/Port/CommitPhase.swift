/// A moment around a commit.
public enum CommitPhase: String, Sendable {
    /// Everything is written, nothing is committed.
    case before
    /// The commit is synced, and nobody has been told.
    case after
}
