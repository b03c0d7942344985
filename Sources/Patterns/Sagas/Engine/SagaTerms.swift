/// How an engine works.
public struct SagaTerms: Sendable {
    /// The lease of a worker. It renews it each third of this, and stops when two thirds have passed without a renewal.
    public var lease: Duration = .seconds(10)
    /// Pauses up to this are waited for in the worker; for a longer one the saga is put aside.
    public var patience: Duration = .seconds(2)
    /// The first pause before a saga that waits for a semantic lock looks again, if nobody wakes it; it doubles.
    public var lockPause: Duration = .milliseconds(100)
    /// The longest such pause. Whoever gives a lock back wakes the one that gets it.
    public var longestLockPause: Duration = .seconds(5)
    /// How long a commit may wait in the lane's queue.
    public var commitPatience: Duration = .seconds(10)
    /// How long a commit is tried again while the database is away, or others are faster; then the saga is left for
    /// later.
    public var outagePatience: Duration = .seconds(30)
    /// How long a saga that its worker cannot go on with is left alone.
    public var troublePause: Duration = .seconds(10)
    /// How long sagas that have ended are kept, with their history and the keys that they were begun with: at least as
    /// long as somebody may begin one with the same key again; nil: for ever.
    public var retention: Duration?
    /// How often what is older than that is looked for.
    public var pruneInterval: Duration = .seconds(600)
    /// Whether a saga's report says how far the database had come by its last commit, for whoever reads from replicas
    /// behind it. To ask costs as much as a small statement.
    public var reportsPositions = false
    /// What a test kit puts between the engine and the steps' code.
    package var interposer: (any SagaInterposer)?
    /// The defaults.
    public init() {}
}
