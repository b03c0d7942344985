import Determinism
import Testing

@testable import PostgresDriver

/// Every event in every state of a connection's pipeline: what belongs there has its effect, what does not changes
/// nothing or ends the connection, and each caller is told once. The expectations are written down by hand; an event
/// or a state that is added does not compile before they say what it comes to.
@Suite("The pipeline's machine: every event in every state")
struct PipelineMatrixTests {
    typealias State = PipelineMatrixScene.State
    typealias Event = PipelineMatrixScene.Event
    typealias Outcome = PipelineMatrixScene.Outcome

    @Test("has its effect and no other", arguments: State.allCases)
    func pair(state: State) {
        for event in Event.allCases where Self.exists(event, state) {
            var scene = PipelineMatrixScene(state)
            #expect(scene.outcome() == Self.before(state), "the set-up of \(state)")
            let outcome = scene.happen(event)
            #expect(outcome == Self.expected(event, state), "\(event) when \(state)")
            // Never too late; a connection that is to be closed needs no alarm.
            let isAwaited = outcome.waiting > 0 || outcome.sent > 0 && !outcome.isOverdue
            guard isAwaited, outcome.result != "closing" else { continue }
            let latest = scene.harness.now + .seconds(10)
            #expect(scene.harness.machine.alarm.map { $0 <= latest } == true, "\(event) when \(state)")
        }
    }

    /// Two events in a row, then the end of the connection: everybody has been told once, and nothing has an effect.
    /// Many short cases: a long one would keep the tests waiting that live by short turns.
    @Test("leads to an end", arguments: State.allCases, Event.allCases)
    func everythingEnds(state: State, first: Event) {
        for second in Event.allCases {
            var scene = PipelineMatrixScene(state)
            _ = scene.happen(first)
            _ = scene.happen(second)
            _ = scene.happen(.lose)
            let comment: Comment = "\(first), \(second) when \(state)"
            for event in [first, second] {
                let outcome = scene.happen(event)
                #expect(outcome == Self.expected(event, .closed), comment)
            }
            #expect(scene.callers.allSatisfy { $0.outcomes.count == 1 }, comment)
        }
    }

    /// The replies to a group come where there is one, whole, and do not contradict those before.
    private static func exists(_ event: Event, _ state: State) -> Bool {
        switch event {
        case .groupSucceeds, .groupFails, .groupFailsWithin, .groupIsCancelled:
            switch state {
            case .idle, .waiting, .assembling, .lateCancel, .recovering, .inTransaction, .copying, .closed: false
            case .failed: event != .groupSucceeds
            case .forgetting: event != .groupFailsWithin
            case .written, .halfAnswered, .committed, .queued, .reading, .givenUp, .overdue, .cancelling,
                .cancelReturned, .rollingBack:
                true
            }
        default: true
        }
    }
}

// MARK: what is to be expected

extension PipelineMatrixTests {
    /// What the next reply is about.
    private enum Head { case nothing, statement, groupEnd, ownStatement }

    private static func head(_ state: State) -> Head {
        switch state {
        case .idle, .waiting, .lateCancel, .recovering, .inTransaction, .copying, .closed: .nothing
        case .assembling, .written, .halfAnswered, .failed, .queued, .reading, .givenUp, .overdue, .cancelling,
            .cancelReturned:
            .statement
        case .committed: .groupEnd
        case .rollingBack, .forgetting: .ownStatement
        }
    }

    private static func before(_ state: State) -> Outcome {
        var next = Outcome()
        switch state {
        case .idle: break
        case .waiting: next.waiting = 1
        case .assembling, .halfAnswered, .reading: (next.sent, next.missing) = (1, 2)
        case .written: (next.sent, next.missing) = (1, 3)
        case .committed: (next.sent, next.missing, next.isCommitted) = (1, 1, true)
        case .failed: (next.sent, next.missing, next.hasFailed) = (1, 2, true)
        case .queued: (next.sent, next.missing, next.waiting) = (1, 3, 1)
        case .givenUp: (next.sent, next.missing, next.isOverdue) = (1, 2, true)
        case .overdue: (next.sent, next.missing, next.isOverdue) = (1, 3, true)
        case .cancelling, .cancelReturned:
            (next.phase, next.sent, next.missing, next.isOverdue) = (.cancelling, 1, 3, true)
        case .lateCancel: next.phase = .cancelling
        case .recovering: (next.status, next.isRecovering) = (.failed, true)
        case .rollingBack: (next.status, next.isRecovering, next.missing) = (.failed, true, 2)
        case .forgetting: next.missing = 2
        case .inTransaction: next.status = .inTransaction
        case .copying: (next.phase, next.status) = (.copying(until: PipelineMatrixScene.start + .seconds(5)), .unknown)
        case .closed: (next.phase, next.status) = (.closed, .unknown)
        }
        return next
    }

    private static func expected(_ event: Event, _ state: State) -> Outcome {
        var next = before(state)
        switch event {
        case .submitRead, .submitCommit, .submitTooMuch: submit(event, state, &next)
        case .send: send(state, &next)
        case .result, .resultOfCommit, .failure, .skipped, .end, .sync, .syncInFailed, .syncInUnknown:
            if state != .closed { receive(event, state, &next) }
        case .groupSucceeds, .groupFails, .groupFailsWithin, .groupIsCancelled:
            if state != .closed { answer(event, state, &next) }
        case .commitIsUnreplicated:
            // It is about the first that is sent, if that commits.
            next.isUnreplicated = next.sent > 0 && state != .reading && state != .givenUp
        case .cancelReturned: if state == .lateCancel { next.phase = .open }
        case .tick, .tickAfterDrain, .tickAtDeadline: pass(event, state, &next)
        case .abandonFirst: abandon(state, &next)
        case .abandonSecond:
            if state == .queued { (next.waiting, next.told) = (0, ["second cancelled unavailable"]) }
        case .abandonStranger: break
        case .beginCopy, .extendCopy, .endCopy: copy(event, state, &next)
        case .lose: lose(state, &next)
        }
        return next
    }

    private static func submit(_ event: Event, _ state: State, _ next: inout Outcome) {
        switch state {
        case .closed: next.result = "connectionLost unavailable"
        case .copying: next.result = "busy unavailable"
        // A large one waits alone.
        case .waiting where event == .submitTooMuch, .queued where event == .submitTooMuch:
            next.result = "overloaded unavailable"
        default: (next.waiting, next.result) = (next.waiting + 1, "taken")
        }
    }

    private static func send(_ state: State, _ next: inout Outcome) {
        switch state {
        case .waiting: next = Outcome(sent: 1, missing: 3, result: "first(u, COMMIT) sync")
        case .assembling: (next.missing, next.result) = (3, "sync")
        case .overdue, .givenUp: (next.phase, next.result) = (.cancelling, "cancel")
        case .recovering: (next.missing, next.result) = (2, "rollback sync")
        // Nothing that a cancellation could hit, nothing beyond the limits, and nothing twice.
        case .idle, .written, .halfAnswered, .committed, .failed, .queued, .reading, .cancelling, .cancelReturned,
            .lateCancel, .rollingBack, .forgetting, .inTransaction, .copying, .closed:
            break
        }
    }

    private static func receive(_ event: Event, _ state: State, _ next: inout Outcome) {
        switch (event, head(state)) {
        case (.end, .nothing), (.end, .groupEnd): break
        case (.end, .statement), (.end, .ownStatement): next.missing -= 1
        case (.sync, .groupEnd), (.syncInUnknown, .groupEnd): next = Outcome(told: ["first success"])
        case (.syncInFailed, .groupEnd): next = Outcome(status: .failed, told: ["first success"])
        case (.result, .statement), (.resultOfCommit, .statement):
            next.result = state == .givenUp ? "" : "keeps first"
            if event == .resultOfCommit { next.isCommitted = state == .halfAnswered || state == .failed }
        case (.result, .ownStatement): break
        case (.resultOfCommit, .ownStatement): next.status = .idle
        // A deferred constraint is one that fails at the end.
        case (.failure, .statement), (.failure, .groupEnd): next.hasFailed = true
        case (.failure, .ownStatement) where state == .forgetting: break
        case (.skipped, .statement), (.skipped, .groupEnd), (.skipped, .ownStatement): break
        default:
            lose(state, &next)
            next.result = "broken"
        }
    }

    private static func answer(_ event: Event, _ state: State, _ next: inout Outcome) {
        if state == .rollingBack, event != .groupSucceeds {
            lose(state, &next)
            next.result = "broken"
            return
        }
        let isLate = state == .overdue || state == .cancelling || state == .cancelReturned
        let isWithin = event == .groupFailsWithin
        let news =
            switch event {
            case .groupSucceeds: "success"
            // That the server did as it was told is no failure of its own.
            case .groupIsCancelled: isLate ? "deadline unavailable" : "server unavailable"
            default: "server statement"
            }
        next = Outcome(phase: state == .cancelling ? .cancelling : .open, waiting: next.waiting)
        if isWithin { next.status = .failed }
        switch state {
        case .givenUp, .rollingBack, .forgetting: return
        case .reading: next.told = ["first \(news)"]
        // What failed first counts.
        case .failed: (next.told, next.isRecovering) = (["first server constraint"], isWithin)
        // The commit stands.
        case .committed:
            let told = event == .groupSucceeds ? "success" : "success but \(news)"
            (next.told, next.isRecovering) = (["first \(told)"], isWithin)
        default: (next.told, next.isRecovering) = (["first \(news)"], isWithin)
        }
    }

    private static func pass(_ event: Event, _ state: State, _ next: inout Outcome) {
        if event == .tick { return }
        switch state {
        case .cancelling, .cancelReturned, .lateCancel:
            next.result = "closing"
            return
        default: if event == .tickAfterDrain { return }
        }
        switch state {
        case .copying: next.result = "closing"
        case .waiting: (next.waiting, next.told) = (0, ["first deadline unavailable"])
        case .reading: (next.isOverdue, next.told) = (true, ["first deadline unavailable"])
        case .queued: (next.isOverdue, next.waiting, next.told) = (true, 0, ["second deadline unavailable"])
        // What became of a write the server still has to say.
        case .assembling, .written, .halfAnswered, .committed, .failed: next.isOverdue = true
        case .idle, .givenUp, .overdue, .cancelling, .cancelReturned, .lateCancel, .recovering, .rollingBack,
            .forgetting, .inTransaction, .closed:
            break
        }
    }

    private static func abandon(_ state: State, _ next: inout Outcome) {
        switch state {
        case .waiting: (next.waiting, next.told) = (0, ["first cancelled unavailable"])
        case .reading: (next.isOverdue, next.told) = (true, ["first cancelled unavailable"])
        case .assembling, .written, .halfAnswered, .committed, .failed, .queued: next.isOverdue = true
        case .idle, .givenUp, .overdue, .cancelling, .cancelReturned, .lateCancel, .recovering, .rollingBack,
            .forgetting, .inTransaction, .copying, .closed:
            break
        }
    }

    private static func copy(_ event: Event, _ state: State, _ next: inout Outcome) {
        let start = PipelineMatrixScene.start
        switch (event, state) {
        case (.beginCopy, .idle), (.beginCopy, .inTransaction): next = before(.copying)
        case (.beginCopy, .closed): next.result = "connectionLost unavailable"
        case (.beginCopy, _): next.result = "busy unavailable"
        case (.extendCopy, .copying): next.phase = .copying(until: start + .seconds(9))
        case (.endCopy, .copying): next = Outcome()
        default: break
        }
    }

    private static func lose(_ state: State, _ next: inout Outcome) {
        next = before(.closed)
        switch state {
        case .waiting, .reading: next.told = ["first connectionLost unavailable"]
        case .assembling, .written, .halfAnswered, .overdue, .cancelling, .cancelReturned:
            next.told = ["first connectionLost unknown"]
        case .queued: next.told = ["first connectionLost unknown", "second connectionLost unavailable"]
        case .committed: next.told = ["first success but connectionLost unavailable"]
        case .failed: next.told = ["first server constraint"]
        case .idle, .givenUp, .lateCancel, .recovering, .rollingBack, .forgetting, .inTransaction, .copying, .closed:
            break
        }
    }
}
