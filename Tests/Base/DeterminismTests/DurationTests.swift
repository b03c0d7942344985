import Determinism
import Testing

/// Durations, instants, and the seeded generator.
@Suite("Durations and randomness")
struct DurationTests {
    @Test(
        arguments: [
            (.zero, 0, 0), (.nanoseconds(1), 1, 0), (.nanoseconds(-1), -1, 0), (.nanoseconds(1_999), 1_999, 1),
            (.nanoseconds(-1_999), -1_999, -1), (.milliseconds(1_500), 1_500_000_000, 1_500_000),
            (.nanoseconds(Int64.max), .max, 9_223_372_036_854_775),
            (.nanoseconds(Int64.min), .min, -9_223_372_036_854_775),
            (.seconds(9_223_372_037), .max, 9_223_372_037_000_000),
            (.seconds(-9_223_372_037), .min, -9_223_372_037_000_000),
            (.microseconds(Int64.max), .max, .max), (.microseconds(Int64.min), .min, .min),
            (.seconds(9_223_372_036_855), .max, .max), (.seconds(-9_223_372_036_855), .min, .min),
            (.seconds(Int64.max), .max, .max), (.seconds(Int64.min), .min, .min),
            (.nanoseconds(Int64.max) + .nanoseconds(1), .max, 9_223_372_036_854_775),
        ] as [(Duration, Int64, Int64)])
    func conversionsSaturate(duration: Duration, nanoseconds: Int64, microseconds: Int64) {
        #expect(duration.inNanoseconds == nanoseconds)
        #expect(duration.inMicroseconds == microseconds)
    }

    @Test func instantsSaturate() {
        let instant = Instant(nanoseconds: 10)
        #expect(instant + .nanoseconds(5) == Instant(nanoseconds: 15))
        #expect(instant + .seconds(Int64.max) == Instant(nanoseconds: .max))
        #expect(Instant(nanoseconds: -10) + .seconds(Int64.min) == Instant(nanoseconds: .min))
        #expect(instant - Instant(nanoseconds: 4) == .nanoseconds(6))
        #expect(Instant(nanoseconds: 4) - instant == .nanoseconds(-6))
        #expect(Instant(nanoseconds: .max) - Instant(nanoseconds: -1) == .nanoseconds(Int64.max))
        #expect(Instant(nanoseconds: .min) - Instant(nanoseconds: 1) == .nanoseconds(Int64.min))
        #expect(Instant(nanoseconds: 1) < Instant(nanoseconds: 2))
    }

    @Test func monotonicClockNeverGoesBack() {
        let time = SystemTime()
        var last = time.instant()
        for _ in 0..<1_000 {
            let next = time.instant()
            #expect(next >= last)
            last = next
        }
        // Within a day of 2024-01-01 or later: in microseconds, not in some other unit.
        #expect((1_704_067_200_000_000...4_102_444_800_000_000).contains(time.now().microseconds))
    }

    /// The first numbers of SplitMix64 with seed 1234567, as published with its reference implementation.
    @Test func seededSequenceIsSplitMix64() {
        let random = SeededRandom(seed: 1_234_567)
        let first = (0..<5).map { _ in random.next() }
        #expect(
            first == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test func sameSeedSameSequence() {
        let (a, b, c) = (SeededRandom(seed: 9), SeededRandom(seed: 9), SeededRandom(seed: 10))
        let first = (0..<100).map { _ in a.next() }
        #expect(first == (0..<100).map { _ in b.next() })
        #expect(first != (0..<100).map { _ in c.next() })
    }

    @Test func numbersBelowABoundAreSpreadEvenly() {
        let random = SeededRandom(seed: 4)
        var counts = [Int](repeating: 0, count: 10)
        for _ in 0..<10_000 { counts[Int(random.next(below: 10))] += 1 }
        #expect(counts.allSatisfy { (850...1_150).contains($0) }, "seed 4: \(counts)")
        #expect(random.next(below: 1) == 0)
        #expect((0..<100).allSatisfy { _ in random.next(below: .max) < .max })
    }

    @Test func concurrentDrawsAreAllDifferent() async {
        let random = SeededRandom(seed: 5)
        let drawn = await withTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<4 { group.addTask { (0..<500).map { _ in random.next() } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        let alone = SeededRandom(seed: 5)
        #expect(Set(drawn) == Set((0..<2_000).map { _ in alone.next() }))
    }
}
