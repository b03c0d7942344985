import CircuitBreaking
import Determinism
import Testing

/// Every event in every state under every mode: what belongs there has its effect, what does not is counted as such,
/// and nothing traps. The expectations are written down here by hand, from the documentation, not from the machine.
@Suite("Every event in every state")
struct EventMatrixTests {
    /// A ticket, by what it is in the state that the event meets.
    enum Ticket: CaseIterable { case present, older, bystander, olderProbe, expiredProbe }
    enum Event: Hashable, CustomStringConvertible {
        case admit, observe, open, openFor, close, tryNow
        case setMode(CircuitMode)
        case record(Ticket, CallOutcome)
        case release(Ticket)

        static let all: [Self] =
            [.admit, .observe, .open, .openFor, .close, .tryNow] + CircuitMode.allCases.map { .setMode($0) }
            + Ticket.allCases.flatMap { ticket in
                [.release(ticket)]
                    + [.success, .failure(), .ignored].map { (outcome: CallOutcome) in .record(ticket, outcome) }
            }
        var description: String {
            switch self {
            case .admit: "admit"
            case .observe: "observe"
            case .open: "open"
            case .openFor: "openFor"
            case .close: "close"
            case .tryNow: "tryNow"
            case .setMode(let mode): "setMode \(mode)"
            case .record(let ticket, let outcome): "record \(ticket) \(outcome)"
            case .release(let ticket): "release \(ticket)"
            }
        }
    }
    /// What an event comes to. A missing state means: the one that was.
    struct Effect: Equatable {
        var state: CircuitState?
        var mode: CircuitMode?
        var standing: CallStanding?
        var totals: [String] = []
        var generations: UInt64 = 0
        var admits: String?
    }

    /// One failure opens; two probes, of which one that fails opens.
    private func bench() -> MachineBench {
        MachineBench {
            $0.consecutiveFailures = 1
            $0.halfOpen = HalfOpenRule(permits: 2, percent: 50, deadline: .seconds(10))
            $0.wait = .constant(.seconds(60))
        }
    }

    /// A machine in that mode and state, and the tickets that there can be.
    private func setUp(_ mode: CircuitMode, _ state: CircuitState) throws -> (MachineBench, [Ticket: CallTicket]) {
        let bench = bench()
        var tickets: [Ticket: CallTicket] = [:]
        bench.setMode(.disabled)
        tickets[.bystander] = try bench.begin()
        bench.setMode(.automatic)
        tickets[.older] = try bench.begin()
        bench.open()
        bench.tryNow()
        tickets[.olderProbe] = try bench.begin()
        bench.close()
        bench.setMode(mode)
        if state != .closed { bench.open() }
        if state == .halfOpen { bench.tryNow() }
        guard mode == .automatic || mode == .observing, state != .open else { return (bench, tickets) }
        // One that runs: in the half-open state a probe, whose deadline passes when the event wants that.
        tickets[.present] = try bench.begin()
        if state == .halfOpen { tickets[.expiredProbe] = tickets[.present] }
        return (bench, tickets)
    }

    private func happen(_ event: Event, _ bench: MachineBench, _ tickets: [Ticket: CallTicket]) -> Effect? {
        var effect = Effect()
        switch event {
        case .admit:
            switch bench.admission() {
            case .admitted(let ticket): effect.admits = ticket.isProbe ? "probe" : "call"
            case .rejected(let rejection): effect.admits = "rejected: \(rejection.reason)"
            }
        case .observe: bench.observe()
        case .open: bench.open()
        case .openFor: bench.open(for: .seconds(5))
        case .close: bench.close()
        case .tryNow: bench.tryNow()
        case .setMode(let mode): bench.setMode(mode)
        case .record(let kind, let outcome):
            guard let ticket = tickets[kind] else { return nil }
            if kind == .expiredProbe { bench.pass(.seconds(10)) }
            effect.standing = bench.record(ticket, outcome)
        case .release(let kind):
            guard let ticket = tickets[kind] else { return nil }
            if kind == .expiredProbe { bench.pass(.seconds(10)) }
            bench.release(ticket)
        }
        return effect
    }

    @Test(arguments: CircuitMode.allCases, CircuitState.allCases)
    func hasItsEffectAndNoOther(mode: CircuitMode, state: CircuitState) throws {
        var met = 0
        for event in Event.all {
            let (bench, tickets) = try setUp(mode, state)
            #expect(bench.mode == mode && bench.state == state, "the set-up")
            let before = (totals: bench.totals, generation: bench.generation, changes: bench.changes.count)
            guard var effect = happen(event, bench, tickets) else { continue }
            met += 1
            effect.state = bench.state
            effect.mode = bench.mode
            effect.generations = bench.generation - before.generation
            effect.totals = bench.totals.differences(from: before.totals)
            var expected = Self.expected(event, mode, state)
            expected.state = expected.state ?? state
            expected.mode = expected.mode ?? mode
            #expect(effect == expected, "\(event) when \(mode) and \(state)")
            #expect(bench.changes.count - before.changes == Int(expected.generations), "changes are told")
            if expected.generations > 0, let change = bench.changes.last {
                #expect(change.from == state && change.to == expected.state && change.mode == expected.mode)
                #expect(change.generation == bench.generation && change.at == bench.now)
                #expect((change.retryAt != nil) == (change.to == .open))
            }
        }
        // Those that need a ticket which this state cannot have do not happen in it.
        let all = Event.all.count
        let decides = mode == .automatic || mode == .observing
        #expect(met == (!decides || state == .open ? all - 8 : state == .closed ? all - 4 : all))
    }

    /// What is to be expected, by the documentation.
    private static func expected(_ event: Event, _ mode: CircuitMode, _ state: CircuitState) -> Effect {
        switch event {
        case .admit: return expectedOfAdmission(mode, state)
        case .observe: return Effect()
        case .open, .openFor: return Effect(state: .open, totals: ["openings"], generations: 1)
        case .close: return Effect(state: .closed, generations: 1)
        case .tryNow: return state == .open ? Effect(state: .halfOpen, generations: 1) : Effect()
        case .setMode(let next):
            return next == mode ? Effect() : Effect(state: .closed, mode: next, generations: 1)
        case .record(let ticket, let outcome):
            return expectedOfOutcome(ticket, outcome, state)
        case .release(let ticket):
            var effect = expectedOfOutcome(ticket, .ignored, state)
            effect.standing = nil
            effect.totals = (effect.totals + ["dropped"]).sorted()
            return effect
        }
    }

    private static func expectedOfAdmission(_ mode: CircuitMode, _ state: CircuitState) -> Effect {
        switch (mode, state) {
        case (.disabled, _): Effect(admits: "call")
        case (.forcedOpen, _): Effect(totals: ["rejections"], admits: "rejected: forcedOpen")
        case (_, .closed): Effect(admits: "call")
        case (_, .halfOpen): Effect(admits: "probe")
        case (.automatic, .open): Effect(totals: ["rejections"], admits: "rejected: open")
        case (.observing, .open): Effect(totals: ["wouldHaveRejected"], admits: "call")
        }
    }

    private static func expectedOfOutcome(_ ticket: Ticket, _ outcome: CallOutcome, _ state: CircuitState) -> Effect {
        let total =
            switch outcome {
            case .success: "successes"
            case .failure: "failures"
            case .ignored: "ignored"
            }
        switch ticket {
        case .bystander:
            return Effect(standing: outcome == .ignored ? .ignored : .counted, totals: [total])
        case .older, .olderProbe:
            return Effect(standing: .stale, totals: [total, "stale"].sorted())
        case .expiredProbe:
            return Effect(
                state: .open, standing: .stale, totals: [total, "expiredProbes", "openings", "stale"].sorted(),
                generations: 1)
        case .present:
            switch outcome {
            case .success: return Effect(standing: .counted, totals: [total])
            case .failure:
                return Effect(state: .open, standing: .counted, totals: [total, "openings"], generations: 1)
            case .ignored: return Effect(standing: .ignored, totals: [total])
            }
        }
    }
}

extension CircuitTotals {
    /// The names of those that are one more than in `other`, sorted; another difference shows with its number.
    func differences(from other: Self) -> [String] {
        let named: [(String, KeyPath<Self, UInt64>)] = [
            ("successes", \.successes), ("failures", \.failures), ("ignored", \.ignored), ("slow", \.slow),
            ("overdue", \.overdue), ("rejections", \.rejections), ("wouldHaveRejected", \.wouldHaveRejected),
            ("stale", \.stale), ("dropped", \.dropped), ("expiredProbes", \.expiredProbes),
            ("openings", \.openings), ("timeouts", \.timeouts),
        ]
        return named.compactMap { name, path in
            let difference = Int64(self[keyPath: path]) - Int64(other[keyPath: path])
            return difference == 0 ? nil : difference == 1 ? name : "\(name) \(difference)"
        }.sorted()
    }
}
