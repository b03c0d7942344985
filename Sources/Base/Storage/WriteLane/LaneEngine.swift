/// What a driver implements, one for each primary: it runs a batch to its end and says what is to be run after it.
public protocol LaneEngine: Sendable {
    /// How many batches it runs at the same time, each on a line of its own (``BatchMachine/line``); 1 unless it says
    /// otherwise. Batches that are under way together have named different rows, as far as they were named at first.
    var batchConcurrency: Int { get }
    /// Whether it takes one more batch on each line before the one under way there has ended: a follower, over rows
    /// that the first one has named, and names that clients make (``BatchMachine/isAhead``). Not unless it says so;
    /// asked for each batch.
    var decidesAhead: Bool { get }
    /// Whether a load is a trip to another process: then it pays for a command to know before what it will need. Not
    /// unless it says so.
    var loadsAreRemote: Bool { get }
    /// Drives the machine until it ends, and hands its ending over, once.
    ///
    /// A callback and not an `async` function: a lone command's way to the disk and back is then two changes of thread,
    /// the writer's and the caller's own, instead of four.
    /// - Parameter whenEnded: called on whatever thread the batch ended on, never before this function has returned.
    ///   It must not block.
    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void)
}

extension LaneEngine {
    /// One batch after the other.
    public var batchConcurrency: Int { 1 }
    /// The rows are at hand.
    public var loadsAreRemote: Bool { false }
    /// Each batch begins when the one before it has ended.
    public var decidesAhead: Bool { false }
}
