import Determinism
import SocketReactor
import Storage
import Testing

@testable import PostgresDriver

/// A pipeline's machine in a state, and those who ask it for something. The first asks, unless the state says
/// otherwise, for a batch of two statements, of which the second is its `COMMIT`.
struct PipelineMatrixScene {
    enum State: CaseIterable {
        case idle
        /// It is accepted and not sent.
        case waiting
        /// Its Sync is not sent yet.
        case assembling
        /// It is sent; one statement is answered; both are, and the group's end is missing; the first one has failed.
        case written, halfAnswered, committed, failed
        /// A read waits behind it, since no more statements may be on their way.
        case queued
        /// A read is sent; or was, and its caller is gone.
        case reading, givenUp
        /// Its deadline has passed; the cancel call is on its way, or back; or it is answered and the call is not back.
        case overdue, cancelling, cancelReturned, lateCancel
        /// It has failed behind its `BEGIN`; the `ROLLBACK` is on its way.
        case recovering, rollingBack
        /// A statement is being deallocated.
        case forgetting
        /// Its caller began a transaction, which is open.
        case inTransaction
        case copying, closed
    }
    enum Event: CaseIterable {
        case submitRead, submitCommit, submitTooMuch, send
        case result, resultOfCommit, failure, skipped, end, sync, syncInFailed, syncInUnknown
        /// All replies of a group: it goes well, fails, fails and leaves a transaction behind, or is cancelled.
        case groupSucceeds, groupFails, groupFailsWithin, groupIsCancelled
        case commitIsUnreplicated, cancelReturned
        /// Time passes: none, as long as a cancelled statement gets, until the requests' deadline.
        case tick, tickAfterDrain, tickAtDeadline
        case abandonFirst, abandonSecond, abandonStranger
        case beginCopy, extendCopy, endCopy, lose
    }
    enum Phase: Equatable {
        case open, cancelling, closed
        case copying(until: Instant)
    }
    /// What there is after an event, and what it came to.
    struct Outcome: Equatable {
        var phase = Phase.open
        var status = TransactionStatus.idle
        var sent = 0
        var waiting = 0
        /// Replies that are missing, the groups' ends among them.
        var missing = 0
        /// What is known of the first request that is sent.
        var isOverdue = false
        var hasFailed = false
        var isCommitted = false
        var isUnreplicated = false
        var isRecovering = false
        var result = ""
        var told: [String] = []
    }

    static let start = Instant(nanoseconds: 1_000_000_000)
    var harness: PipelineHarness
    let first: Caller
    private let second = Caller("second", .reads, ["q"])
    /// All who have asked.
    private(set) var callers: [Caller] = []

    init(_ state: State) {
        harness = PipelineHarness {
            ($0.statements, $0.waitingBytes) = (2, 1_000)
            $0.preparedStatements = state == .forgetting ? 1 : 0
        }
        first =
            switch state {
            case .reading, .givenUp: Caller("first", .reads, ["q"])
            case .recovering, .rollingBack: Caller("first", .commits(at: 2), ["BEGIN", "u", "COMMIT"])
            case .inTransaction: Caller("first", .uncommitted, ["BEGIN"])
            default: Caller("first", .commits(at: 1), ["u", "COMMIT"])
            }
        switch state {
        case .idle: break
        case .copying: _ = harness.machine.beginCopy(deadline: harness.now + .seconds(5))
        case .closed: harness.lose()
        case .forgetting: setUpForgetting()
        default:
            _ = submit(first)
            setUp(state)
        }
    }

    private mutating func setUp(_ state: State) {
        if state == .waiting { return }
        if state == .assembling {
            guard case .batch(let caller)? = harness.machine.nextStep(now: harness.now) else { return }
            for statement in caller.statements { _ = harness.machine.plan(statement, types: []) }
            return
        }
        harness.pump()
        switch state {
        case .halfAnswered: harness.succeed()
        case .committed:
            harness.succeed()
            harness.succeed(1, .commit)
        case .failed: harness.fail("23505")
        case .queued: _ = submit(second)
        case .givenUp: harness.abandon(first)
        case .overdue, .cancelling, .cancelReturned, .lateCancel: setUpOverdue(state)
        case .recovering, .rollingBack:
            harness.succeed(1, .begin)
            harness.fail("23514")
            harness.skip()
            harness.sync(.failed)
            if state == .rollingBack { harness.pump() }
        case .inTransaction:
            harness.succeed(1, .begin)
            harness.sync(.inTransaction)
        default: break
        }
    }

    private mutating func setUpOverdue(_ state: State) {
        harness.pass(.seconds(10))
        if state == .overdue { return }
        harness.pump()
        if state == .cancelReturned { harness.machine.cancelReturned() }
        if state == .lateCancel {
            harness.fail("57014")
            harness.skip()
            harness.sync()
        }
    }

    /// Of two statements one gives way, since one may be prepared.
    private mutating func setUpForgetting() {
        for text in ["a", "b"] {
            _ = submit(Caller(text, .commits(), [text]))
            harness.pump()
            harness.receive(.result(.other), .end)
            harness.succeed()
            harness.sync()
        }
    }

    /// What there is, without an event.
    func outcome() -> Outcome {
        let machine = harness.machine
        var outcome = Outcome()
        outcome.phase =
            switch machine.phase {
            case .open: .open
            case .cancelling: .cancelling
            case .copying(let deadline): .copying(until: deadline)
            case .closed: .closed
            }
        outcome.status = machine.transactionStatus
        (outcome.sent, outcome.waiting) = (machine.sent.count, machine.waiting.count + machine.waitingReads.count)
        outcome.missing = machine.expected.count
        outcome.isRecovering = machine.recovery != .none
        guard let flight = machine.sent.first else { return outcome }
        (outcome.isOverdue, outcome.hasFailed) = (flight.isOverdue, flight.failure != nil)
        (outcome.isCommitted, outcome.isUnreplicated) = (flight.isCommitted, flight.isUnreplicated)
        return outcome
    }

    mutating func happen(_ event: Event) -> Outcome {
        var told: [String] = []
        let result = carryOut(event, &told)
        var outcome = outcome()
        (outcome.result, outcome.told) = (result, told)
        return outcome
    }

    private mutating func carryOut(_ event: Event, _ told: inout [String]) -> String {
        switch event {
        case .submitRead: return submit(Caller("third", .reads, ["q"]))
        case .submitCommit: return submit(Caller("third", .commits(), ["w"]))
        case .submitTooMuch: return submit(Caller("large", .commits(), ["w"]), bytes: 2_000)
        case .send: return harness.pump()
        case .result: return receive(.result(.other), &told)
        case .resultOfCommit: return receive(.result(.commit), &told)
        case .failure: return receive(.failure(PipelineHarness.error("22012")), &told)
        case .skipped: return receive(.skipped, &told)
        case .end: return receive(.end, &told)
        case .sync: return receive(.sync(.idle), &told)
        case .syncInFailed: return receive(.sync(.failed), &told)
        case .syncInUnknown: return receive(.sync(.unknown), &told)
        case .groupSucceeds: return answer(nil, .idle, &told)
        case .groupFails: return answer("22012", .idle, &told)
        case .groupFailsWithin: return answer("22012", .failed, &told)
        case .groupIsCancelled: return answer("57014", .idle, &told)
        case .commitIsUnreplicated: harness.machine.commitIsUnreplicated()
        case .cancelReturned: harness.machine.cancelReturned()
        case .tick: return tick(after: .zero, &told)
        case .tickAfterDrain: return tick(after: harness.machine.limits.drain, &told)
        case .tickAtDeadline: return tick(after: .seconds(10), &told)
        case .abandonFirst: abandon(first, &told)
        case .abandonSecond: abandon(second, &told)
        case .abandonStranger: abandon(Caller("stranger", .reads, ["q"]), &told)
        case .beginCopy: return refusal(harness.machine.beginCopy(deadline: harness.now + .seconds(5)))
        case .extendCopy: harness.machine.extendCopy(deadline: harness.now + .seconds(9))
        case .endCopy: harness.machine.endCopy(.idle)
        case .lose: tell(harness.machine.lose(PipelineHarness.lost), &told)
        }
        return ""
    }

    private mutating func submit(_ caller: Caller, bytes: Int = 10) -> String {
        callers.append(caller)
        let request = PipelineRequest(
            token: caller, effect: caller.effect, statements: caller.statements.count, bytes: bytes,
            deadline: harness.now + .seconds(10))
        guard let error = harness.machine.submit(request) else { return "taken" }
        caller.outcomes.append(.failure(error))
        return refusal(error)
    }
    private func refusal(_ error: PostgresError?) -> String { error.map(Self.describe) ?? "" }

    /// What makes no sense ends the connection.
    private mutating func receive(_ reply: PipelineMachine<Caller>.Reply, _ told: inout [String]) -> String {
        switch harness.machine.receive(reply) {
        case .none: return ""
        case .keep(let caller): return "keeps \(caller)"
        case .end(let ending):
            tell([ending], &told)
            return ""
        case .broken:
            tell(harness.machine.lose(PipelineHarness.lost), &told)
            return "broken"
        }
    }

    /// The replies to what is left of the first group. What was skipped for an earlier failure is.
    private mutating func answer(_ code: String?, _ status: TransactionStatus, _ told: inout [String]) -> String {
        var error = code.map { PipelineHarness.error($0) }
        var isFailing = harness.machine.sent.first?.failure != nil
        let hasCommit = if case .commits? = harness.machine.sent.first?.request.effect { true } else { false }
        while let next = harness.machine.expected.first {
            let isAtEnd = if case .sync = next { true } else { false }
            let isLast = harness.machine.expected.count == 2
            var replies: [PipelineMachine<Caller>.Reply] = []
            if let failure = error, !isFailing {
                (replies, error, isFailing) = ([.failure(failure), .end], nil, true)
            } else if !isAtEnd {
                let isRollback = if case .control = next { true } else { false }
                let kind: CommandKind = isRollback ? .rollback : isLast && hasCommit ? .commit : .other
                replies = [isFailing ? .skipped : .result(kind), .end]
            }
            if isAtEnd { replies.append(.sync(status)) }
            for reply in replies where receive(reply, &told) == "broken" { return "broken" }
            if isAtEnd { break }
        }
        return ""
    }

    private mutating func tick(after time: Duration, _ told: inout [String]) -> String {
        harness.now = harness.now + time
        let alarm = harness.machine.tick(now: harness.now)
        tell(alarm.endings, &told)
        return alarm.closing == nil ? "" : "closing"
    }
    private mutating func abandon(_ caller: Caller, _ told: inout [String]) {
        if let ending = harness.machine.abandon(caller, now: harness.now) { tell([ending], &told) }
    }

    private func tell(_ endings: [PipelineMachine<Caller>.Ending], _ told: inout [String]) {
        for ending in endings {
            ending.token.outcomes.append(ending.outcome)
            switch ending.outcome {
            case .success(let failure):
                told.append("\(ending.token) success" + (failure.map { " but \(Self.describe($0))" } ?? ""))
            case .failure(let error): told.append("\(ending.token) \(Self.describe(error))")
            }
        }
    }

    private static func describe(_ error: PostgresError) -> String {
        let kind =
            switch error.storage {
            case .unavailable: "unavailable"
            case .full: "full"
            case .constraint: "constraint"
            case .conflict: "conflict"
            case .corrupt: "corrupt"
            case .statement: "statement"
            case .unknown: "unknown"
            case .lost: "lost"
            }
        return "\(error.code) \(kind)"
    }
}
