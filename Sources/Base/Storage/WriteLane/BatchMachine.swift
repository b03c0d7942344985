import Determinism

/// One batch of commands from its first lock to its commit, as a state machine without I/O.
///
/// SQLite drives it inside one closure on its writer; PostgreSQL drives the same machine in two pipelined trips:
/// `BEGIN`, fences, keys and loads, then the writes and `COMMIT`.
///
/// A row that another server holds for long stops nobody but those who need it: their commands are put off.
///
/// States: `opening` → `loading` → `writing` → `ended`; any of them → `ended` where nothing is to be loaded or written,
/// or something failed. Every event is answered in every state; an event that does not belong there ends the batch with
/// a failure, it never traps.
///
/// The design is the group commit of Gray & Reuter, "Transaction Processing" (1993), section 9.4.7, moved from the log
/// into the application so that the hundred commands also share their loads, locks and writes. A deviation: a refusal
/// needs no savepoint, because decisions happen in memory.
public struct BatchMachine: Sendable {
    /// What the driver is to do next.
    public enum Action: Sendable {
        /// Execute these loads, sorted in lock order, each `FOR UPDATE` where the engine has it; then
        /// ``Event/loaded(_:)``.
        case load([Load])
        /// Write the changes (sorted in lock order), then the appended rows, and commit; then ``Event/committed``.
        case write([RowChange], appended: [AnyRecord])
        /// Roll back what is open, then ``Ending/settle()``, then run ``Ending/again``.
        case end(Ending)
    }
    /// What happened.
    public enum Event: Sendable {
        /// The transaction is open.
        case begun
        /// The records that each load found, in the loads' order. `held` are the positions of loads whose rows somebody
        /// else has locked: the commands that asked for them are put off, and the others go on without them.
        case loaded([[AnyRecord]], held: Set<Int> = [])
        /// The commit was acknowledged, and synced.
        case committed
        /// Somebody else held what the step needs for too long, or waited in a circle with it; the transaction has no
        /// effect. It is no command's fault: they are put off, each until its deadline. Where the writes were blocked,
        /// the commands of a batch are tried alone first, so that the one that is held up does not hold up the others.
        case blocked
        /// The step failed; the transaction has no effect, or an unknown one if the error says so.
        case failed(StorageError)
    }
    /// The end of a batch.
    public struct Ending: Sendable {
        let settles: [Submission.Settle]
        let failure: LaneFailure?
        /// How far the database had come when the batch had ended; the driver says it, where there are replicas that
        /// could be behind and ``BatchMachine/wantsPosition`` says that somebody wants to know. It stands at or beyond
        /// everything that the batch has read or written.
        public var position: CommitPosition?
        let report: (@Sendable () -> Void)?
        /// Batches to run afterwards: the commands of a failed batch, one by one, so that one bad command harms no
        /// other.
        public let again: [BatchMachine]
        /// Commands that were put off: nothing of theirs was done, and they are to be in a later batch.
        let deferred: [Submission]
        /// How many commands were put off.
        public var deferredCount: Int { deferred.count }
        /// Gives every caller its answer.
        public func settle() {
            report?()
            for settle in settles { settle(failure, position) }
        }
    }
    private enum State {
        case opening
        case loading([Load])
        case writing
        case ended
    }
    /// The most loads of a batch. A command that then still asks for more is a bug, and is refused.
    static let roundLimit = 8

    private let submissions: [Submission]
    /// Which of the engine's lines the batch goes over, from 0.
    public let line: Int
    /// Whether it follows another batch that is under way on that line, and that may change its rows until it begins.
    public let isAhead: Bool
    private var state = State.opening
    private var work: WorkingSet
    private var undecided: [Int]
    private var wanted: [[Need]]
    /// Whether a command has named all that it needs.
    private var hasNamedAll: [Bool]
    private var settled: [Submission.Settle?]
    /// What somebody else has locked, and the commands that need it.
    private var (held, deferred): (Set<Need>, Set<Int>) = ([], [])
    private var rounds = 0
    /// Nothing was asked for yet.
    private var isFirstRound = true
    private var (loadCount, tripCount) = (0, 0)
    private var rowCount = 0
    private let report: (@Sendable (BatchReport) -> Void)?
    /// Asked once, when the writes are next; ``FaultyLaneEngine`` sets it.
    var commitFault: (@Sendable () -> CommitFault?)?
    /// Whether the answer of the commit is to be taken for lost.
    private var losesAnswer = false

    init(
        _ submissions: [Submission], line: Int = 0, isAhead: Bool = false,
        report: (@Sendable (BatchReport) -> Void)? = nil
    ) {
        (self.submissions, self.line, self.isAhead, self.report) = (submissions, line, isAhead, report)
        work = WorkingSet(capacity: 8 * submissions.count)
        undecided = Array(submissions.indices)
        wanted = Array(repeating: [], count: submissions.count)
        hasNamedAll = Array(repeating: false, count: submissions.count)
        settled = Array(repeating: nil, count: submissions.count)
    }

    /// How many commands the batch carries.
    public var count: Int { submissions.count }
    /// Whether anybody wants to know how far the database had come when the batch had ended; see ``Ending/position``.
    public var wantsPosition: Bool { submissions.contains(where: \.wantsPosition) }

    /// Takes the next event; `now` is what the commands of this batch take as the time.
    public mutating func handle(_ event: Event, now: Timestamp) -> Action {
        switch (state, event) {
        case (.opening, .begun):
            return advance(now)
        case (.loading(let loads), .loaded(let found, let held)) where loads.count == found.count:
            for (index, load) in loads.enumerated() where !held.contains(index) {
                guard load.isAnswered(by: found[index]) else {
                    return fail(.unknown("the driver reported rows of “\(load.table.name)” that nobody asked for"))
                }
                work.absorb(load.need, found[index])
            }
            for index in held where loads.indices.contains(index) { self.held.insert(loads[index].need) }
            return advance(now)
        case (.writing, .committed):
            return end(losesAnswer ? .unknown("the answer of the commit was lost") : nil)
        case (.opening, .failed(let error)):
            // That no transaction could be opened is no command's fault, and trying each alone would only take longer.
            return end(LaneFailure(error))
        case (.loading, .failed(let error)), (.writing, .failed(let error)):
            return fail(error)
        case (.writing, .blocked) where submissions.count > 1:
            return fail(.conflict("rows are held by others"))
        case (.loading, .blocked), (.writing, .blocked):
            return putOffAll()
        case (.opening, _), (.loading, _), (.writing, _):
            return fail(.unknown("the driver reported \(event.name) out of turn"))
        case (.ended, _):
            return .end(Ending(settles: [], failure: nil, report: nil, again: [], deferred: []))
        }
    }

    /// Loads what is missing, or decides; then writes, or loads again for those that turned out to need more.
    private mutating func advance(_ now: Timestamp) -> Action {
        var isAskedAgain = false
        while true {
            putOffThoseThatNeedHeldRows()
            if undecided.isEmpty { break }
            let missing = missingLoads()
            if !missing.isEmpty || isAskedAgain { rounds += 1 }
            if rounds > Self.roundLimit {
                giveUpOnTheUndecided()
            } else if missing.isEmpty {
                decide(now)
                isAskedAgain = true
            } else {
                state = .loading(missing)
                loadCount += missing.count
                tripCount += 1
                return .load(missing)
            }
        }
        let changes = work.changes
        guard !changes.isEmpty || !work.appended.isEmpty else { return end(nil) }
        switch commitFault?() {
        case .failure(let error): return fail(error)
        case .pause(.before, _): return putOffAll()
        case .lostAnswer: losesAnswer = true
        case .pause(.after, _), nil: break
        }
        state = .writing
        rowCount = changes.count + work.appended.count
        return .write(changes, appended: work.appended)
    }

    private mutating func missingLoads() -> [Load] {
        var loads: [Load] = []
        loads.reserveCapacity(4 * undecided.count)
        var latest: (tenant: Tenant, isLost: Bool)?
        for index in undecided {
            let submission = submissions[index]
            if let tenant = submission.tenant {
                // The fence is the first lock, but not a round of its own: fence and rows travel together.
                if latest?.tenant != tenant { latest = (tenant, askForFence(of: tenant, &loads)) }
                if latest?.isLost == true { continue }
            }
            if isFirstRound {
                hasNamedAll[index] = submission.hasNamedAllAtFirst
                for need in submission.firstNeeds where work.ask(for: need) { loads.append(Load(need)) }
            } else if !hasNamedAll[index] {
                let needs = submission.needs(work)
                hasNamedAll[index] = submission.hasNamedAll(work)
                for need in needs where work.ask(for: need) { loads.append(Load(need)) }
            }
            for need in wanted[index] where work.ask(for: need) { loads.append(Load(need)) }
        }
        isFirstRound = false
        return loads.inLockOrder(\.key, table: \.table)
    }

    /// - Returns: whether the fence is known, and keeps the tenant's commands out.
    private mutating func askForFence(of tenant: Tenant, _ loads: inout [Load]) -> Bool {
        let fence = FenceRecord.key(tenant.organization)
        if work.ask(for: .row(fence)) { loads.append(Load(.row(fence))) }
        return work.isLoaded(fence) && !isServed(tenant, by: fence)
    }

    private func isServed(_ tenant: Tenant, by fence: Key<FenceRecord>) -> Bool {
        guard let fence = work[fence] else { return false }
        return fence.state == .active && fence.epoch == tenant.epoch
    }

    private mutating func decide(_ now: Timestamp) {
        var stillUndecided: [Int] = []
        // Only the key is kept from one command to the next: a command may change its own fence.
        var latest: Key<FenceRecord>?
        for index in undecided {
            let submission = submissions[index]
            if let tenant = submission.tenant {
                let known = latest.flatMap { $0.erased.organization == tenant.organization ? $0 : nil }
                let fence = known ?? FenceRecord.key(tenant.organization)
                latest = fence
                guard isServed(tenant, by: fence) else {
                    settled[index] = { failure, _ in submission.fail(failure ?? .fenced) }
                    continue
                }
            }
            switch submission.decide(&work, now) {
            case .settled(let settle): settled[index] = settle
            case .wants(let needs):
                wanted[index] += needs
                stillUndecided.append(index)
            }
        }
        undecided = stillUndecided
    }

    /// Takes the commands that need what somebody else holds out of the batch. Nothing of theirs is in the working set:
    /// they are not decided yet.
    private mutating func putOffThoseThatNeedHeldRows() {
        if held.isEmpty { return }
        let waiting = undecided.filter { index in
            let submission = submissions[index]
            if let tenant = submission.tenant, held.contains(.row(FenceRecord.key(tenant.organization))) { return true }
            return submission.needs(work).contains(where: held.contains) || wanted[index].contains(where: held.contains)
        }
        deferred.formUnion(waiting)
        undecided.removeAll(where: deferred.contains)
    }

    private mutating func giveUpOnTheUndecided() {
        for index in undecided {
            let submission = submissions[index]
            settled[index] = { failure, _ in
                submission.fail(failure ?? .conflict("still asks for more rows after \(Self.roundLimit) loads"))
            }
        }
        undecided = []
    }

    private mutating func putOffAll() -> Action {
        state = .ended
        return .end(Ending(settles: [], failure: nil, report: nil, again: [], deferred: submissions))
    }

    private mutating func fail(_ error: StorageError) -> Action {
        guard submissions.count > 1, error.mayBeOneCommands else { return end(LaneFailure(error)) }
        state = .ended
        let again = submissions.indices.filter { !deferred.contains($0) }
            .map { BatchMachine([submissions[$0]], line: line, report: report) }
        return .end(Ending(settles: [], failure: nil, report: nil, again: again, deferred: putOffCommands))
    }

    private mutating func end(_ failure: LaneFailure?) -> Action {
        state = .ended
        var settles: [Submission.Settle] = []
        settles.reserveCapacity(submissions.count)
        for (index, submission) in submissions.enumerated() where !deferred.contains(index) {
            settles.append(
                settled[index] ?? { failure, _ in submission.fail(failure ?? .conflict("was never decided")) })
        }
        let batch = BatchReport(
            commands: submissions.count - deferred.count, loads: loadCount, trips: tripCount, rows: rowCount,
            hasFailed: failure != nil)
        var tell: (@Sendable () -> Void)?
        if let report { tell = { report(batch) } }
        return .end(
            Ending(settles: settles, failure: failure, report: tell, again: [], deferred: putOffCommands))
    }

    private var putOffCommands: [Submission] { deferred.sorted().map { submissions[$0] } }
}

extension Load {
    /// Whether these can be the rows that were asked for: records of the table's type, and under the key if there is
    /// one.
    fileprivate func isAnswered(by records: [AnyRecord]) -> Bool {
        guard let key else { return records.allSatisfy { $0.key.table === table } }
        return records.count <= 1 && records.allSatisfy { $0.key == key }
    }
}

extension StorageError {
    /// Whether one command of a batch may be to blame, the others being fine: a constraint, a lost race, a damaged row.
    fileprivate var mayBeOneCommands: Bool {
        switch self {
        case .constraint, .conflict, .corrupt, .statement: true
        case .unavailable, .full, .unknown, .lost: false
        }
    }
}

extension BatchMachine.Event {
    fileprivate var name: String {
        switch self {
        case .begun: "begun"
        case .loaded: "loaded"
        case .committed: "committed"
        case .blocked: "blocked"
        case .failed: "failed"
        }
    }
}
