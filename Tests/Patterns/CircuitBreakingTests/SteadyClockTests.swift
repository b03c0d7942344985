import Determinism
import Testing

@testable import CircuitBreaking

/// A clock that never goes back, whatever its readings do.
@Suite("Steady clock")
struct SteadyClockTests {
    private final class Bench {
        private var clock = SteadyClock()
        func read(_ milliseconds: Int64) -> Int64 {
            clock.read(Instant(nanoseconds: milliseconds * 1_000_000)).nanoseconds / 1_000_000
        }
        func read(nanoseconds: Int64) -> Int64 { clock.read(Instant(nanoseconds: nanoseconds)).nanoseconds }
    }

    @Test func readingsThatGoOnAreTheTime() {
        let clock = Bench()
        for reading in [-5_000, 0, 1, 1, 900, 100_000] as [Int64] { #expect(clock.read(reading) == reading) }
    }

    @Test func aReadingThatIsALittleLateIsTheLatestOne() {
        let clock = Bench()
        #expect(clock.read(10_000) == 10_000)
        #expect(clock.read(9_000) == 10_000, "two threads, in the wrong order")
        #expect(clock.read(10_001) == 10_001, "which changes nothing")
    }

    @Test func aClockThatWasPutBackGoesOnFromWhereItWas() {
        let clock = Bench()
        #expect(clock.read(10_000_000) == 10_000_000)
        #expect(clock.read(5_000) == 10_000_000)
        #expect(clock.read(6_000) == 10_001_000)
        #expect(clock.read(0) == 10_001_000, "and again")
        #expect(clock.read(250) == 10_001_250)
    }

    @Test func aClockThatIsPutBackByLittleAgainAndAgainIsNoticed() {
        let clock = Bench()
        #expect(clock.read(10_000) == 10_000)
        for reading in stride(from: Int64(9_500), through: 7_500, by: -500) { #expect(clock.read(reading) == 10_000) }
        #expect(clock.read(9_500) > 10_000, "time passes again")
    }

    @Test(arguments: UInt64(0)..<100)
    func timeNeverGoesBackAndPassesWithTheReadings(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let clock = Bench()
        var (reading, latest) = (Int64(0), clock.read(0))
        for _ in 0..<200 {
            if random.next(below: 4) == 0 { reading -= Int64(random.next(below: 1 << random.next(below: 40))) }
            let base = clock.read(reading)
            #expect(base >= latest, "it goes back")
            // A second later, and at most one more for steps too small to tell from readings in the wrong order.
            reading += 2_000
            latest = clock.read(reading)
            #expect(latest - base >= 1_000 && latest - base <= 2_000, "it stands, or leaps")
        }
    }

    @Test func theEndsOfTheScaleTrapNothing() {
        let ends: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
        for first in ends {
            for second in ends {
                for third in ends {
                    let clock = Bench()
                    let times = [first, second, third].map { clock.read(nanoseconds: $0) }
                    #expect(times == times.sorted(), "\(first), \(second), \(third)")
                }
            }
        }
    }
}
