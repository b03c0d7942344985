import Determinism
import Testing

@testable import CircuitBreaking

/// Slices of time.
@Suite("SliceCounter")
struct SliceCounterTests {
    private func steps(_ counter: inout SliceCounter, _ nanoseconds: Int64) -> UInt64 {
        counter.steps(to: Instant(nanoseconds: nanoseconds))
    }

    @Test func aSliceBeginsAtEachMultipleOfItsLength() {
        var counter = SliceCounter(length: 10)
        let readings: [(at: Int64, steps: UInt64)] = [
            (3, 0), (9, 0), (10, 1), (10, 0), (19, 0), (20, 1), (49, 2), (50, 1), (1_000, 95),
        ]
        for reading in readings { #expect(steps(&counter, reading.at) == reading.steps, "at \(reading.at)") }
    }

    @Test func timeThatGoesBackIsTheSameSlice() {
        var counter = SliceCounter(length: 10)
        for (at, expected) in [(95, 0), (12, 0), (99, 0), (100, 1), (0, 0), (109, 0), (110, 1)] as [(Int64, UInt64)] {
            #expect(steps(&counter, at) == expected, "at \(at)")
        }
    }

    @Test func slicesBeforeZeroAreAsLongAsOthers() {
        var counter = SliceCounter(length: 10)
        for (at, expected) in [(-25, 0), (-21, 0), (-20, 1), (-11, 0), (-10, 1), (-1, 0), (0, 1)] as [(Int64, UInt64)] {
            #expect(steps(&counter, at) == expected, "at \(at)")
        }
    }

    @Test(arguments: [1, 7, 1_000_000_000, .max] as [Int64])
    func theEndsOfTimeAreNoTrap(length: Int64) {
        var counter = SliceCounter(length: length)
        #expect(steps(&counter, .min) == 0)
        _ = steps(&counter, 0)
        let rest = UInt64(Int64.max / length)
        #expect(steps(&counter, .max) == rest && steps(&counter, .max) == 0)
    }

    @Test func aLengthOfNothingIsANanosecond() {
        var counter = SliceCounter(length: 0)
        #expect(steps(&counter, 5) == 0 && steps(&counter, 8) == 3)
    }

    @Test(arguments: UInt64(0)..<50)
    func itIsDivision(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let length = Int64(random.next(below: 1_000)) + 1
        var counter = SliceCounter(length: length)
        var (now, number) = (Int64(random.next(below: 10_000)), Int64?.none)
        for _ in 0..<300 {
            now += Int64(random.next(below: random.next(below: 5) == 0 ? 100_000 : 300))
            #expect(steps(&counter, now) == UInt64(now / length - (number ?? now / length)))
            number = now / length
        }
    }
}
