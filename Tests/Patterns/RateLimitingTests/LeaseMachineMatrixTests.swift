import Determinism
import Testing

@testable import RateLimiting

/// Every event in every state of a lease. The expectations are written down by hand. What only a trip can bring, and
/// what only tokens can be used for, happens where there is one, or are some: the table sees to that.
@Suite("The machine of a lease: every event in every state")
struct LeaseMachineMatrixTests {
    enum State: CaseIterable {
        /// Nothing is known, and with the store being asked for the first time.
        case cold, travelling
        /// Four tokens, and with their time over, and owed to the store since.
        case holding, expired, owing
        /// The store refused one token, or blocked the key at nine, and took the four away.
        case refused, blocked
        /// The store is asked for nine while four are here.
        case away
        /// It is asked, and gets the four back; something was changed there meanwhile; or it did not answer.
        case returning, voided, lost

        var isTravelling: Bool {
            switch self {
            case .travelling, .away, .returning, .voided: true
            case .cold, .holding, .expired, .owing, .refused, .blocked, .lost: false
            }
        }
        /// What the trip is for.
        var cost: Int64 { self == .away ? 9 : 1 }
        var hasLeased: Bool { self != .cold && self != .travelling && self != .refused }
    }
    enum Event: CaseIterable {
        case age, ageLater, changeToSame, change, changeFromAnew, waits, waitIsOver, trim
        case verdictOnTwo, verdictOnNine, useTwo, putBackTwo, putBackTwoOfBefore, depart
        /// The answer: with what was asked for, the cost alone, or nothing, or in vain.
        case granted, grantedScarcely, refused, blocked, neverAdmitted, refusedByAnother
        case failed, failedUnsent, invalidate, takeSurplus, takeLapsed

        func exists(in state: State) -> Bool {
            switch self {
            case .depart: !state.isTravelling
            case .granted, .grantedScarcely, .refused, .blocked, .neverAdmitted, .refusedByAnother: state.isTravelling
            case .useTwo: state == .holding || state == .away
            case .putBackTwo, .putBackTwoOfBefore: state.hasLeased
            case .age, .ageLater, .changeToSame, .change, .changeFromAnew, .waits, .waitIsOver, .trim, .verdictOnTwo,
                .verdictOnNine, .failed, .failedUnsent, .invalidate, .takeSurplus, .takeLapsed:
                true
            }
        }
    }
    struct Books: Equatable {
        var tokens: Int64 = 0
        var surplus: Int64 = 0
        var lapsed: Int64 = 0
        var slice: Int64 = 0
        /// What others want of the trip.
        var waiting: Int64 = 0
        var isTravelling = false
        var generation = 0
        /// What is said to two tokens, and to nine.
        var answers: [LeaseMachine.Answer] = [.travel, .travel]
        var result = ""
    }

    @Test("has its effect and no other", arguments: State.allCases)
    func pair(state: State) throws {
        for event in Event.allCases where event.exists(in: state) {
            var scene = try LeaseScene(state)
            #expect(scene.books() == Self.before(state), "the set-up of \(state)")
            let result = try scene.happen(event)
            var books = scene.books()
            books.result = result
            #expect(books == Self.expected(event, state), "\(event) when \(state)")
            let isIdle = !books.isTravelling && books.tokens == 0 && books.surplus == 0
            let saysNothing = scene.machine.saysNothing(now: scene.now)
            #expect(saysNothing == (isIdle && books.answers == [.travel, .travel]), "\(event) when \(state)")
        }
    }
}

/// A machine in a state, of a bucket that fills in ten seconds; a lease is for one, and a slice three tokens at most.
struct LeaseScene {
    typealias Event = LeaseMachineMatrixTests.Event
    typealias State = LeaseMachineMatrixTests.State

    private let bounds = LeaseMachine.Bounds(
        slice: 3, lifetime: .seconds(1), memory: .seconds(2), processes: 1)
    private let limit: RateLimit
    private let cost: Int64
    var machine: LeaseMachine
    var now = Instant(nanoseconds: 10_000_000_000)

    init(_ state: State) throws {
        limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 100)
        cost = state.cost
        machine = LeaseMachine(limit)
        if state == .cold { return }
        if !state.hasLeased {
            ask(1, others: 2)
            if state == .travelling { return }
            _ = arrive(.refused, 0, cost: 1)
            machine.waitIsOver(cost: 2)
            return
        }
        ask(1, others: 4)
        _ = arrive(.allowed, 5, cost: 1)
        machine.waitIsOver(cost: 4)
        switch state {
        case .cold, .travelling, .refused, .holding: return
        case .blocked, .away:
            ask(9, others: 2)
            if state == .away { return }
            _ = arrive(.blocked, 0, cost: 9)
            machine.waitIsOver(cost: 2)
        case .expired, .owing, .returning, .voided, .lost:
            now = now + .seconds(1)
            if state == .expired { return }
            machine.age(now: now)
            if state == .owing { return }
            ask(1, others: 2)
            if state == .voided { _ = machine.invalidate(now: now) }
            if state == .lost { machine.fail() }
        }
    }

    private mutating func ask(_ cost: Int64, others: Int64) {
        machine.waits(cost: others)
        _ = machine.depart(cost: cost, bounds: bounds, now: now)
    }

    private mutating func arrive(
        _ outcome: RateLimitOutcome, _ granted: Int64, cost: Int64, isAdmitted: Bool = true
    ) -> String {
        var reading = LimitReading(outcome: outcome)
        reading.granted = granted
        if outcome == .refused || outcome == .blocked { reading.wait = 500_000_000 }
        let verdict = RateLimitVerdict(limit, reading)
        let kept = machine.arrive(verdict, cost: cost, isAdmitted: isAdmitted, bounds: bounds, sent: now)
        return "keeps \(kept)"
    }

    func books() -> LeaseMachineMatrixTests.Books {
        var books = LeaseMachineMatrixTests.Books()
        (books.tokens, books.surplus, books.lapsed) = (machine.tokens, machine.surplus, machine.lapsed)
        (books.slice, books.waiting) = (machine.slice, machine.waitingCost)
        (books.isTravelling, books.generation) = (machine.isTravelling, machine.generation)
        books.answers = [machine.answer(cost: 2, now: now), machine.answer(cost: 9, now: now)]
        return books
    }

    /// - Returns: what it came to, in words.
    mutating func happen(_ event: Event) throws -> String {
        switch event {
        case .age: machine.age(now: now)
        case .ageLater:
            now = now + .seconds(2)
            machine.age(now: now)
        case .changeToSame: machine.change(to: limit)
        case .change: machine.change(to: try RateLimit.tokenBucket("a", capacity: 500, refill: 100))
        case .changeFromAnew:
            let algorithm = RateLimitAlgorithm.tokenBucket(capacity: 500, refill: 100, period: .seconds(1))
            machine.change(to: try RateLimit("a", algorithm, onChange: .reset))
        case .waits: machine.waits(cost: 3)
        case .waitIsOver: machine.waitIsOver(cost: 3)
        case .trim: machine.trim(bounds)
        case .verdictOnTwo: return verdict(2)
        case .verdictOnNine: return verdict(9)
        case .useTwo: machine.use(2)
        case .putBackTwo: machine.putBack(2, from: machine.generation)
        case .putBackTwoOfBefore: machine.putBack(2, from: machine.generation - 1)
        case .depart:
            let plan = machine.depart(cost: 2, bounds: bounds, now: now)
            return "asks for \(plan.upTo), returns \(plan.refund)"
        case .granted: return arrive(.allowed, cost + 2, cost: cost)
        case .grantedScarcely: return arrive(.allowed, cost, cost: cost)
        case .refused: return arrive(.refused, 0, cost: cost)
        case .blocked: return arrive(.blocked, 0, cost: cost)
        case .neverAdmitted: return arrive(.never, 0, cost: cost)
        case .refusedByAnother: return arrive(.allowed, cost + 2, cost: cost, isAdmitted: false)
        case .failed: machine.fail(mayHaveReturned: true)
        case .failedUnsent: machine.fail(mayHaveReturned: false)
        case .invalidate: return "returns \(machine.invalidate(now: now))"
        case .takeSurplus: return "returns \(machine.takeSurplus())"
        case .takeLapsed: return "lost \(machine.takeLapsed())"
        }
        return ""
    }

    private mutating func verdict(_ cost: Int64) -> String {
        machine.verdictAtOnce(limit, cost: cost, now: now).map { "\($0.source): \($0.outcome)" } ?? ""
    }
}

// MARK: what is to be expected

extension LeaseMachineMatrixTests {
    private static func before(_ state: State) -> Books {
        var books = Books()
        books.isTravelling = state.isTravelling
        books.waiting = state.isTravelling ? 2 : 0
        switch state {
        case .cold, .travelling, .returning: break
        case .holding: (books.tokens, books.answers) = (4, [.serve, .travel])
        case .expired: books.tokens = 4
        case .owing: books.surplus = 4
        case .refused: (books.slice, books.answers) = (1, [.refuse, .refuse])
        case .blocked: (books.surplus, books.slice, books.answers) = (4, 2, [.travel, .refuse])
        case .away: (books.tokens, books.slice, books.answers) = (4, 1, [.serve, .travel])
        case .voided: books.generation = 1
        case .lost: books.lapsed = 4
        }
        return books
    }

    private static func expected(_ event: Event, _ state: State) -> Books {
        var next = before(state)
        switch event {
        case .age: if state == .expired { next = before(.owing) }
        case .ageLater:
            (next.surplus, next.tokens) = (next.surplus + next.tokens, 0)
            next.answers = [.travel, .travel]
            // More than half of the lease was left.
            if state == .away { next.slice = 0 }
        case .changeToSame: break
        case .change, .changeFromAnew:
            let unused = next.surplus + next.tokens
            next.surplus = event == .change ? unused : 0
            if event == .changeFromAnew { next.lapsed += unused }
            (next.tokens, next.slice, next.generation) = (0, 0, next.generation + 1)
            next.answers = [.travel, .travel]
        case .waits: next.waiting += 3
        case .waitIsOver: next.waiting = 0
        case .trim: if state == .holding || state == .expired { (next.tokens, next.surplus) = (3, 1) }
        case .verdictOnTwo:
            if state == .holding || state == .away { (next.tokens, next.result) = (2, "lease: allowed") }
            if state == .refused { next.result = "rememberedRefusal: refused" }
        case .verdictOnNine:
            if state == .refused { next.result = "rememberedRefusal: refused" }
            if state == .blocked { next.result = "rememberedRefusal: blocked" }
        case .useTwo: next.tokens -= 2
        case .putBackTwo:
            next.tokens += 2
            // They were charged before the block.
            if state == .blocked { next.answers = [.serve, .refuse] }
        case .putBackTwoOfBefore: next.lapsed += 2
        case .depart: depart(state, &next)
        case .granted, .grantedScarcely, .refused, .blocked, .neverAdmitted, .refusedByAnother:
            next.isTravelling = false
            next.result = event == .granted ? "keeps 2" : "keeps 0"
            if state == .voided {
                if event == .granted { next.lapsed = 2 }
            } else {
                arrive(event, state, &next)
            }
        case .failed, .failedUnsent:
            (next.isTravelling, next.waiting) = (false, 0)
            // What was voided meanwhile is of no worth there, sent or not.
            if state == .voided || state == .returning && event == .failed { next.lapsed = 4 }
            if state == .returning, event == .failedUnsent { next.surplus = 4 }
        case .invalidate:
            next.result = "returns \(next.tokens + next.surplus)"
            (next.tokens, next.surplus, next.generation) = (0, 0, next.generation + 1)
            next.answers = [.travel, .travel]
        case .takeSurplus: (next.surplus, next.result) = (0, "returns \(next.surplus)")
        case .takeLapsed: (next.lapsed, next.result) = (0, "lost \(next.lapsed)")
        }
        return next
    }

    /// A slice begins with nothing, and grows where the last one is used up, or is refused, soon.
    private static func depart(_ state: State, _ next: inout Books) {
        next.isTravelling = true
        switch state {
        case .cold, .expired, .lost: next.result = "asks for 2, returns 0"
        case .holding: (next.slice, next.result) = (1, "asks for 2, returns 0")
        case .owing: (next.surplus, next.result) = (0, "asks for 2, returns 4")
        case .refused: (next.slice, next.result) = (1, "asks for 3, returns 0")
        case .blocked: (next.surplus, next.slice, next.result) = (0, 3, "asks for 5, returns 4")
        case .travelling, .away, .returning, .voided: Issue.record("it is asked already")
        }
    }

    private static func arrive(_ event: Event, _ state: State, _ next: inout Books) {
        let isAway = state == .away
        switch event {
        case .granted:
            next.tokens += 2
            next.answers = [.serve, .travel]
        // Less than a quarter of a slice: it uses what is here, and holds back.
        case .grantedScarcely: if isAway { next.answers = [.serve, .refuse] }
        case .refused:
            next.slice = isAway ? 2 : 1
            next.answers = isAway ? [.serve, .refuse] : [.refuse, .refuse]
        case .blocked:
            (next.slice, next.surplus, next.tokens) = (isAway ? 2 : 1, next.tokens, 0)
            next.answers = isAway ? [.travel, .refuse] : [.refuse, .refuse]
        default: break
        }
    }
}
