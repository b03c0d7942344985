import Determinism
import Testing

@testable import RedisDriver

/// Every event in every state of a subscription to two channels. The expectations are written down by hand; an event,
/// an action or a phase of the connection that is added does not compile before they say what it comes to.
@Suite("The subscription's machine: every event in every state")
struct SubscriptionMachineMatrixTests {
    enum State: CaseIterable {
        case resting, connecting
        /// The first attempt failed, and the pause is not over.
        case failing
        /// Asked for, with nothing confirmed, and with one of the two.
        case asked, halfConfirmed
        case inForce
        /// In force, silent, and asked whether it is there.
        case probed
        /// It was in force, and has no connection; it is being made; one of the two is confirmed on it.
        case lost, reconnecting, halfConfirmedAgain
        case closed

        var wasInForce: Bool {
            switch self {
            case .resting, .connecting, .failing, .asked, .halfConfirmed: false
            case .inForce, .probed, .lost, .reconnecting, .halfConfirmedAgain, .closed: true
            }
        }
    }
    enum Event: CaseIterable {
        /// Time passes: none, as long as an attempt may take, or until the server is asked.
        case tick, tickAtTimeout, tickAtInterval
        case opened, openedEarlier, failed, failedHopelessly, failedEarlier, lost, lostEarlier, close
        /// A part of something came, a second later.
        case heard
        case message, patternMessage, subscribed, patternSubscribed, pong
        case refusal, number, emptyArray, arrayOfNumbers, unknownKind, shortMessage, shortPatternMessage
    }
    enum Link { case resting, connecting, open, closed }
    struct Outcome: Equatable {
        var link: Link
        var alarm: Instant?
        var isInForce = false
        var action = ""
    }

    @Test("has its effect and no other", arguments: State.allCases, [false, true])
    func pair(state: State, failsWhenUnreachable: Bool) {
        for event in Event.allCases {
            var scene = SubscriptionScene(state, failsWhenUnreachable)
            #expect(scene.outcome() == Self.before(state), "the set-up of \(state)")
            let outcome = scene.happen(event)
            #expect(outcome == Self.expected(event, state, failsWhenUnreachable), "\(event) when \(state)")
            #expect((scene.machine.closure != nil) == (outcome.link == .closed), "\(event) when \(state)")
        }
    }

    /// Whatever came before, nothing has an effect after the end.
    @Test("leads to an end", arguments: State.allCases, [false, true])
    func everythingEnds(state: State, failsWhenUnreachable: Bool) {
        for first in Event.allCases {
            var scene = SubscriptionScene(state, failsWhenUnreachable)
            _ = scene.happen(first)
            _ = scene.happen(.close)
            for second in Event.allCases {
                let outcome = scene.happen(second)
                #expect(outcome == Outcome(link: .closed), "\(second) after \(first) when \(state)")
            }
        }
    }
}

/// A machine in a state, whose pauses are the longest that can be drawn.
struct SubscriptionScene {
    typealias Event = SubscriptionMachineMatrixTests.Event
    typealias State = SubscriptionMachineMatrixTests.State
    typealias Outcome = SubscriptionMachineMatrixTests.Outcome

    static let start = Instant(nanoseconds: 1_000_000_000)
    var machine: SubscriptionMachine
    private var now = Self.start

    init(_ state: State, _ failsWhenUnreachable: Bool) {
        machine = SubscriptionMachine(
            channelCount: 2, probeInterval: .seconds(10), failsWhenUnreachable: failsWhenUnreachable,
            confirmation: Self.start + .seconds(8), link: ReconnectMachine.Limits())
        let inForce: [Event] = [.tick, .opened, .subscribed, .patternSubscribed]
        switch state {
        case .resting: break
        case .connecting: pass(along: [.tick])
        case .failing: pass(along: [.tick, .failed])
        case .asked: pass(along: [.tick, .opened])
        case .halfConfirmed: pass(along: [.tick, .opened, .subscribed])
        case .inForce: pass(along: inForce)
        case .probed: pass(along: inForce + [.tickAtInterval])
        case .lost: pass(along: inForce + [.lost])
        case .reconnecting, .halfConfirmedAgain:
            pass(along: inForce + [.lost])
            now = now + .milliseconds(50)
            pass(along: state == .reconnecting ? [.tick] : [.tick, .opened, .subscribed])
        case .closed: pass(along: inForce + [.close])
        }
    }

    private mutating func pass(along way: [Event]) { for event in way { _ = happen(event) } }

    /// What there is, without an event.
    func outcome() -> Outcome {
        let link: SubscriptionMachineMatrixTests.Link =
            switch machine.link.phase {
            case .resting: .resting
            case .connecting: .connecting
            case .open: .open
            case .closed: .closed
            }
        return Outcome(link: link, alarm: machine.alarm, isInForce: machine.isInForce)
    }

    mutating func happen(_ event: Event) -> Outcome {
        let action =
            switch carryOut(event) {
            case .none: ""
            case .connect(let attempt): "connect \(attempt)"
            case .subscribe: "subscribe"
            case .probe: "probe"
            case .confirmed(let isFirst): isFirst ? "confirmed" : "confirmed again"
            case .message(let message): "\(message.channel), \(message.pattern ?? "no pattern"): \(message.text)"
            case .drop(let error): "drop: \(error.code)"
            case .giveUp(let error): "give up: \(error.code)"
            }
        var outcome = outcome()
        outcome.action = action
        return outcome
    }

    private mutating func carryOut(_ event: Event) -> SubscriptionMachine.Action {
        let generation = machine.link.generation
        switch event {
        case .tick: return tick(after: .zero)
        case .tickAtTimeout: return tick(after: .seconds(5))
        case .tickAtInterval: return tick(after: .seconds(10))
        case .opened: return machine.opened(generation, now: now)
        case .openedEarlier: return machine.opened(generation &- 1, now: now)
        case .failed: return fail(generation)
        case .failedHopelessly: return fail(generation, server: RedisServerError(message: "WRONGPASS no"))
        case .failedEarlier: return fail(generation &- 1)
        case .lost: lose(generation)
        case .lostEarlier: lose(generation &- 1)
        case .close: machine.close(RedisError(.closed, .unknown, "closed"))
        case .heard: machine.heard(now: now + .seconds(1))
        case .message: return receive("message", "a", "hello")
        case .patternMessage: return receive("pmessage", "b*", "bc", "hello")
        case .subscribed: return receive("subscribe", "a", "1")
        case .patternSubscribed: return receive("psubscribe", "b*", "2")
        case .pong: return receive("pong", "")
        case .refusal: return machine.receive(.error(RedisServerError(message: "NOPERM no")), now: now)
        case .number: return machine.receive(.integer(1), now: now)
        case .emptyArray: return receive()
        case .arrayOfNumbers: return machine.receive(.array([.integer(1)]), now: now)
        case .unknownKind: return receive("unsubscribe", "a", "1")
        case .shortMessage: return receive("message", "a")
        case .shortPatternMessage: return receive("pmessage", "b*", "bc")
        }
        return .none
    }

    private mutating func tick(after time: Duration) -> SubscriptionMachine.Action {
        now = now + time
        return machine.tick(now: now, draw: .max)
    }
    private mutating func fail(_ attempt: UInt64, server: RedisServerError? = nil) -> SubscriptionMachine.Action {
        machine.failed(attempt, RedisError(.connect, .notSent, "refused", server: server), now: now, draw: .max)
    }
    private mutating func lose(_ connection: UInt64) {
        machine.lost(connection, RedisError(.connectionLost, .unknown, "lost"), now: now, draw: .max)
    }
    private mutating func receive(_ parts: String...) -> SubscriptionMachine.Action {
        machine.receive(.array(parts.map { .bulk(Array($0.utf8)) }), now: now)
    }
}

// MARK: what is to be expected

extension SubscriptionMachineMatrixTests {
    private static func at(_ milliseconds: Int) -> Instant {
        SubscriptionScene.start + .milliseconds(milliseconds)
    }

    private static func before(_ state: State) -> Outcome {
        switch state {
        case .resting: Outcome(link: .resting, alarm: Instant(nanoseconds: .min))
        case .connecting: Outcome(link: .connecting, alarm: at(5_000))
        case .failing: Outcome(link: .resting, alarm: at(100))
        // The confirmation's time ends before the server is asked.
        case .asked, .halfConfirmed: Outcome(link: .open, alarm: at(8_000))
        case .inForce: Outcome(link: .open, alarm: at(10_000), isInForce: true)
        case .probed: Outcome(link: .open, alarm: at(20_000), isInForce: true)
        case .lost: Outcome(link: .resting, alarm: at(50))
        case .reconnecting: Outcome(link: .connecting, alarm: at(5_050))
        case .halfConfirmedAgain: Outcome(link: .open, alarm: at(10_050))
        case .closed: Outcome(link: .closed)
        }
    }

    private static func expected(_ event: Event, _ state: State, _ failsWhenUnreachable: Bool) -> Outcome {
        var next = before(state)
        switch event {
        case .tick, .tickAtTimeout, .tickAtInterval: return ticked(event, state, failsWhenUnreachable)
        case .opened:
            switch state {
            case .connecting: return Outcome(link: .open, alarm: at(8_000), action: "subscribe")
            case .reconnecting: return Outcome(link: .open, alarm: at(10_050), action: "subscribe")
            case .resting, .failing, .asked, .halfConfirmed, .inForce, .probed, .lost, .halfConfirmedAgain, .closed:
                break
            }
        case .failed, .failedHopelessly:
            let isGivenUp = failsWhenUnreachable || event == .failedHopelessly
            switch state {
            case .connecting:
                return Outcome(link: .resting, alarm: at(100), action: isGivenUp ? "give up: connect" : "")
            // The loss of a connection that did not last counts as a failure too.
            case .reconnecting: return Outcome(link: .resting, alarm: at(250))
            case .resting, .failing, .asked, .halfConfirmed, .inForce, .probed, .lost, .halfConfirmedAgain, .closed:
                break
            }
        case .lost:
            switch state {
            case .asked, .halfConfirmed, .inForce: return Outcome(link: .resting, alarm: at(50))
            case .probed: return Outcome(link: .resting, alarm: at(10_050))
            case .halfConfirmedAgain: return Outcome(link: .resting, alarm: at(150))
            case .resting, .connecting, .failing, .lost, .reconnecting, .closed: break
            }
        case .close: return Outcome(link: .closed)
        case .heard:
            switch state {
            case .inForce: next.alarm = at(11_000)
            // What was asked is not answered by that; but from then on it is silent.
            case .probed: next.alarm = at(31_000)
            case .halfConfirmedAgain: next.alarm = at(11_050)
            case .resting, .connecting, .failing, .asked, .halfConfirmed, .lost, .reconnecting, .closed: break
            }
        case .message, .patternMessage, .subscribed, .patternSubscribed, .pong, .refusal, .number, .emptyArray,
            .arrayOfNumbers, .unknownKind, .shortMessage, .shortPatternMessage:
            return received(event, state)
        case .openedEarlier, .failedEarlier, .lostEarlier: break
        }
        return next
    }

    private static func ticked(_ event: Event, _ state: State, _ failsWhenUnreachable: Bool) -> Outcome {
        var next = before(state)
        switch (event, state) {
        case (.tickAtInterval, _) where !state.wasInForce: next.action = "give up: timeout"
        case (.tick, .resting): next = Outcome(link: .connecting, alarm: at(5_000), action: "connect 1")
        case (.tickAtTimeout, .resting): next = Outcome(link: .connecting, alarm: at(8_000), action: "connect 1")
        case (.tickAtTimeout, .failing): next = Outcome(link: .connecting, alarm: at(8_000), action: "connect 2")
        case (.tickAtTimeout, .connecting):
            next = Outcome(link: .resting, alarm: at(5_100), action: failsWhenUnreachable ? "give up: connect" : "")
        case (.tickAtTimeout, .lost): next = Outcome(link: .connecting, alarm: at(10_000), action: "connect 2")
        case (.tickAtInterval, .lost): next = Outcome(link: .connecting, alarm: at(15_000), action: "connect 2")
        case (.tickAtTimeout, .reconnecting): next = Outcome(link: .resting, alarm: at(5_250))
        case (.tickAtInterval, .reconnecting): next = Outcome(link: .resting, alarm: at(10_250))
        case (.tickAtInterval, .inForce): (next.alarm, next.action) = (at(20_000), "probe")
        case (.tickAtInterval, .probed): next.action = "drop: connectionLost"
        case (.tickAtInterval, .halfConfirmedAgain): (next.alarm, next.action) = (at(20_050), "probe")
        default: break
        }
        return next
    }

    private static func received(_ event: Event, _ state: State) -> Outcome {
        // Whatever comes says that the server is there; where the alarm is that of the silence, it is the one before.
        var next = before(state)
        guard next.link == .open else { return next }
        switch event {
        case .message: next.action = "a, no pattern: hello"
        case .patternMessage: next.action = "bc, b*: hello"
        case .pong: break
        case .refusal: next.action = state.wasInForce ? "drop: server" : "give up: server"
        case .subscribed, .patternSubscribed:
            switch state {
            case .halfConfirmed: next = Outcome(link: .open, alarm: at(10_000), isInForce: true, action: "confirmed")
            case .halfConfirmedAgain: (next.isInForce, next.action) = (true, "confirmed again")
            case .inForce, .probed: next.action = "drop: protocolViolation"
            case .asked, .resting, .connecting, .failing, .lost, .reconnecting, .closed: break
            }
        default: next.action = "drop: protocolViolation"
        }
        return next
    }
}
