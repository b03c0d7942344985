/// The commands of a lane that wait, and the rows of those that are under way: decides which of them are the next
/// batch. A pure value.
///
/// **Several batches** may be under way at the same time, where the engine has a connection for each, but never over
/// the same rows: the second would wait for the first one's commit, with its own locks in hand. So a command that wants
/// a row of a batch under way waits for that to end; and those behind it that want a row that it wants wait with it,
/// so that nobody is overtaken for ever.
///
/// **What a command only comes to want later** is not known here. Two batches with such commands might wait for each
/// other in a circle, although each command takes its rows in the one order; so only one of those under way has any.
/// It may still wait for another one's end. The rows' locks are what correctness rests on.
///
/// A batch takes its share of all commands at hand, and those beyond it that want its rows anyway. Few commands are
/// better off together: a share is more than ``crowd``, and no batch of fewer begins beside another one.
struct LaneQueue {
    /// The fewest commands that are worth a batch beside another one, less one.
    static let crowd = 16
    /// How many commands are looked at for one batch, in batches' limits.
    private static let lookahead = 2

    private let batchLimit: Int
    private let concurrency: Int
    private(set) var waiting: [Submission] = []
    /// How many batches are under way, and how many commands they have.
    private(set) var (running, runningCommands) = (0, 0)
    /// The rows that they have named.
    private var claimed: Set<RecordKey> = []
    /// Whether a batch under way may come to want more.
    private var isOpen = false
    /// How many must wait for a look at them to be worth it, beside a batch that is under way: more than there were
    /// when they were last looked at in vain.
    private var worthALook = Self.crowd + 1

    /// - Parameter concurrency: how many batches may be under way.
    init(batchLimit: Int, concurrency: Int) { (self.batchLimit, self.concurrency) = (batchLimit, max(1, concurrency)) }

    mutating func append(_ submission: Submission) { waiting.append(submission) }

    /// Puts commands back that were put off: last in the line, or they would take the places of those whose rows nobody
    /// holds.
    mutating func append(deferred: [Submission]) { waiting.append(contentsOf: deferred) }

    /// Whether it is worth asking for the next batch.
    var mayBegin: Bool {
        running == 0 || running < concurrency && waiting.count >= worthALook
    }

    /// The next batch, if one may begin: it is under way then, until ``end(_:)``.
    mutating func take() -> LaneBatch? {
        guard mayBegin, !waiting.isEmpty else { return nil }
        let batch = concurrency == 1 ? takeFirst() : takeShare()
        guard running == 0 || batch.submissions.count > Self.crowd else {
            // To look costs as much as there are: seldom, if there are many.
            worthALook = waiting.count + max(Self.crowd, waiting.count) / 2
            return nil
        }
        waiting = batch.rest
        running += 1
        runningCommands += batch.submissions.count
        claimed.formUnion(batch.claims)
        let begun = LaneBatch(submissions: batch.submissions, claims: batch.claims)
        if begun.isOpen { isOpen = true }
        return begun
    }

    /// A batch has ended.
    mutating func end(_ batch: LaneBatch) {
        running -= 1
        runningCommands -= batch.submissions.count
        claimed.subtract(batch.claims)
        if batch.isOpen { isOpen = false }
        worthALook = Self.crowd + 1
    }

    private typealias Choice = (submissions: [Submission], claims: Set<RecordKey>, rest: [Submission])

    private func takeFirst() -> Choice {
        guard waiting.count > batchLimit else { return (waiting, [], []) }
        return (Array(waiting.prefix(batchLimit)), [], Array(waiting.dropFirst(batchLimit)))
    }

    private func takeShare() -> Choice {
        let all = runningCommands + waiting.count
        let parts = max(1, min(concurrency, all / (Self.crowd + 1)))
        let share = (all + parts - 1) / parts
        var (chosen, claims, rest): Choice = ([], [], [])
        var reserved: Set<RecordKey> = []
        for (index, submission) in waiting.enumerated() {
            if chosen.count >= batchLimit || index >= Self.lookahead * batchLimit {
                rest.append(contentsOf: waiting[index...])
                break
            }
            let needs = submission.firstNeeds
            let wouldBeOpenToo = isOpen && submission.mayNameMore
            if wouldBeOpenToo || needs.claims(anyOf: claimed) || needs.claims(anyOf: reserved) {
                needs.claim(in: &reserved)
                rest.append(submission)
            } else if chosen.count >= share, !needs.claims(anyOf: claims) {
                rest.append(submission)
            } else {
                needs.claim(in: &claims)
                chosen.append(submission)
            }
        }
        return (chosen, claims, rest)
    }
}

/// Commands that are in a batch, and the rows that they have named.
struct LaneBatch: Sendable {
    let submissions: [Submission]
    fileprivate let claims: Set<RecordKey>
    /// Whether some of them may come to want more.
    fileprivate let isOpen: Bool

    fileprivate init(submissions: [Submission], claims: Set<RecordKey>) {
        (self.submissions, self.claims) = (submissions, claims)
        isOpen = submissions.contains(where: \.mayNameMore)
    }
}

extension [Need] {
    fileprivate func claims(anyOf keys: Set<RecordKey>) -> Bool {
        !keys.isEmpty && contains { $0.row.map(keys.contains) ?? false }
    }

    fileprivate func claim(in keys: inout Set<RecordKey>) {
        for need in self {
            if let key = need.row { keys.insert(key) }
        }
    }
}
