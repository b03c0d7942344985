import Storage
import Synchronization

/// What is to go wrong with a server's next commits.
final class CommitFaults: Sendable {
    private let plan = Mutex<(left: Int, fault: CommitFault)?>(nil)

    /// The fault befalls one commit, counted from 1 from now on.
    func plan(_ fault: CommitFault, atCommit number: Int) { plan.withLock { $0 = (number, fault) } }

    /// Whether what was planned has not come to pass.
    var isPending: Bool { plan.withLock { $0 != nil } }

    func next() -> CommitFault? {
        plan.withLock { plan in
            guard let (left, fault) = plan else { return nil }
            plan = left > 1 ? (left - 1, fault) : nil
            return left > 1 ? nil : fault
        }
    }
}
