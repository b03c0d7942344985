import Determinism
import SocketReactor
import Storage

/// What a connection sends next, to whom each arriving result belongs, and what is known about each request when
/// something goes wrong: a pure state machine around libpq's pipeline mode.
///
/// A *group* is what goes out with one Sync: one batch; single reads of several callers; the machine's own `ROLLBACK`
/// or `DEALLOCATE`. The server answers groups in order, and skips what is behind an error up to the group's end. Reads
/// that were skipped because of another caller's error have not been executed and are sent again.
///
/// Phases: `open` → `cancelling` (the first request is overdue: nothing new is sent until it is answered and the cancel
/// call is back) → `open`; `open` → `copying` → `open`; any → `closed`. Every event is answered in every phase.
///
/// A batch that is complete in itself (``PostgresBatch/Effect/reads`` or ``PostgresBatch/Effect/commits(at:)``), began
/// outside of a transaction and leaves one behind has failed between its `BEGIN` and its `COMMIT`: the machine rolls
/// back before anything else, and sends again what was refused meanwhile without having been executed.
///
/// Sources: PostgreSQL 15, "Pipelining" in the protocol's message flow and "Pipeline Mode" in libpq. Sharing a Sync is
/// the group commit of the write lane, for reads.
struct PipelineMachine<Token: AnyObject & Sendable>: Sendable {
    typealias Flight = PipelineFlight<Token>

    /// What the shell does next.
    enum Step: Sendable {
        /// Send each statement of the batch, as ``plan(_:types:)`` says.
        case batch(Token)
        /// Send `ROLLBACK`.
        case rollback
        /// Send `DEALLOCATE` for this statement.
        case deallocate(StatementCache.Reference)
        /// Send a Sync, and what libpq has in its buffer.
        case sync
        /// Ask the server on another connection to cancel what runs; then ``cancelReturned()``.
        case cancel
    }
    /// What libpq handed over.
    enum Reply: Sendable {
        /// A statement's result.
        case result(CommandKind)
        /// A statement's error.
        case failure(PostgresError)
        /// A statement was skipped.
        case skipped
        /// Nothing more comes for this statement.
        case end
        /// A group is at its end, and the session is in this state: `unknown` while more is under way, because libpq
        /// tells the state of an idle connection only.
        case sync(TransactionStatus)
    }
    /// What the shell does with what was handed over.
    enum Action: Sendable {
        /// Nothing: drop it.
        case none
        /// Keep the result for this batch.
        case keep(Token)
        /// Answer this caller.
        case end(Ending)
        /// It makes no sense: close the connection and call ``lose(_:)``.
        case broken(String)
    }
    /// An answer to a caller.
    struct Ending: Sendable {
        let token: Token
        let outcome: PipelineOutcome
    }
    enum Phase: Sendable {
        case open
        case cancelling(since: Instant, target: Int, isReturned: Bool)
        case copying(deadline: Instant)
        case closed
    }
    enum Expected: Sendable {
        case prepare(StatementCache.Reference)
        case execute(StatementCache.Reference?)
        case control
        case deallocate(StatementCache.Reference)
        case sync
    }
    enum GroupKind: Sendable { case batch, reads, rollback, deallocate }
    enum Recovery: Sendable { case none, needed, underWay }
    enum HeadAnswer: Sendable { case none, result, failure, skipped }

    let limits: PipelineLimits
    var cache: StatementCache
    var phase = Phase.open
    /// As the server said, or else as the answers so far imply.
    var transactionStatus = TransactionStatus.idle
    /// ``transactionStatus`` at the end of the group before.
    var statusBefore = TransactionStatus.idle
    /// What was sent and is not answered, in order.
    var sent = RingQueue<Flight>()
    var groups = RingQueue<GroupKind>()
    var expected = RingQueue<Expected>()
    var headAnswer = HeadAnswer.none
    /// What is not sent yet: reads that may share a Sync, and everything else.
    var waitingReads = RingQueue<Flight>()
    var waiting = RingQueue<Flight>()
    var (waitingBytes, sentBytes, sentStatements) = (0, 0, 0)
    var readGroups = 0
    /// Reads and other batches take turns, so that neither starves.
    private var readsAreNext = false
    /// The group that is being put together, and how many flights it has.
    var assembling: (kind: GroupKind, count: Int)?
    var groupNumber = 0
    /// The number of the first group that is not answered.
    var headGroup = 1
    var recovery = Recovery.none
    /// A group of the machine's own that somebody has waited behind for too long, and since when.
    var blockage: (group: Int, since: Instant)?
    /// Groups up to this one may be hit by a cancellation that was meant for another.
    var lastVictim = 0
    /// Parts of somebody's transaction that are on their way.
    var uncommittedInFlight = 0
    /// When ``tick(now:)`` has something to do; never too late, sometimes too early.
    private(set) var alarm: Instant?
    /// What ended the connection.
    var loss: PostgresError?

    init(limits: PipelineLimits) {
        self.limits = limits
        cache = StatementCache(capacity: limits.preparedStatements)
    }

    /// Why nothing is taken any more.
    var closedError: PostgresError {
        PostgresError(
            .connectionLost, .unavailable("the connection is closed; \(loss?.storage.reason ?? "it ended")"),
            sqlState: loss?.sqlState)
    }
    /// Whether results are to be read.
    var isAwaiting: Bool { !expected.isEmpty }
    /// Whether nothing is sent, waiting or open, so that somebody else may take the connection over.
    var isIdle: Bool { groups.isEmpty && isFree }
    /// Whether nothing of its user's is sent, waiting or open. Statements may be on their way to be forgotten: what
    /// comes next comes behind them.
    var isFree: Bool {
        guard case .open = phase, groups.isEmpty || groups.allSatisfy({ $0 == .deallocate }) else { return false }
        return assembling == nil && waiting.isEmpty && waitingReads.isEmpty && recovery == .none
    }
    var isClosed: Bool {
        if case .closed = phase { return true }
        return false
    }
    /// How many batches are accepted and not answered.
    var pendingCount: Int { sent.count + waiting.count + waitingReads.count }

    // MARK: sending

    /// Takes a request, to be sent when its turn comes. Returns nil, or why it is refused; then nothing was changed.
    mutating func submit(_ request: PipelineRequest<Token>) -> PostgresError? {
        switch phase {
        case .closed:
            return closedError
        case .copying:
            return PostgresError(
                .busy, .unavailable("the connection is in the middle of a COPY; use another, or wait for its end"))
        case .open, .cancelling: break
        }
        guard waiting.count + waitingReads.count < limits.waiting,
            waitingBytes + request.bytes <= limits.waitingBytes || waiting.isEmpty && waitingReads.isEmpty
        else {
            return PostgresError(
                .overloaded,
                .unavailable(
                    "\(pendingCount) requests with \(waitingBytes + sentBytes) bytes wait for this connection, "
                        + "which is as many as it takes"))
        }
        let flight = Flight(request)
        waitingBytes += request.bytes
        if flight.isShared { waitingReads.append(flight) } else { waiting.append(flight) }
        raiseAlarm(request.deadline)
        return nil
    }

    /// What to send next; nil when nothing can be sent before something else happens.
    mutating func nextStep(now: Instant) -> Step? {
        if let group = assembling {
            if group.kind == .reads, group.count < limits.readsInGroup, let read = takeWaitingRead() {
                return launch(read, .reads)
            }
            assembling = nil
            expected.append(.sync)
            return .sync
        }
        guard case .open = phase else { return nil }
        if let head = sent.first, head.isOverdue, groups.first == .batch || groups.first == .reads {
            phase = .cancelling(since: now, target: headGroup, isReturned: false)
            lastVictim = groupNumber
            raiseAlarm(now + limits.drain)
            return .cancel
        }
        if recovery == .needed {
            recovery = .underWay
            begin(.rollback, expecting: .control)
            return .rollback
        }
        // Never within somebody's transaction: if it failed, it would take that with it.
        if recovery == .none, transactionStatus == .idle, uncommittedInFlight == 0,
            let statement = cache.takeRetired()
        {
            begin(.deallocate, expecting: .deallocate(statement))
            return .deallocate(statement)
        }
        return readsAreNext ? launchReads() ?? launchBatch() : launchBatch() ?? launchReads()
    }

    private mutating func launchBatch() -> Step? {
        guard let next = waiting.first, fits(next) else { return nil }
        _ = waiting.popFirst()
        readsAreNext = true
        return launch(next, .batch)
    }

    private mutating func launchReads() -> Step? {
        guard readGroups < limits.readGroups, let read = takeWaitingRead() else { return nil }
        readGroups += 1
        readsAreNext = false
        return launch(read, .reads)
    }

    /// How to send the next statement of the batch that ``nextStep(now:)`` named last.
    mutating func plan(
        _ statement: PostgresStatement, types: some Collection<UInt32>
    ) -> StatementCache.Plan {
        let plan = cache.plan(statement, types: types, batch: groupNumber)
        switch plan {
        case .unnamed: expected.append(.execute(nil))
        case .named(let reference): expected.append(.execute(reference))
        case .prepare(let reference):
            expected.append(.prepare(reference))
            expected.append(.execute(reference))
        }
        return plan
    }

    private mutating func takeWaitingRead() -> Flight? {
        guard let next = waitingReads.first, fits(next) else { return nil }
        return waitingReads.popFirst()
    }

    private func fits(_ flight: Flight) -> Bool {
        sent.isEmpty
            || sentStatements + flight.request.statements <= limits.statements
                && sentBytes + flight.request.bytes <= limits.bytes
    }

    private mutating func launch(_ flight: Flight, _ kind: GroupKind) -> Step {
        waitingBytes -= flight.request.bytes
        sentBytes += flight.request.bytes
        sentStatements += flight.request.statements
        if flight.request.effect == .uncommitted { uncommittedInFlight += 1 }
        sent.append(flight)
        if let group = assembling { assembling = (kind, group.count + 1) } else { begin(kind, expecting: nil) }
        return .batch(flight.request.token)
    }

    private mutating func begin(_ kind: GroupKind, expecting reply: Expected?) {
        groupNumber += 1
        groups.append(kind)
        assembling = (kind, 1)
        if let reply { expected.append(reply) }
    }

    // MARK: alarms

    mutating func raiseAlarm(_ instant: Instant) {
        if alarm.map({ instant < $0 }) ?? true { alarm = instant }
    }
    mutating func clearAlarm() { alarm = nil }
}

/// What a command was, by its tag, as far as transactions are concerned.
enum CommandKind: Sendable, Hashable {
    case begin, commit, rollback, other

    /// From the tag's text.
    init(tag: String) {
        switch tag {
        case "BEGIN", "START TRANSACTION": self = .begin
        case "COMMIT": self = .commit
        case "ROLLBACK": self = .rollback
        default: self = .other
        }
    }
}

/// What the session's transaction is doing, as the server said last.
public enum TransactionStatus: Sendable, Hashable {
    /// No transaction is open.
    case idle
    /// A transaction is open.
    case inTransaction
    /// A transaction is open and has failed: only `ROLLBACK` is accepted.
    case failed
    /// The connection is gone, or busy with a `COPY`.
    case unknown
}
