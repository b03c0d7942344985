import Determinism
import Testing

@testable import RateLimiting

/// Every event in every state of a table with room for two keys. What is owed is found out with copies; the
/// expectations are written down by hand.
@Suite("The table of debts: every event in every state")
struct DebtTableMatrixTests {
    enum State: CaseIterable {
        case empty
        /// One key owes five tokens, or did, and they have drained.
        case owing, drained
        /// Two keys owe five tokens each, or did.
        case full, fullDrained
        /// Two keys owe nothing any more, but it was looked for such keys a moment ago.
        case justSwept

        var hasDrained: Bool {
            switch self {
            case .drained, .fullDrained, .justSwept: true
            case .empty, .owing, .full: false
            }
        }
        /// A third key finds room.
        var hasRoom: Bool {
            switch self {
            case .empty, .owing, .drained, .fullDrained: true
            case .full, .justSwept: false
            }
        }
    }
    /// What concerns a key that may owe already, and one that does not.
    enum Event: CaseIterable {
        case add, addToStranger, addNothing, addLessThanNothing
        case take, takeStranger, takeNone, takeOne, takeAll
        case putBack, putBackStranger, putBackDrained
    }
    struct Outcome: Equatable {
        var owed: [Int64] = [0, 0, 0]
        /// How many keys are remembered, be it with nothing.
        var keys = 0
        var result = ""
    }

    private struct Bench {
        let limit: RateLimit
        var now = Instant(nanoseconds: 10_000_000_000)
        var table = DebtTable(limit: 2)

        /// Ten tokens drain in a second.
        init(_ state: State) throws {
            limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 10)
            if state == .empty { return }
            _ = add(5, "a")
            if state == .owing { return }
            if state != .drained { _ = add(5, "b") }
            if state == .justSwept {
                now = now + .milliseconds(450)
                _ = add(5, "c")
                now = now + .milliseconds(50)
            } else if state.hasDrained {
                now = now + .milliseconds(500)
            }
        }

        private func key(_ subject: String) -> LocalKey {
            let request = RateLimitRequest(.consume, RateLimitKey("t", subject), limit)
            return LocalKey(request, request.checks[0])
        }
        private mutating func add(_ tokens: Int64, _ subject: String) -> Bool {
            table.add(tokens, key(subject), limit, now: now)
        }
        private mutating func takeSome(_ most: Int) -> String {
            let loans = table.takeSome(most, now: now)
            return "\(loans.map(\.tokens))"
        }
        private mutating func putBack(_ tokens: Int64, _ subject: String, takenBefore age: Duration = .zero) -> String {
            var other = DebtTable(limit: 1)
            let taken = now + (.zero - age)
            _ = other.add(tokens, key(subject), limit, now: taken)
            return other.take(key(subject), now: taken).map { "\(table.putBack($0, now: now))" } ?? "no loan"
        }

        func outcome() -> Outcome {
            let owed = ["a", "b", "c"].map { subject in
                var copy = table
                return copy.take(key(subject), now: now)?.tokens ?? 0
            }
            return Outcome(owed: owed, keys: table.count)
        }

        mutating func happen(_ event: Event) -> String {
            switch event {
            case .add: "\(add(2, "a"))"
            case .addToStranger: "\(add(2, "c"))"
            case .addNothing: "\(add(0, "c"))"
            case .addLessThanNothing: "\(add(-3, "c"))"
            case .take: table.take(key("a"), now: now).map { "\($0.key.subject): \($0.tokens)" } ?? ""
            case .takeStranger: table.take(key("c"), now: now).map { "\($0.key.subject): \($0.tokens)" } ?? ""
            case .takeNone: takeSome(0)
            case .takeOne: takeSome(1)
            case .takeAll: takeSome(.max)
            case .putBack: putBack(5, "a")
            case .putBackStranger: putBack(4, "c")
            case .putBackDrained: putBack(5, "c", takenBefore: .milliseconds(500))
            }
        }
    }

    @Test("has its effect and no other", arguments: State.allCases)
    func pair(state: State) throws {
        for event in Event.allCases {
            var bench = try Bench(state)
            #expect(bench.outcome() == Self.before(state), "the set-up of \(state)")
            let result = bench.happen(event)
            var outcome = bench.outcome()
            outcome.result = result
            // Which of two is taken is up to the table.
            if event == .takeOne { outcome.owed.sort(by: >) }
            #expect(outcome == Self.expected(event, state), "\(event) when \(state)")
        }
    }

    /// A loan that came back after it had drained took a place, or was counted as one that was dropped for want of one.
    @Test func whatHasDrainedNeedsNoRoom() throws {
        var full = try Bench(.full)
        let result = full.happen(.putBackDrained)
        #expect(result == "true" && full.table.count == 2)
        var empty = try Bench(.empty)
        _ = empty.happen(.putBackDrained)
        #expect(empty.table.count == 0)
    }

    private static func before(_ state: State) -> Outcome {
        switch state {
        case .empty: Outcome()
        case .owing: Outcome(owed: [5, 0, 0], keys: 1)
        case .drained: Outcome(keys: 1)
        case .full: Outcome(owed: [5, 5, 0], keys: 2)
        case .fullDrained, .justSwept: Outcome(keys: 2)
        }
    }

    private static func expected(_ event: Event, _ state: State) -> Outcome {
        var next = before(state)
        switch event {
        case .add, .putBack:
            next.owed[0] += event == .add ? 2 : 5
            (next.keys, next.result) = (max(1, next.keys), "true")
        case .addToStranger, .putBackStranger:
            next.result = "\(state.hasRoom)"
            guard state.hasRoom else { break }
            next.owed[2] = event == .addToStranger ? 2 : 4
            // Those that owe nothing make room.
            next.keys = state == .fullDrained ? 1 : next.keys + 1
        case .addNothing, .addLessThanNothing, .putBackDrained: next.result = "true"
        case .take:
            if next.owed[0] > 0 { next.result = "a: 5" }
            (next.owed[0], next.keys) = (0, max(0, next.keys - 1))
        case .takeStranger: break
        case .takeNone: next.result = "[]"
        case .takeOne:
            next.result = next.owed[0] > 0 ? "[5]" : "[]"
            next.owed = state == .full ? [5, 0, 0] : [0, 0, 0]
            next.keys = max(0, next.keys - 1)
        case .takeAll:
            next.result = "\(next.owed.filter { $0 > 0 })"
            (next.owed, next.keys) = ([0, 0, 0], 0)
        }
        return next
    }
}
