import Determinism
import Testing

@testable import RateLimiting

@Suite("The machine of a lease")
struct LeaseMachineTests {
    /// Any event in any state: tokens are never created, never negative, and a slice stays within its bound.
    @Test("any event in any state", arguments: 0..<60)
    func everyEventInEveryState(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        let limits = try [
            RateLimit.tokenBucket("a", capacity: 1_000, refill: 100),
            RateLimit.fixedWindow("a", quota: 500, per: .milliseconds(700)),
            RateLimit.slidingWindow("a", quota: 800, per: .seconds(2)),
        ]
        var limit = limits[Int(seed % 3)]
        var machine = LeaseMachine(limit)
        let bounds = LeaseMachine.Bounds(
            slice: 40, lifetime: .milliseconds(300), memory: .milliseconds(500), processes: 2)
        var now = Instant(nanoseconds: 0)
        var granted: Int64 = 0
        var spent: Int64 = 0
        var setAside: Int64 = 0
        var trip: (cost: Int64, upTo: Int64)?
        for _ in 0..<3_000 {
            now = now + .milliseconds(Int(random.next(below: 40)))
            let cost = Int64(random.next(below: 6))
            switch random.next(below: 12) {
            case 0: machine.age(now: now)
            case 1:
                if random.next(below: 10) == 0 { limit = limits[Int(random.next(below: 3))] }
                machine.change(to: limit)
            case 2...5:
                machine.age(now: now)
                if machine.answer(cost: cost, now: now) == .serve {
                    machine.use(cost)
                    if random.next(below: 4) == 0 {
                        (spent, setAside) = (spent + setAside, cost)
                    } else {
                        spent += cost
                    }
                }
            case 6:
                machine.putBack(setAside, from: machine.generation)
                setAside = 0
            case 7:
                if trip == nil {
                    let plan = machine.depart(cost: cost, bounds: bounds, now: now)
                    granted -= plan.refund
                    trip = (cost, plan.upTo)
                    #expect(plan.refund >= 0 && machine.slice <= 40)
                }
            case 8, 9:
                if let (cost, upTo) = trip {
                    let verdict = Self.verdict(random, limit, cost: cost, upTo: upTo)
                    let kept = machine.arrive(
                        verdict, cost: cost, isAdmitted: random.next(below: 5) > 0, bounds: bounds, sent: now)
                    granted += kept
                    trip = nil
                    #expect(kept >= 0 && kept <= upTo)
                }
            case 10:
                machine.fail()
                trip = nil
            default: granted -= random.next(below: 5) == 0 ? machine.invalidate(now: now) : machine.takeSurplus()
            }
            machine.waits(cost: cost)
            machine.waitIsOver(cost: cost)
            if random.next(below: 8) == 0 { machine.trim(bounds) }
            #expect(machine.tokens >= 0 && machine.surplus >= 0)
            #expect(spent + setAside + machine.tokens + machine.surplus <= granted)
            let reading = machine.reading(.refused, granted: 0, now: now)
            #expect(reading.wait >= 0 && reading.next >= 0 && (0...limit.quota).contains(reading.remaining))
        }
        #expect(spent > 0)
    }

    private static func verdict(
        _ random: SeededRandom, _ limit: RateLimit, cost: Int64, upTo: Int64
    ) -> RateLimitVerdict {
        let outcome = RateLimitOutcome.allCases[[0, 0, 0, 1, 2, 3][Int(random.next(below: 6))]]
        var reading = LimitReading(outcome: outcome)
        if outcome == .allowed { reading.granted = cost + Int64(random.next(below: UInt64(upTo - cost + 1))) }
        reading.remaining = Int64(random.next(below: 100))
        reading.wait = outcome == .allowed || outcome == .never ? 0 : Int64(random.next(below: 900_000_000))
        reading.recovery = Int64(random.next(below: 1_000_000_000))
        return RateLimitVerdict(limit, reading)
    }

    @Test func anAnswerFromBeforeAResetSaysNothing() throws {
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 100)
        let bounds = LeaseMachine.Bounds(slice: 40, lifetime: .seconds(1), memory: .seconds(1), processes: 1)
        var machine = LeaseMachine(limit)
        let now = Instant(nanoseconds: 0)
        _ = machine.depart(cost: 1, bounds: bounds, now: now)
        #expect(machine.invalidate(now: now) == 0)
        var reading = LimitReading(outcome: .refused)
        reading.wait = 900_000_000
        let verdict = RateLimitVerdict(limit, reading)
        _ = machine.arrive(verdict, cost: 1, isAdmitted: false, bounds: bounds, sent: now)
        #expect(machine.answer(cost: 1, now: now) == .travel && !machine.isTravelling)
    }
}
