/// The commands of a lane that wait, and the rows of those that are under way: decides which of them are the next
/// batch. A pure value.
///
/// **Several batches** may be under way at the same time, where the engine has a line for each, but never over
/// the same rows: the second would wait for the first one's commit, with its own locks in hand. So a command that wants
/// a row of a batch under way waits for that to end; and those behind it that want a row that it wants wait with it,
/// so that nobody is overtaken for ever.
///
/// **A crowd for the same rows** goes one batch after the other, and each would begin when the one before it has been
/// answered. Where the engine decides ahead, one more batch is handed over meanwhile: a follower, whose commands name
/// nothing that its leader has not named, but for names that clients make. It can be decided over the rows as the
/// leader leaves them, and written when that one is.
///
/// **What a command only comes to want later** is not known here. Two batches with such commands might wait for each
/// other in a circle, although each command takes its rows in the one order; so only one of those under way has any.
/// It may still wait for another one's end. The rows' locks are what correctness rests on.
///
/// A batch takes its share of all commands at hand, and those beyond it that want its rows anyway, unless they are
/// enough for a follower. Few commands are better off together: a share is more than ``crowd``, and no batch of fewer
/// begins beside another one.
struct LaneQueue {
    /// The fewest commands that are worth a batch beside another one, less one.
    static let crowd = 16
    /// How many commands are looked at for one batch, in batches' limits.
    private static let lookahead = 2
    /// How many followers may overtake a command that cannot be among them.
    static let patience = 2

    private let batchLimit: Int
    /// Whether a batch may have a follower.
    var decidesAhead = false
    private(set) var waiting: [Submission] = []
    private var lines: [Line]
    /// How many batches are under way, and how many commands they have.
    private(set) var (running, runningCommands) = (0, 0)
    /// How many must wait for a look at them to be worth it, beside a batch that is under way: more than there were
    /// when they were last looked at in vain.
    private var worthALook = Self.crowd + 1
    /// How many followers have overtaken the first of those that wait.
    private var overtakings = 0

    /// - Parameter concurrency: how many lines there are, and so how many batches may be under way over different rows.
    init(batchLimit: Int, concurrency: Int) {
        self.batchLimit = batchLimit
        lines = Array(repeating: Line(), count: max(1, concurrency))
    }

    mutating func append(_ submission: Submission) { waiting.append(submission) }

    /// Puts commands back that were put off: last in the line, or they would take the places of those whose rows nobody
    /// holds.
    mutating func append(deferred: [Submission]) { waiting.append(contentsOf: deferred) }

    /// Whether it is worth asking for the next batch.
    var mayBegin: Bool {
        running == 0 || running < lines.count * (decidesAhead ? 2 : 1) && waiting.count >= worthALook
    }

    /// The next batch, if one may begin: it is under way then, until ``end(_:)``.
    mutating func take() -> LaneBatch? {
        guard mayBegin, !waiting.isEmpty else { return nil }
        guard let choice = nextChoice() else {
            // To look costs as much as there are: seldom, if there are many.
            worthALook = waiting.count + max(Self.crowd, waiting.count) / 2
            return nil
        }
        let isAhead = !lines[choice.line].batches.isEmpty
        overtakings = isAhead && !choice.takesFirst ? overtakings + 1 : 0
        let batch = LaneBatch(
            submissions: choice.submissions, claims: choice.claims, line: choice.line, isAhead: isAhead)
        waiting = choice.rest
        running += 1
        runningCommands += batch.submissions.count
        lines[choice.line].begin(batch)
        return batch
    }

    /// A batch has ended.
    mutating func end(_ batch: LaneBatch) {
        guard lines[batch.line].end(batch) else { return }
        running -= 1
        runningCommands -= batch.submissions.count
        worthALook = Self.crowd + 1
    }

    // MARK: lines

    /// The batches under way on one of the engine's lines: one at most, and its follower.
    private struct Line {
        private(set) var batches: [LaneBatch] = []
        /// The rows that they have named.
        private(set) var claims: Set<RecordKey> = []

        mutating func begin(_ batch: LaneBatch) {
            batches.append(batch)
            claims = batches.count == 1 ? batch.claims : claims.union(batch.claims)
        }

        mutating func end(_ batch: LaneBatch) -> Bool {
            guard let index = batches.firstIndex(where: { $0 === batch }) else { return false }
            batches.remove(at: index)
            claims = batches.first?.claims ?? []
            return true
        }
    }

    // MARK: choosing

    private struct Choice {
        let line: Int
        var submissions: [Submission] = []
        var claims: Set<RecordKey> = []
        var rest: [Submission] = []
        /// Whether the first of those that wait is among the chosen.
        var takesFirst = false

        mutating func take(_ submission: Submission, at index: Int) {
            submission.firstNeeds.claim(in: &claims)
            submissions.append(submission)
            if index == 0 { takesFirst = true }
        }
    }

    /// For a line of its own, or else behind a batch under way.
    private func nextChoice() -> Choice? {
        if let free = lines.firstIndex(where: \.batches.isEmpty) {
            let choice = lines.count == 1 && !decidesAhead ? firstOfAll() : share(for: free)
            if running == 0 || choice.submissions.count > Self.crowd { return choice }
        }
        // A crowd might keep its line for ever. Whoever waits for that is overtaken no more than that often.
        guard decidesAhead, overtakings < Self.patience else { return nil }
        for line in lines.indices {
            guard lines[line].batches.count == 1, let leader = lines[line].batches.first else { continue }
            let choice = followers(of: leader)
            // Far fewer than the leader's would be a commit for little.
            if choice.submissions.count > max(Self.crowd, leader.submissions.count / 2) { return choice }
        }
        return nil
    }

    private func firstOfAll() -> Choice {
        var choice = Choice(line: 0)
        guard waiting.count > batchLimit else {
            choice.submissions = waiting
            return choice
        }
        choice.submissions = Array(waiting.prefix(batchLimit))
        choice.rest = Array(waiting.dropFirst(batchLimit))
        return choice
    }

    /// How many commands a batch is to have, of those that wait and those under way.
    private var share: Int {
        let all = runningCommands + waiting.count
        let parts = max(1, min(max(lines.count, decidesAhead ? 2 : 1), all / (Self.crowd + 1)))
        return (all + parts - 1) / parts
    }

    private func share(for line: Int) -> Choice {
        let share = share
        let others = lines.map(\.claims).filter { !$0.isEmpty }
        let hasOpen = lines.contains { $0.batches.contains(where: \.isOpen) }
        var (choice, tenants) = (Choice(line: line), Set<Tenant>())
        // Those that can be decided ahead, behind this batch, and what they name.
        var (behind, behindClaims): ([(Int, Submission)], Set<RecordKey>) = ([], [])
        var (reserved, left): (Set<RecordKey>, [(Int, Submission)]) = ([], [])
        var end = waiting.count
        for (index, submission) in waiting.enumerated() {
            if isEnough(choice, at: index) {
                end = index
                break
            }
            let needs = submission.firstNeeds
            let wouldBeOpenToo = hasOpen && submission.mayNameMore
            if wouldBeOpenToo || needs.claims(anyOf: others) || needs.claims(anyOf: reserved) {
                needs.claim(in: &reserved)
                left.append((index, submission))
            } else if choice.submissions.count < share {
                choice.take(submission, at: index)
                if let tenant = submission.tenant { tenants.insert(tenant) }
            } else if lines.count > 1, !needs.claims(anyOf: choice.claims), !needs.claims(anyOf: behindClaims) {
                left.append((index, submission))
            } else if decidesAhead, submission.follows(choice.claims, tenants) {
                needs.claim(in: &behindClaims)
                behind.append((index, submission))
            } else if needs.claims(anyOf: behindClaims) {
                needs.claim(in: &reserved)
                left.append((index, submission))
            } else {
                choice.take(submission, at: index)
                if let tenant = submission.tenant { tenants.insert(tenant) }
            }
        }
        if behind.count > Self.crowd || choice.submissions.count + behind.count > batchLimit {
            // Both are in order.
            left = (left + behind).sorted { $0.0 < $1.0 }
        } else {
            for (index, submission) in behind { choice.take(submission, at: index) }
        }
        choice.rest = left.map(\.1) + waiting[end...]
        return choice
    }

    private func followers(of leader: LaneBatch) -> Choice {
        let others = lines.indices.filter { $0 != leader.line }.map { lines[$0].claims }.filter { !$0.isEmpty }
        let (enough, tenants) = (max(share, Self.crowd + 1), leader.tenants)
        var choice = Choice(line: leader.line)
        var reserved: Set<RecordKey> = []
        for (index, submission) in waiting.enumerated() {
            if isEnough(choice, at: index) || choice.submissions.count >= enough {
                choice.rest.append(contentsOf: waiting[index...])
                break
            }
            let needs = submission.firstNeeds
            let isFree = !needs.claims(anyOf: others) && !needs.claims(anyOf: reserved)
            if isFree, submission.follows(leader.claims, tenants) {
                choice.take(submission, at: index)
            } else {
                needs.claim(in: &reserved)
                choice.rest.append(submission)
            }
        }
        return choice
    }

    private func isEnough(_ choice: Choice, at index: Int) -> Bool {
        choice.submissions.count >= batchLimit || index >= Self.lookahead * batchLimit
    }
}

/// Commands that are in a batch, and the rows that they have named. A class, because the lane asks which one has ended.
final class LaneBatch: Sendable {
    let submissions: [Submission]
    fileprivate let claims: Set<RecordKey>
    /// Which of the engine's lines it goes over.
    let line: Int
    /// Whether it follows another one on that line, over the same rows.
    let isAhead: Bool
    /// Whether some of them may come to want more.
    fileprivate let isOpen: Bool

    fileprivate init(submissions: [Submission], claims: Set<RecordKey>, line: Int, isAhead: Bool) {
        (self.submissions, self.claims, self.line, self.isAhead) = (submissions, claims, line, isAhead)
        isOpen = submissions.contains(where: \.mayNameMore)
    }

    fileprivate var tenants: Set<Tenant> { Set(submissions.lazy.compactMap(\.tenant)) }
}

extension Submission {
    /// Whether it names nothing but rows that its leader has named, and names that clients make.
    fileprivate func follows(_ claims: Set<RecordKey>, _ tenants: Set<Tenant>) -> Bool {
        guard !mayNameMore, tenant.map(tenants.contains) ?? true else { return false }
        return firstNeeds.allSatisfy { need in
            guard let key = need.row else { return false }
            return claims.contains(key) || key.table.locksAbsentRows
        }
    }
}

extension [Need] {
    fileprivate func claims(anyOf sets: [Set<RecordKey>]) -> Bool { sets.contains { claims(anyOf: $0) } }

    fileprivate func claims(anyOf keys: Set<RecordKey>) -> Bool {
        !keys.isEmpty && contains { $0.row.map(keys.contains) ?? false }
    }

    fileprivate func claim(in keys: inout Set<RecordKey>) {
        for need in self {
            if let key = need.row { keys.insert(key) }
        }
    }
}
