import Determinism
import Testing

@testable import RedisDriver

/// Every event in every state of a connection. The expectations are written down by hand; an event or a phase that is
/// added does not compile before they say what it comes to.
@Suite("Reconnecting: every event in every state")
struct ReconnectMachineMatrixTests {
    enum State: CaseIterable {
        /// Nothing was tried yet.
        case resting
        case connecting
        /// An attempt failed, and the pause is not over.
        case failing
        /// The second attempt runs.
        case retrying
        /// A connection that would count as a failure if it were lost now, and one that would not.
        case fresh, stable
        /// A fresh one behind an attempt that failed.
        case reopened
        case closed
    }
    /// Whose event it is: that of the present attempt or connection, or of none.
    enum Attempt: CaseIterable { case present, earlier, never }
    enum Event {
        case tick, tickLater, close
        case opened(Attempt)
        case failed(Attempt)
        case lost(Attempt)

        static let all: [Self] =
            [.tick, .tickLater, .close] + Attempt.allCases.flatMap { [.opened($0), .failed($0), .lost($0)] }
    }
    enum Phase: Equatable {
        case resting(until: Instant)
        case connecting(deadline: Instant)
        case open(since: Instant)
        case closed
    }
    struct Outcome: Equatable {
        var phase: Phase
        var failures = 0
        var generation: UInt64 = 0
        /// The reason of the last failure.
        var failure: String?
        var result = ""
    }
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let second = start + .milliseconds(100)
    private static let refused = RedisError(.connect, .notSent, "refused")
    private static let lost = RedisError(.connectionLost, .unknown, "lost")
    private static let tooLate = "no connection was made within the time for it"

    /// Every pause is the longest that can be drawn.
    private struct Bench {
        var machine = ReconnectMachine(limits: ReconnectMachine.Limits())
        var now = ReconnectMachineMatrixTests.start

        mutating func happen(_ event: Event) -> String {
            switch event {
            case .tick: return tick()
            case .tickLater:
                now = now + .seconds(5)
                return tick()
            case .close:
                machine.close()
                return ""
            case .opened(let attempt): return "\(machine.opened(number(attempt), now: now))"
            case .failed(let attempt):
                return "\(machine.failed(number(attempt), refused, now: now, draw: .max))"
            case .lost(let attempt): return "\(machine.lost(number(attempt), lost, now: now, draw: .max))"
            }
        }
        private mutating func tick() -> String {
            switch machine.tick(now: now, draw: .max) {
            case .none: ""
            case .connect(let attempt): "connect \(attempt)"
            case .gaveUp: "gave up"
            }
        }
        private func number(_ attempt: Attempt) -> UInt64 {
            switch attempt {
            case .present: machine.generation
            case .earlier: machine.generation &- 1
            case .never: machine.generation + 1
            }
        }
        var outcome: Outcome {
            let phase: Phase =
                switch machine.phase {
                case .resting(let until): .resting(until: until)
                case .connecting(let deadline): .connecting(deadline: deadline)
                case .open(let since): .open(since: since)
                case .closed: .closed
                }
            return Outcome(
                phase: phase, failures: machine.failures, generation: machine.generation,
                failure: machine.failure?.reason)
        }
    }

    private static func bench(_ state: State) -> Bench {
        let way: [Event] =
            switch state {
            case .resting: []
            case .connecting: [.tick]
            case .failing, .retrying, .reopened: [.tick, .failed(.present)]
            case .fresh, .stable: [.tick, .opened(.present)]
            case .closed: [.tick, .close]
            }
        var bench = Bench()
        for event in way { _ = bench.happen(event) }
        if state == .stable { bench.now = start + .seconds(1) }
        guard state == .retrying || state == .reopened else { return bench }
        bench.now = second
        _ = bench.happen(.tick)
        if state == .reopened { _ = bench.happen(.opened(.present)) }
        return bench
    }

    @Test("has its effect and no other", arguments: State.allCases)
    func pair(state: State) {
        for event in Event.all {
            var bench = Self.bench(state)
            #expect(bench.outcome == Self.before(state), "the set-up of \(state)")
            let result = bench.happen(event)
            var outcome = bench.outcome
            outcome.result = result
            let comment: Comment = "\(event) when \(state)"
            #expect(outcome == Self.expected(event, state), comment)
            let (isOpen, isClosed, alarm): (Bool, Bool, Instant?) =
                switch outcome.phase {
                case .resting(let moment), .connecting(let moment): (false, false, moment)
                case .open: (true, false, nil)
                case .closed: (false, true, nil)
                }
            let machine = bench.machine
            #expect(machine.isOpen == isOpen && machine.isClosed == isClosed && machine.alarm == alarm, comment)
            #expect(machine.isFailing == (!isOpen && outcome.failures > 0), comment)
        }
    }

    private static func before(_ state: State) -> Outcome {
        switch state {
        case .resting: Outcome(phase: .resting(until: Instant(nanoseconds: .min)))
        case .connecting: Outcome(phase: .connecting(deadline: start + .seconds(5)), generation: 1)
        case .failing: Outcome(phase: .resting(until: second), failures: 1, generation: 1, failure: "refused")
        case .retrying:
            Outcome(
                phase: .connecting(deadline: second + .seconds(5)), failures: 1, generation: 2, failure: "refused")
        case .fresh, .stable: Outcome(phase: .open(since: start), generation: 1)
        case .reopened: Outcome(phase: .open(since: second), failures: 1, generation: 2, failure: "refused")
        case .closed: Outcome(phase: .closed, generation: 1)
        }
    }

    private static func expected(_ event: Event, _ state: State) -> Outcome {
        var next = before(state)
        switch event {
        case .tick, .tickLater: pass(event, state, &next)
        case .close: next.phase = .closed
        case .opened(.earlier), .opened(.never), .failed(.earlier), .failed(.never), .lost(.earlier), .lost(.never):
            next.result = "false"
        case .opened(.present):
            switch state {
            case .connecting: (next.phase, next.result) = (.open(since: start), "true")
            case .retrying: (next.phase, next.result) = (.open(since: second), "true")
            case .resting, .failing, .fresh, .stable, .reopened, .closed: next.result = "false"
            }
        case .failed(.present):
            (next.failure, next.result) = ("refused", "true")
            switch state {
            // 50 ms, doubled by each failure.
            case .connecting: (next.phase, next.failures) = (.resting(until: start + .milliseconds(100)), 1)
            case .retrying: (next.phase, next.failures) = (.resting(until: second + .milliseconds(200)), 2)
            case .resting, .failing, .fresh, .stable, .reopened, .closed:
                next = before(state)
                next.result = "false"
            }
        case .lost(.present):
            (next.failure, next.result) = ("lost", "true")
            switch state {
            case .fresh: (next.phase, next.failures) = (.resting(until: start + .milliseconds(50)), 1)
            case .stable: next.phase = .resting(until: start + .milliseconds(1_050))
            case .reopened: (next.phase, next.failures) = (.resting(until: second + .milliseconds(100)), 2)
            case .resting, .connecting, .failing, .retrying, .closed:
                next = before(state)
                next.result = "false"
            }
        }
        return next
    }

    private static func pass(_ event: Event, _ state: State, _ next: inout Outcome) {
        var isLater = false
        if case .tickLater = event { isLater = true }
        let now = isLater ? start + .seconds(5) : start
        switch state {
        case .resting:
            next = Outcome(phase: .connecting(deadline: now + .seconds(5)), generation: 1, result: "connect 1")
        case .failing where isLater:
            (next.phase, next.generation) = (.connecting(deadline: now + .seconds(5)), 2)
            next.result = "connect 2"
        case .connecting where isLater:
            next = Outcome(
                phase: .resting(until: now + .milliseconds(100)), failures: 1, generation: 1, failure: tooLate,
                result: "gave up")
        case .retrying where isLater:
            next = Outcome(
                phase: .resting(until: second + .milliseconds(5_200)), failures: 2, generation: 2, failure: tooLate,
                result: "gave up")
        case .connecting, .failing, .retrying, .fresh, .stable, .reopened, .closed: break
        }
    }
}
