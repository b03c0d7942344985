/// Told what a ``WriteLane`` does, for metrics and traces. Every call is on the way of a write: it must be quick, and
/// it cannot fail.
///
/// What a call returns is handed back later, so that an observer need not look anything up.
public protocol LaneObserver: Sendable {
    /// What an observer wants to be reminded of.
    typealias Mark = any Sendable

    /// A command comes into the queue. Called in the task of its caller, whose task-local values are at hand.
    func commandQueued(_ command: Any.Type) -> Mark?
    /// Its caller is given its outcome; `failure` is nil when there is one. Called in the task of its caller.
    func commandEnded(_ mark: Mark, _ failure: LaneFailure?)
    /// Commands leave the queue together. One without a mark gets nil.
    func batchBegan(_ commands: [Mark?]) -> Mark?
    /// A transaction of the batch has ended. A batch that failed is run again one command at a time; only those count.
    func batchSettled(_ mark: Mark, _ report: BatchReport)
    /// Every command of the batch has its outcome.
    func batchEnded(_ mark: Mark)
}

/// What one transaction came to.
public struct BatchReport: Sendable, Hashable {
    /// How many commands it carried.
    public var commands: Int
    /// How many loads it took: rows by key, and selections.
    public var loads: Int
    /// How often it went for them: once for what its commands can name, and again where that turned out to need more.
    public var trips: Int
    /// How many rows it inserted, updated or deleted.
    public var rows: Int
    /// Whether it was rolled back.
    public var hasFailed: Bool

    /// A report.
    public init(commands: Int, loads: Int, trips: Int, rows: Int, hasFailed: Bool) {
        (self.commands, self.loads, self.trips) = (commands, loads, trips)
        (self.rows, self.hasFailed) = (rows, hasFailed)
    }
}

extension Optional where Wrapped == any LaneObserver {
    /// What a batch with this mark calls once its transaction has ended.
    func report(of mark: (any Sendable)?) -> (@Sendable (BatchReport) -> Void)? {
        guard let self, let mark else { return nil }
        return { self.batchSettled(mark, $0) }
    }
}

extension Result {
    var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
