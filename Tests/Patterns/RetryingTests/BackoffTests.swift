import Determinism
import Retrying
import Testing

/// `Backoff`: its bounds, whatever is drawn.
@Suite("Retries: pauses")
struct BackoffTests {
    /// The ends of the range, and 2,000 numbers between them.
    private let draws: [UInt64] = {
        let random = SeededRandom(seed: 11)
        return [0, 1, .max - 1, .max] + (0..<2_000).map { _ in random.next() }
    }()

    private func pauses(_ backoff: Backoff, _ count: Int, after previous: Duration? = nil) -> [Duration] {
        draws.map { backoff.pause(afterFailures: count, previous: previous, draw: $0) }
    }

    @Test func defaults() {
        #expect(Backoff() == Backoff(base: .milliseconds(100), multiplier: 2, longest: .seconds(10), jitter: .full))
    }

    @Test func withoutJitterItDoublesUpToTheLongest() {
        let backoff = Backoff(jitter: .none)
        let expected: [Int64] = [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]
        for (index, milliseconds) in expected.enumerated() {
            #expect(Set(pauses(backoff, index + 1)) == [.milliseconds(milliseconds)])
        }
        #expect(backoff.pause(afterFailures: 0, previous: nil, draw: 0) == .milliseconds(100), "before the first one")
        #expect(backoff.pause(afterFailures: -3, previous: nil, draw: 0) == .milliseconds(100))
    }

    @Test func othersMultiplyOtherwise() {
        let backoff = Backoff(base: .milliseconds(8), multiplier: 1.5, longest: .seconds(1), jitter: .none)
        #expect(
            (1...4).map { backoff.pause(afterFailures: $0, previous: nil, draw: 0) }
                == [.milliseconds(8), .milliseconds(12), .milliseconds(18), .milliseconds(27)])
    }

    @Test func constantPausesStayTheSame() {
        let backoff = Backoff.constant(.milliseconds(70))
        for count in [1, 2, 50, .max] { #expect(Set(pauses(backoff, count)) == [.milliseconds(70)]) }
    }

    @Test func halfJitterDrawsHalf() {
        let backoff = Backoff(jitter: .half)
        for count in 1...12 {
            let whole = Backoff(jitter: .none).pause(afterFailures: count, previous: nil, draw: 0)
            let pauses = pauses(backoff, count)
            #expect(pauses.allSatisfy { $0 >= whole / 2 && $0 <= whole })
            #expect(pauses[0] == whole / 2, "the least that can be drawn")
            #expect(pauses[3] == whole, "the most")
        }
        let odd = Backoff(base: .nanoseconds(3), longest: .nanoseconds(3), jitter: .half)
        #expect(Set(pauses(odd, 1)) == [.nanoseconds(2), .nanoseconds(3)])
    }

    @Test func fullJitterDrawsAllOfIt() {
        for count in 1...12 {
            let whole = Backoff(jitter: .none).pause(afterFailures: count, previous: nil, draw: 0)
            let pauses = pauses(Backoff(), count)
            #expect(pauses.allSatisfy { $0 >= .zero && $0 <= whole })
            #expect(pauses[0] == .zero)
            #expect(pauses[3] == whole)
        }
    }

    @Test func drawsAreSpreadEvenly() {
        for jitter in [Backoff.Jitter.full, .half, .decorrelated] {
            let backoff = Backoff(base: .nanoseconds(1_000), longest: .seconds(1), jitter: jitter)
            let pauses = pauses(backoff, 1).map(\.inNanoseconds)
            guard let least = pauses.min(), let most = pauses.max() else { return }
            var quarters = [0, 0, 0, 0]
            for pause in pauses { quarters[min(Int((pause - least) * 4 / (most - least)), 3)] += 1 }
            #expect(quarters.allSatisfy { $0 > 400 && $0 < 600 }, "\(jitter): \(quarters)")
        }
    }

    @Test func decorrelatedPausesLieBetweenTheBaseAndThreeTimesTheOneBefore() {
        let backoff = Backoff(base: .milliseconds(10), longest: .seconds(10), jitter: .decorrelated)
        let first = pauses(backoff, 1)
        #expect(first.allSatisfy { $0 >= .milliseconds(10) && $0 <= .milliseconds(30) })
        #expect(first[0] == .milliseconds(10))
        #expect(first[3] == .milliseconds(30))
        for shorter in [Duration.zero, .milliseconds(2), .seconds(-1)] {
            #expect(Set(pauses(backoff, 2, after: shorter)) == Set(first), "one that was shorter counts as the base")
        }
        let random = SeededRandom(seed: 12)
        var previous: Duration?
        var longest = Duration.zero
        for count in 1...5_000 {
            let pause = backoff.pause(afterFailures: count, previous: previous, draw: random.next())
            #expect(pause >= .milliseconds(10))
            #expect(pause <= min((previous ?? .milliseconds(10)) * 3, .seconds(10)))
            (previous, longest) = (pause, max(longest, pause))
        }
        #expect(longest == .seconds(10), "they grow up to the longest")
    }

    @Test func decorrelatedPausesIgnoreTheMultiplier() {
        let (two, ten) = (
            Backoff(multiplier: 2, jitter: .decorrelated), Backoff(multiplier: 10, jitter: .decorrelated)
        )
        for draw in draws {
            #expect(
                two.pause(afterFailures: 3, previous: .milliseconds(200), draw: draw)
                    == ten.pause(afterFailures: 3, previous: .milliseconds(200), draw: draw))
        }
    }

    @Test(arguments: [Backoff.Jitter.none, .half, .full, .decorrelated])
    func nothingOverflows(jitter: Backoff.Jitter) {
        let huge = Duration.seconds(Int64.max)
        for base in [Duration.zero, .nanoseconds(1), .seconds(1), .nanoseconds(Int64.max), huge] {
            for multiplier in [1, 1.000_001, 2, 10, .infinity] {
                for longest in [base, .nanoseconds(Int64.max), huge] {
                    let backoff = Backoff(base: base, multiplier: multiplier, longest: longest, jitter: jitter)
                    for (count, draw) in [(1, UInt64(0)), (2, .max), (1_000, .max), (.max, 0), (.max, .max)] {
                        for previous in [nil, Duration.zero, .seconds(7), huge] {
                            let pause = backoff.pause(afterFailures: count, previous: previous, draw: draw)
                            #expect(pause >= .zero && pause <= longest)
                        }
                    }
                }
            }
        }
    }

    @Test func threeTimesAHugePauseIsTheLongest() {
        let backoff = Backoff(base: .nanoseconds(1), longest: .nanoseconds(Int64.max), jitter: .decorrelated)
        let pause = backoff.pause(afterFailures: 2, previous: .nanoseconds(Int64(1) << 62), draw: .max)
        #expect(pause == .nanoseconds(Int64.max))
    }

    @Test func hugeCountsReachTheLongestPause() {
        let backoff = Backoff(base: .nanoseconds(1), multiplier: 1.000_001, longest: .seconds(60), jitter: .none)
        #expect(backoff.pause(afterFailures: .max, previous: nil, draw: 0) == .seconds(60))
        #expect(backoff.pause(afterFailures: 2, previous: nil, draw: 0) == .nanoseconds(1))
    }

    @Test(arguments: [Backoff.Jitter.none, .half, .full, .decorrelated])
    func aBaseOfNothingStaysNothing(jitter: Backoff.Jitter) {
        for base in [Duration.zero, .seconds(-1), .nanoseconds(Int64.min)] {
            let backoff = Backoff(base: base, multiplier: 10, longest: .seconds(1), jitter: jitter)
            for count in [1, 5, .max] { #expect(Set(pauses(backoff, count)) == [.zero]) }
        }
    }
}
