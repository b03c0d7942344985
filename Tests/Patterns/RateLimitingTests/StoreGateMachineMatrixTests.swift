import Determinism
import Testing

@testable import RateLimiting

/// Every event in every state of a gate that two failures in a row close for a second. What it does next is found out
/// with copies; the expectations are written down by hand.
@Suite("The gate of a store: every event in every state")
struct StoreGateMachineMatrixTests {
    enum State: CaseIterable {
        case open, failedOnce
        /// The pause runs, or is over and nobody came yet.
        case closed, rested
        /// One call finds out; or nothing was heard of it in time; or its caller gave up.
        case probing, overdue, abandoned
    }
    /// A permit of now, one from before the gate last closed, and one that was never given.
    enum Permit: CaseIterable { case present, earlier, unknown }
    enum Event {
        case admit
        case succeeded(Permit)
        case failed(Permit)
        case abandoned(Permit)

        static let all: [Self] =
            [.admit] + Permit.allCases.flatMap { [.succeeded($0), .failed($0), .abandoned($0)] }
    }
    /// What shows of a state.
    struct Standing: Equatable {
        /// How many failures close it; nil when it is not open.
        var failuresLeft: Int?
        /// When it is not open: in how long a call goes through, and whether the present one's success opens it.
        var wait: Duration?
        var opens = false
    }

    private struct Bench {
        var machine = StoreGateMachine(failures: 2, pause: .seconds(1))
        var now = Instant(nanoseconds: 0)
        var present: UInt64?
        var earlier: UInt64 = 0

        /// Closes it, and opens it again: so that there are permits from before.
        init(_ state: State) {
            closeByFailures()
            now = now + .seconds(1)
            if let probe = admit() { machine.succeeded(probe) }
            _ = admit()
            switch state {
            case .open: return
            case .failedOnce:
                if let present { machine.failed(present, now: now) }
                return
            case .closed, .rested, .probing, .overdue, .abandoned: closeByFailures()
            }
            if state == .closed { return }
            now = now + .seconds(1)
            if state == .rested { return }
            let probe = admit()
            if state == .overdue { now = now + .seconds(1) }
            if state == .abandoned, let probe { machine.abandoned(probe) }
        }

        private mutating func closeByFailures() {
            for _ in 0..<2 { if let permit = admit() { machine.failed(permit, now: now) } }
            (earlier, present) = (present ?? 0, nil)
        }
        mutating func admit() -> UInt64? {
            let permit = machine.admit(now: now)
            present = permit ?? present
            return permit
        }
        private func number(_ permit: Permit) -> UInt64? {
            switch permit {
            case .present: present
            case .earlier: earlier
            case .unknown: UInt64.max
            }
        }
        /// What was admitted; nil when there is no such permit.
        mutating func happen(_ event: Event) -> [UInt64]? {
            switch event {
            case .admit: return admit().map { [$0] } ?? []
            case .succeeded(let permit):
                guard let number = number(permit) else { return nil }
                machine.succeeded(number)
            case .failed(let permit):
                guard let number = number(permit) else { return nil }
                machine.failed(number, now: now)
            case .abandoned(let permit):
                guard let number = number(permit) else { return nil }
                machine.abandoned(number)
            }
            return []
        }

        var standing: Standing {
            var copy = machine
            if machine.isOpen {
                var failures = 0
                while copy.isOpen, failures < 10, let permit = copy.admit(now: now) {
                    copy.failed(permit, now: now)
                    failures += 1
                }
                return Standing(failuresLeft: failures)
            }
            if let present { copy.succeeded(present) }
            let wait = [Duration.zero, .nanoseconds(999_999_999), .seconds(1)].first { time in
                var later = machine
                return later.admit(now: now + time) != nil
            }
            return Standing(wait: wait, opens: copy.isOpen)
        }
    }

    @Test("has its effect and no other", arguments: State.allCases)
    func pair(state: State) {
        var met = 0
        for event in Event.all {
            var bench = Bench(state)
            #expect(bench.standing == Self.standing(state), "the set-up of \(state)")
            guard let admitted = bench.happen(event) else { continue }
            met += 1
            let (next, permits) = Self.expected(event, state)
            #expect(bench.standing == Self.standing(next), "\(event) when \(state)")
            #expect(admitted == permits, "\(event) when \(state)")
        }
        // While it is closed nobody has a permit of now.
        let all = Event.all.count
        #expect(met == (state == .closed || state == .rested ? all - 3 : all))
    }

    private static func standing(_ state: State) -> Standing {
        switch state {
        case .open: Standing(failuresLeft: 2)
        case .failedOnce: Standing(failuresLeft: 1)
        case .closed: Standing(wait: .seconds(1))
        case .rested: Standing(wait: .zero)
        case .probing: Standing(wait: .seconds(1), opens: true)
        // Whoever gave up, or was late, may still have the answer; until then somebody else finds out.
        case .overdue, .abandoned: Standing(wait: .zero, opens: true)
        }
    }

    /// The state that the pair leads to, and the permit that is given. Numbers begin at 0; each closing and each call
    /// that finds out has the next one.
    private static func expected(_ event: Event, _ state: State) -> (State, [UInt64]) {
        switch event {
        case .succeeded(.earlier), .succeeded(.unknown), .failed(.earlier), .failed(.unknown), .abandoned(.earlier),
            .abandoned(.unknown):
            return (state, [])
        case .admit:
            switch state {
            case .open, .failedOnce: return (state, [2])
            case .closed, .probing: return (state, [])
            case .rested: return (.probing, [4])
            case .overdue, .abandoned: return (.probing, [5])
            }
        case .succeeded(.present): return (.open, [])
        case .failed(.present):
            switch state {
            case .open: return (.failedOnce, [])
            case .failedOnce, .probing, .overdue: return (.closed, [])
            case .closed, .rested, .abandoned: return (state, [])
            }
        case .abandoned(.present):
            switch state {
            case .probing, .overdue: return (.abandoned, [])
            case .open, .failedOnce, .closed, .rested, .abandoned: return (state, [])
            }
        }
    }
}
