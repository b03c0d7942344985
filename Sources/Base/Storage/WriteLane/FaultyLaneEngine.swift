import Synchronization

/// An engine whose commits go wrong where a test wants them to, around any other engine.
///
/// The commits are numbered, so that a test can let each one of a piece of work fail in turn: it runs the work once
/// without a fault, takes ``commitCount``, and then runs it as often again, with a fault at the first, the second, …
/// commit. Two of them around one engine are two servers on one database. Whatever the inner engine can do, it runs one
/// batch at a time: the numbers would mean nothing otherwise.
public final class FaultyLaneEngine: LaneEngine {
    /// What was said when it was made, or the inner engine's answer.
    public let loadsAreRemote: Bool
    private let inner: any LaneEngine
    private let faults: @Sendable (_ commit: Int) -> CommitFault?
    private let count = Atomic(0)

    /// - Parameters:
    ///   - loadsAreRemote: for commands that are to think so whatever the inner engine is; nil for its own answer.
    ///   - faults: asked at each commit for what is to go wrong with it, nil for nothing. Commits are counted
    ///     from 1: the batches that have come as far as their writes, in this order. One that is tried again, as a
    ///     batch or command by command, counts again; one that writes nothing has no commit. Called on the inner
    ///     engine's thread, inside its transaction: it must not wait for anything.
    public init(
        _ inner: any LaneEngine, loadsAreRemote: Bool? = nil,
        faults: @escaping @Sendable (_ commit: Int) -> CommitFault?
    ) {
        (self.inner, self.faults) = (inner, faults)
        self.loadsAreRemote = loadsAreRemote ?? inner.loadsAreRemote
    }

    /// How many batches have come as far as their writes.
    public var commitCount: Int { count.load(ordering: .acquiring) }

    /// Runs the batch on the inner engine; see ``LaneEngine``.
    public func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        let chosen = ChosenFault()
        var batch = batch
        batch.commitFault = { [self] in
            let fault = faults(count.add(1, ordering: .acquiringAndReleasing).newValue)
            chosen.fault.withLock { $0 = fault }
            return fault
        }
        inner.run(batch) { ending in
            switch chosen.fault.withLock({ $0 }) {
            case .pause(_, let hold): hold { whenEnded(ending) }
            case .lostAnswer:
                var ending = ending
                ending.position = nil
                whenEnded(ending)
            case .failure, nil: whenEnded(ending)
            }
        }
    }
}

/// The fault of one batch, between its commit and its end.
private final class ChosenFault: Sendable {
    let fault = Mutex<CommitFault?>(nil)
}
