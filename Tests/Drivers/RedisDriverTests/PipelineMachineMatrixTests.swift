import Determinism
import Testing

@testable import RedisDriver

/// Every event in every state: what belongs there has its effect, what does not changes nothing, nothing traps, and
/// each caller is told once. The expectations are written down by hand; an event, a phase of the connection or a kind
/// of delivery that is added does not compile before they say what it comes to.
@Suite("The pipeline's machine: every event in every state")
struct PipelineMachineMatrixTests {
    /// Where the connection is; `failing` and `retrying` are `resting` and `connecting` after an attempt that failed.
    enum Link: CaseIterable { case resting, connecting, failing, retrying, open, closed }
    /// What is under way.
    enum Load: CaseIterable {
        case nothing
        /// One is accepted and not handed over.
        case waiting
        /// A group was handed over, and its sender is not back.
        case writing
        /// The socket took a part of a group.
        case stalled
        /// A request of two replies was sent, and none came.
        case unanswered
        /// One of the two came.
        case partlyAnswered
        /// The sent request's deadline passed, and its caller was told.
        case overdue
        /// One was sent, and another waits, since there may be no more groups.
        case queued
    }
    struct State: CustomStringConvertible {
        let link: Link
        let load: Load
        /// Commands wait while the server cannot be reached.
        let isPatient: Bool

        /// Those that there can be: what was sent needs a connection, and who waits for one that fails is patient.
        var exists: Bool {
            switch link {
            case .open: true
            case .resting, .connecting: load == .nothing || load == .waiting
            case .failing, .retrying: load == .nothing || load == .waiting && isPatient
            case .closed: load == .nothing
            }
        }
        static let all: [Self] = [false, true].flatMap { isPatient in
            Link.allCases.flatMap { link in
                Load.allCases.map { State(link: link, load: $0, isPatient: isPatient) }
            }
        }.filter(\.exists)

        /// Whom a request that was not handed over is of.
        var waiter: String? {
            switch load {
            case .waiting: "first"
            case .queued: "second"
            case .nothing, .writing, .stalled, .unanswered, .partlyAnswered, .overdue: nil
            }
        }
        var refusesWhileItFails: Bool { !isPatient && (link == .failing || link == .retrying) }
        var isAttempting: Bool { link == .connecting || link == .retrying }
        var description: String { "\(link), \(load)\(isPatient ? ", patient" : "")" }
    }
    enum Event: CaseIterable {
        case submit, submitTooLate, submitLarge, takeGroup, wroteAll, wrotePart, resumeWriting, heard, receive
        case abandonFirst, abandonSecond, abandonStranger
        case opened, openedEarlier, failed, failedEarlier, lost, lostWhenStable, lostEarlier, close
        /// Time passes: none, until the requests' deadline, or until nothing may be late any more.
        case tick, tickAtDeadline, tickMuchLater
    }
    /// What there is after an event, and what it came to.
    struct Outcome: Equatable {
        var link: Link
        /// Replies that are missing, and those of requests that wait.
        var sent = 0
        var waiting = 0
        var isWriting = false
        /// How many bytes the server may have on the present connection.
        var exposed: UInt64 = 0
        var result = ""
        var told: [String] = []
    }

    @Test("has its effect and no other", arguments: State.all)
    func pair(state: State) {
        for event in Event.allCases {
            var scene = PipelineScene(state)
            #expect(scene.outcome() == Self.before(state), "the set-up of \(state)")
            let outcome = scene.happen(event)
            #expect(outcome == Self.expected(event, state), "\(event) when \(state)")
            let machine = scene.harness.machine
            #expect(machine.pendingReplies == outcome.sent + outcome.waiting)
            // Never too late, whatever follows; a connection that is to be closed needs no alarm.
            let isQuiet = machine.pendingReplies == 0 || outcome.result.hasPrefix("closing")
            let latest = machine.link.alarm ?? (isQuiet ? nil : Instant(nanoseconds: .max))
            if let latest { #expect(machine.alarm.map { $0 <= latest } == true, "\(event) when \(state)") }
        }
    }

    /// Two events in a row, then the end: everybody has been told once, and nothing has an effect any more.
    @Test("leads to an end", arguments: State.all)
    func everythingEnds(state: State) {
        let closed = State(link: .closed, load: .nothing, isPatient: state.isPatient)
        for first in Event.allCases {
            for second in Event.allCases {
                var scene = PipelineScene(state)
                _ = scene.happen(first)
                _ = scene.happen(second)
                _ = scene.happen(.close)
                let comment: Comment = "\(first), \(second) when \(state)"
                for event in [first, second] {
                    let outcome = scene.happen(event)
                    #expect(outcome == Self.expected(event, closed), comment)
                }
                #expect(scene.callers.allSatisfy { $0.endings == 1 }, comment)
            }
        }
    }

    @Test func everyStateIsThere() {
        #expect(State.all.count == 15 + 17)
    }
}

/// A machine in a state, and those who ask it for something.
struct PipelineScene {
    typealias Event = PipelineMachineMatrixTests.Event
    typealias State = PipelineMachineMatrixTests.State
    typealias Outcome = PipelineMachineMatrixTests.Outcome

    static let wait: Duration = .milliseconds(500)
    var harness: MachineHarness
    let first: Caller
    let second = Caller("second")
    /// All who have asked.
    var callers: [Caller] = []

    init(_ state: State) {
        harness = MachineHarness(connected: false) {
            ($0.groups, $0.waitingBytes, $0.waitsWhileUnreachable) = (1, 1_000, state.isPatient)
        }
        let isOfTwo = state.load == .unanswered || state.load == .partlyAnswered
        first = Caller("first", replies: isOfTwo ? 2 : 1)
        setUp(state.link)
        if state.load != .nothing { _ = submit(first) }
        setUp(state.load)
    }

    private mutating func setUp(_ link: PipelineMachineMatrixTests.Link) {
        switch link {
        case .resting: break
        case .connecting: harness.tick()
        case .failing, .retrying:
            harness.tick()
            // The longest pause after a failure: 100 ms.
            _ = fail(harness.machine.link.generation, draw: .max)
            if link == .failing { return }
            harness.now = harness.now + .milliseconds(100)
            harness.tick()
        case .open: harness.connect()
        case .closed: harness.close()
        }
    }

    private mutating func setUp(_ load: PipelineMachineMatrixTests.Load) {
        switch load {
        case .nothing, .waiting: break
        case .writing: _ = harness.group()
        case .stalled:
            _ = harness.group()
            harness.machine.wrote(unsent: 4)
        case .unanswered: _ = harness.send()
        case .partlyAnswered:
            _ = harness.send()
            harness.receive()
        case .overdue:
            _ = harness.send()
            harness.now = harness.now + Self.wait
            harness.tick()
        case .queued:
            _ = harness.send()
            _ = submit(second)
        }
    }

    /// What there is, without an event.
    func outcome() -> Outcome {
        let machine = harness.machine
        let hasFailed = machine.link.failures > 0
        let link: PipelineMachineMatrixTests.Link =
            switch machine.link.phase {
            case .resting: hasFailed ? .failing : .resting
            case .connecting: hasFailed ? .retrying : .connecting
            case .open: .open
            case .closed: .closed
            }
        return Outcome(
            link: link, sent: machine.sentReplies, waiting: machine.waitingReplies, isWriting: machine.isWriting,
            exposed: link == .open ? machine.exposed : 0)
    }

    mutating func happen(_ event: Event) -> Outcome {
        let (result, endings) = carryOut(event)
        harness.note(endings)
        var outcome = outcome()
        outcome.result = result
        outcome.told = endings.map { "\($0.token.name) \($0.error.code) \($0.error.effect)" }
        return outcome
    }

    private mutating func carryOut(_ event: Event) -> (result: String, endings: [PipelineEnding<Caller>]) {
        let (now, generation) = (harness.now, harness.machine.link.generation)
        switch event {
        case .submit: return (submit(Caller("third")), [])
        case .submitTooLate: return (submit(Caller("late"), within: .zero), [])
        case .submitLarge: return (submit(Caller("large"), bytes: 2_000), [])
        case .takeGroup: return (harness.group().map { "sends " + $0.joined(separator: " ") } ?? "", [])
        case .wroteAll: harness.machine.wrote(unsent: 0)
        case .wrotePart: harness.machine.wrote(unsent: 4)
        case .resumeWriting: harness.machine.resumeWriting()
        case .heard:
            // It shows in what another machine, that is as this one, does when nothing else came.
            let later = now + .seconds(6)
            harness.machine.heard(now: later)
            var copy = harness.machine
            return (copy.tick(now: later, draw: 0).closing == nil ? "" : "closing", [])
        case .receive: return (receive(), [])
        case .abandonFirst: return ("", abandon(first))
        case .abandonSecond: return ("", abandon(second))
        case .abandonStranger: return ("", abandon(Caller("stranger")))
        case .opened: return (open(generation), [])
        case .openedEarlier: return (open(generation &- 1), [])
        case .failed: return ("", fail(generation, draw: .max))
        case .failedEarlier: return ("", fail(generation &- 1, draw: .max))
        case .lost: return ("", lose(generation))
        case .lostWhenStable:
            harness.now = now + .seconds(1)
            return ("", lose(generation))
        case .lostEarlier: return ("", lose(generation &- 1))
        case .close: return ("", harness.machine.close(RedisError(.closed, .unknown, "closed")))
        case .tick: return tick(after: .zero)
        case .tickAtDeadline: return tick(after: Self.wait)
        case .tickMuchLater: return tick(after: .seconds(6))
        }
        return ("", [])
    }

    private mutating func submit(_ caller: Caller, bytes: Int = 10, within time: Duration = Self.wait) -> String {
        callers.append(caller)
        return harness.submit(caller, bytes: bytes, within: time).map { "\($0.code) \($0.effect)" } ?? "taken"
    }
    private mutating func receive() -> String {
        switch harness.machine.receive(now: harness.now) {
        case .give(let caller, let isLast):
            if isLast { caller.isDone = true }
            return isLast ? "gives \(caller.name) the last" : "gives \(caller.name)"
        case .drop: return "drops"
        case .broken: return "broken"
        }
    }
    private mutating func abandon(_ caller: Caller) -> [PipelineEnding<Caller>] {
        harness.machine.abandon(caller).map { [$0] } ?? []
    }
    private mutating func open(_ attempt: UInt64) -> String {
        harness.machine.opened(attempt, now: harness.now) ? "wanted" : "unwanted"
    }
    private mutating func fail(_ attempt: UInt64, draw: UInt64) -> [PipelineEnding<Caller>] {
        harness.machine.failed(attempt, RedisError(.connect, .notSent, "refused"), now: harness.now, draw: draw)
    }
    private mutating func lose(_ connection: UInt64) -> [PipelineEnding<Caller>] {
        let error = RedisError(.connectionLost, .unknown, "lost")
        return harness.machine.lost(connection, error, now: harness.now, draw: .max)
    }
    private mutating func tick(after time: Duration) -> (result: String, endings: [PipelineEnding<Caller>]) {
        harness.now = harness.now + time
        let alarm = harness.machine.tick(now: harness.now, draw: .max)
        let results = [alarm.connects.map { "connects \($0)" }, alarm.closing.map { "closing \($0.code)" }]
        return (results.compactMap(\.self).joined(separator: ", "), alarm.endings)
    }
}

// MARK: what is to be expected

extension PipelineMachineMatrixTests {
    private static func before(_ state: State) -> Outcome {
        var outcome = Outcome(link: state.link)
        switch state.load {
        case .nothing: break
        case .waiting: outcome.waiting = 1
        case .writing: (outcome.sent, outcome.isWriting, outcome.exposed) = (1, true, 10)
        case .stalled: (outcome.sent, outcome.isWriting, outcome.exposed) = (1, true, 6)
        case .unanswered: (outcome.sent, outcome.exposed) = (2, 10)
        case .partlyAnswered, .overdue: (outcome.sent, outcome.exposed) = (1, 10)
        case .queued: (outcome.sent, outcome.exposed, outcome.waiting) = (1, 10, 1)
        }
        return outcome
    }

    private static func expected(_ event: Event, _ state: State) -> Outcome {
        var next = before(state)
        switch event {
        case .submit, .submitTooLate, .submitLarge:
            next.result = refusal(event, state) ?? "taken"
            if next.result == "taken" { next.waiting += 1 }
        case .takeGroup:
            guard state.link == .open, state.load == .waiting else { break }
            next = Outcome(link: .open, sent: 1, isWriting: true, exposed: 10, result: "sends first")
        case .wroteAll: if next.isWriting { (next.isWriting, next.exposed) = (false, 10) }
        case .wrotePart: if next.isWriting { next.exposed = 6 }
        case .resumeWriting: if next.isWriting { next.exposed = 10 }
        case .receive:
            switch state.load {
            case .nothing, .waiting: next.result = "broken"
            case .overdue: next.result = "drops"
            case .unanswered: next.result = "gives first"
            case .writing, .stalled, .partlyAnswered, .queued: next.result = "gives first the last"
            }
            next.sent = max(0, next.sent - 1)
        case .abandonFirst:
            switch state.load {
            case .nothing, .overdue: break
            case .waiting: (next.waiting, next.told) = (0, ["first cancelled notSent"])
            // Its bytes go out, and its replies are still to come.
            case .writing, .stalled, .unanswered, .partlyAnswered, .queued: next.told = ["first cancelled unknown"]
            }
        case .abandonSecond:
            if state.waiter == "second" { (next.waiting, next.told) = (0, ["second cancelled notSent"]) }
        case .opened:
            next.result = state.isAttempting ? "wanted" : "unwanted"
            if state.isAttempting { next.link = .open }
        case .openedEarlier: next.result = "unwanted"
        case .failed:
            guard state.isAttempting else { break }
            next.link = .failing
            if !state.isPatient { refuseWaiting(state, "connect", &next) }
        case .lost, .lostWhenStable: lose(event, state, &next)
        case .close:
            drop(state, "closed", &next)
            refuseWaiting(state, "closed", &next)
            next.link = .closed
        case .tick, .tickAtDeadline, .tickMuchLater: pass(event, state, &next)
        case .heard, .abandonStranger, .failedEarlier, .lostEarlier: break
        }
        return next
    }

    private static func refusal(_ event: Event, _ state: State) -> String? {
        if state.link == .closed { return "closed notSent" }
        if state.refusesWhileItFails { return "connect notSent" }
        if event == .submitTooLate { return "timeout notSent" }
        // A large one waits alone.
        return event == .submitLarge && state.waiter != nil ? "overloaded notSent" : nil
    }

    /// A connection that lasted does not count as a failure: who waits goes on to do so.
    private static func lose(_ event: Event, _ state: State, _ next: inout Outcome) {
        guard state.link == .open else { return }
        let isStable = event == .lostWhenStable
        next.link = isStable ? .resting : .failing
        drop(state, "connectionLost", &next)
        if !isStable, !state.isPatient { refuseWaiting(state, "connectionLost", &next) }
    }

    /// What was sent is over.
    private static func drop(_ state: State, _ code: String, _ next: inout Outcome) {
        switch state.load {
        case .nothing, .waiting, .overdue: break
        case .stalled: next.told.append("first \(code) notSent")
        case .writing, .unanswered, .partlyAnswered, .queued: next.told.append("first \(code) unknown")
        }
        (next.sent, next.isWriting, next.exposed) = (0, false, 0)
    }

    private static func refuseWaiting(_ state: State, _ code: String, _ next: inout Outcome) {
        if let waiter = state.waiter { next.told.append("\(waiter) \(code) notSent") }
        next.waiting = 0
    }

    private static func pass(_ event: Event, _ state: State, _ next: inout Outcome) {
        let isMuchLater = event == .tickMuchLater
        switch state.link {
        case .resting: (next.link, next.result) = (.connecting, "connects 1")
        case .failing: if event != .tick { (next.link, next.result) = (.retrying, "connects 2") }
        case .connecting, .retrying: if isMuchLater { next.link = .failing }
        case .open, .closed: break
        }
        guard event != .tick else { return }
        let isRefused = next.link == .failing && !state.isPatient
        refuseWaiting(state, isRefused ? "connect" : "timeout", &next)
        switch state.load {
        case .nothing, .waiting, .overdue: break
        case .writing, .stalled, .unanswered, .partlyAnswered, .queued: next.told.append("first timeout unknown")
        }
        if isMuchLater, next.sent > 0 { next.result = "closing connectionLost" }
    }
}
