import ConnectionPooling
import Determinism
import Testing

/// What callers, time, operators and the end do, in every state that a pool can be in: the effect that is documented
/// and no other. The expectations are written down by hand; an event or a state that is added does not compile before
/// they say what it comes to.
@Suite("The pool's machine: every event in every state")
struct PoolMatrixTests {
    typealias State = PoolScene.State
    typealias Event = PoolScene.Event
    typealias Outcome = PoolScene.Outcome

    @Test("has its effect and no other", arguments: State.allCases)
    func pair(state: State) throws {
        for event in Event.allCases {
            var scene = try PoolScene(state)
            #expect(scene.outcome() == Self.before(state), "the set-up of \(state)")
            let outcome = scene.happen(event)
            #expect(outcome == Self.expected(event, state), "\(event) when \(state)")
            let (machine, now) = (scene.bench.machine, scene.bench.now)
            #expect(machine.inconsistencies() == [], "\(event) when \(state)")
            // Never too late for whoever waits, and for the end.
            if outcome.waiting > 0 { #expect(machine.wakeUp <= now + .seconds(10), "\(event) when \(state)") }
            if outcome.phase == .draining { #expect(machine.wakeUp <= now + PoolScene.drain) }
        }
    }

    /// Two events in a row, then the end: nobody waits, nothing is left, and only the number of generations changes.
    /// Many short cases: a long one would keep the tests waiting that live by short turns.
    @Test("leads to an end", arguments: State.allCases, Event.allCases)
    func everythingEnds(state: State, first: Event) throws {
        for second in Event.allCases {
            var scene = try PoolScene(state)
            _ = scene.happen(first)
            _ = scene.happen(second)
            let closing = scene.bench.shutdown(within: .zero).closes
            for id in closing + (0..<4).map({ ConnectionID(slot: 0, number: $0) }) { _ = scene.bench.closed(id) }
            let comment: Comment = "\(first), \(second) when \(state)"
            let outcome = scene.outcome()
            #expect(outcome.phase == .finished && outcome.size == 0 && outcome.waiting == 0, comment)
            #expect(scene.bench.machine.inconsistencies() == [], comment)
            let late = scene.happen(first)
            #expect(late.actions == [], comment)
        }
    }

    // MARK: what is to be expected

    private static func before(_ state: State) -> Outcome {
        var next = Outcome()
        switch state.origin {
        case .empty, .unreachable, .finished: break
        case .connecting, .probing: (next.connecting, next.waiting) = (1, 1)
        case .unwanted: next.connecting = 1
        case .failing: next.waiting = 1
        case .idle, .stale: next.idle = 1
        case .validating: (next.validating, next.waiting) = (1, 1)
        case .leased: next.leased = 1
        case .queued: (next.leased, next.waiting) = (1, 1)
        case .full: (next.leased, next.waiting) = (1, 2)
        case .resetting: next.resetting = 1
        case .closing, .stopping: next.closing = 1
        case .evicted: (next.leased, next.generation) = (1, 1)
        case .drainingLeased, .drainingQueued, .drainingConnecting, .drainingFailing, .drainingClosing:
            Issue.record("it is made of another")
        }
        if state.isDraining { next.phase = .draining }
        if state == .stopping { next.phase = .stopping }
        if state == .finished { next.phase = .finished }
        next.hosts = ["a \(breaker(state)) \(next.size)"]
        return next
    }

    private static func breaker(_ state: State) -> BreakerState {
        state == .unreachable ? .open : state == .probing ? .probing : .closed
    }

    private static func expected(_ event: Event, _ state: State) -> Outcome {
        var next = before(state)
        switch event {
        case .lease, .leaseForAnother: lease(event, state, &next)
        case .leaseTooLate: next.result = "refused timedOut"
        case .leaseReady: if state == .idle { (next.idle, next.leased, next.result) = (0, 1, "granted") }
        case .returnedQuietly:
            // Only who is waited for by nobody, in a pool that goes on, of a connection that may be used again.
            next.result = "\(state == .leased)"
            if state == .leased { (next.idle, next.leased) = (1, 0) }
        case .cancel:
            guard next.waiting > 0 else { break }
            next.waiting -= 1
            next.actions = ["refuse 1 cancelled"]
            // It was all that the end waited for.
            if state == .drainingFailing { finish(&next) }
        case .cancelStranger, .evictOtherHost, .evictLaterGeneration, .evictEarlierGeneration, .replaceWithSame: break
        case .share: next.result = next.leased + next.waiting > 0 ? "1" : ""
        case .tick, .tickAfterPause, .tickAtDrainEnd, .tickAtDeadline, .tickAtIdleTimeout, .tickAtLifetime:
            pass(event, state, &next)
        case .evictAll, .evictHost, .evictGeneration:
            next.generation += 1
            closeIdle("evicted", &next)
        case .replaceWithOther, .replaceWithNone: return replace(event, state, next)
        case .shutdown: drain(state, &next)
        case .shutdownAtOnce: if state != .finished { stop("shutDown", &next) }
        }
        next.hosts = ["a \(breaker(state)) \(next.size)"]
        return next
    }

    private static func lease(_ event: Event, _ state: State, _ next: inout Outcome) {
        guard state.isRunning else {
            next.result = "refused shutDown"
            return
        }
        switch state {
        case .idle:
            (next.idle, next.leased, next.result) = (0, 1, "granted")
            return
        case .unreachable:
            next.result = "refused unavailable"
            return
        case .full where event == .lease:
            next.result = "refused queueFull"
            return
        // The youngest of the tenant that has more makes room.
        case .full: next.actions = ["refuse 2 queueFull"]
        case .empty: (next.connecting, next.actions, next.waiting) = (1, ["connect a"], 1)
        case .stale: (next.idle, next.validating, next.actions, next.waiting) = (0, 1, ["validate"], 1)
        default: next.waiting += 1
        }
        next.result = "waits"
    }

    private static func pass(_ event: Event, _ state: State, _ next: inout Outcome) {
        let (isDue, isLate, isOld) =
            switch event {
            case .tick, .tickAfterPause: (false, false, false)
            case .tickAtDrainEnd: (true, false, false)
            case .tickAtDeadline: (true, true, false)
            default: (true, true, true)
            }
        if isLate { refuseWaiting("timedOut", &next) }
        if state.isDraining, isDue {
            stop("shutDown", &next)
            return
        }
        if event != .tick, state.origin == .failing, next.waiting > 0 {
            (next.connecting, next.actions) = (1, ["connect a"])
        }
        guard isOld else { return }
        if next.leased > 0 { next.actions.append("leak") }
        closeIdle(event == .tickAtLifetime ? "lifetime" : "idle", &next)
    }

    private static func replace(_ event: Event, _ state: State, _ before: Outcome) -> Outcome {
        var next = before
        closeIdle("evicted", &next)
        if state.origin == .failing {
            if event == .replaceWithOther {
                (next.connecting, next.actions) = (1, ["connect b"])
                next.hosts = ["b closed 1"]
                return next
            }
            // Nothing is left that could come.
            refuseWaiting("unavailable", &next)
            if state.isDraining { finish(&next) }
        }
        // A host that is no longer named is there as long as a connection to it is.
        next.hosts = next.size > 0 ? ["a \(breaker(state)) 1 retired"] : []
        if event == .replaceWithOther { next.hosts.append("b closed 0") }
        return next
    }

    private static func drain(_ state: State, _ next: inout Outcome) {
        guard state.isRunning else { return }
        next.phase = .draining
        closeIdle("shutDown", &next)
        if next.size == 0, next.waiting == 0 { finish(&next) }
    }

    /// Who waits is refused, what is open is closed, and what is being opened has no place any more.
    private static func stop(_ reason: String, _ next: inout Outcome) {
        refuseWaiting(reason, &next)
        next.phase = .stopping
        next.connecting = 0
        if next.size > next.closing { next.actions.append("close shutDown") }
        next.closing = next.size
        (next.idle, next.validating, next.leased, next.resetting) = (0, 0, 0, 0)
        if next.size == 0 { finish(&next) }
    }

    private static func closeIdle(_ reason: String, _ next: inout Outcome) {
        guard next.idle > 0 else { return }
        (next.idle, next.closing) = (0, 1)
        next.actions.append("close \(reason)")
    }

    private static func refuseWaiting(_ reason: String, _ next: inout Outcome) {
        next.actions += (0..<next.waiting).map { "refuse \($0 + 1) \(reason)" }
        next.waiting = 0
    }

    private static func finish(_ next: inout Outcome) {
        next.phase = .finished
        next.actions.append("finish")
    }
}
