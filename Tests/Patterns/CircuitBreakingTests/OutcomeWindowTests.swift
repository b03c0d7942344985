import Determinism
import Testing

@testable import CircuitBreaking

/// The windows beside naive ones that keep every call.
@Suite("Outcome windows")
struct OutcomeWindowTests {
    @Test(arguments: 1...200)
    func aWindowOfCallsIsTheLastSoMany(capacity: Int) {
        let random = SeededRandom(seed: UInt64(capacity))
        var window = OutcomeWindow(.calls(capacity))
        var model: [Bool] = []
        var now = Instant(nanoseconds: 0)
        for _ in 0..<(3 * capacity + 5) {
            let isHit = random.next(below: 3) == 0
            // Time changes nothing here, in whichever direction.
            now = now + .seconds(Int64(random.next(below: 1_000_000)) - 500_000)
            window.add(isHit: isHit, now: now)
            if random.next(below: 4) == 0 { window.advance(to: now) }
            model = (model + [isHit]).suffix(capacity)
            #expect(window.total == model.count)
            #expect(window.hits == model.count { $0 })
        }
    }

    private struct TimeModel {
        let length: Int64
        let count: Int64
        var calls: [(slice: Int64, isHit: Bool)] = []
        /// Time does not go back.
        var slice: Int64?

        mutating func pass(to now: Int64) {
            slice = max(slice ?? .min, now / length)
            calls.removeAll { $0.slice <= (slice ?? 0) - count }
        }
    }

    @Test(arguments: UInt64(0)..<300)
    func aWindowOfTimeIsTheLastSlices(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let count = Int(random.next(below: 12)) + 1
        // Some do not divide evenly, some have slices of a nanosecond.
        let duration = seed % 5 == 0 ? Int64(count) : Int64(random.next(below: 10_000)) + Int64(count)
        var window = OutcomeWindow(.time(.nanoseconds(duration), slices: count))
        var model = TimeModel(length: duration / Int64(count), count: Int64(count))
        var now: Int64 = Int64(random.next(below: 1_000_000))
        for _ in 0..<300 {
            switch random.next(below: 20) {
            case 0: now += Int64(random.next(below: UInt64(duration) * 4))
            case 1: now += 1 << Int64(random.next(below: 54))
            case 2: now -= Int64(random.next(below: UInt64(duration) * 4))
            case 3..<10: now += Int64(random.next(below: UInt64(duration / Int64(count)) + 1))
            default: break
            }
            now = max(now, 0)
            model.pass(to: now)
            if random.next(below: 3) == 0 {
                window.advance(to: Instant(nanoseconds: now))
            } else {
                let isHit = random.next(below: 2) == 0
                window.add(isHit: isHit, now: Instant(nanoseconds: now))
                model.calls.append((model.slice ?? 0, isHit))
            }
            #expect(window.total == model.calls.count)
            #expect(window.hits == model.calls.count { $0.isHit })
        }
    }

    @Test func betweenAllSlicesAndOneLessCount() {
        var window = OutcomeWindow(.time(.seconds(10), slices: 10))
        let start = Instant(nanoseconds: 3_500_000_000)
        window.add(isHit: true, now: start)
        window.advance(to: start + .milliseconds(9_499))
        #expect(window.total == 1, "9.5 s are left of its slice")
        window.advance(to: start + .milliseconds(9_500))
        #expect(window.total == 0)
    }

    @Test func ratesAreComparedInIntegers() {
        var window = OutcomeWindow(.calls(3))
        let now = Instant(nanoseconds: 0)
        #expect(window.percent == nil)
        #expect(window.reaches(percent: 1, minimum: 1) == false)
        for isHit in [true, false, false] { window.add(isHit: isHit, now: now) }
        #expect(window.percent == 33)
        #expect(window.reaches(percent: 33, minimum: 3))
        #expect(!window.reaches(percent: 34, minimum: 3))
        #expect(!window.reaches(percent: 33, minimum: 4))
    }
}
