/// What a ``FaultyLaneEngine`` lets go wrong with one commit.
public enum CommitFault: Sendable {
    /// What a pause waits for: it is handed what to call, once and from anywhere, when things go on. The callers of
    /// the batch wait until then.
    public typealias Hold = @Sendable (_ goOn: @escaping @Sendable () -> Void) -> Void

    /// Nothing is written, and the engine reports this error. With ``StorageError/unknown(_:)`` it is the commit that
    /// never arrived, and whose caller cannot know.
    case failure(StorageError = .unavailable("the commit was made to fail"))
    /// The commit takes effect, and nobody hears of it: ``StorageError/unknown(_:)``.
    case lostAnswer
    /// The server stands still around its commit. Before it, the transaction is rolled back meanwhile, as a database
    /// does with one whose client is silent, and the commands are put off: decided anew once it goes on, or past
    /// their deadlines. After it, the commit has taken effect, and only the answers are late.
    case pause(CommitPhase, until: Hold)
}
