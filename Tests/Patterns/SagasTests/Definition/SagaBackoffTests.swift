import Determinism
import Sagas
import Testing

/// The pauses between attempts.
@Suite("SagaBackoff")
struct SagaBackoffTests {
    @Test(arguments: [(0, 100), (1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (6, 1_000), (1_000_000, 1_000)])
    func doublesUpToTheLongest(attempts: Int, milliseconds: Int64) {
        let backoff = SagaBackoff(first: .milliseconds(100), longest: .seconds(1), jitter: 0)
        for chance in [0, 1, 999, .max] as [UInt64] {
            #expect(backoff.pause(after: attempts, chance: chance) == .milliseconds(milliseconds))
        }
    }

    @Test func firstMayBeLongerThanTheLongest() {
        let backoff = SagaBackoff(first: .seconds(5), longest: .seconds(1), jitter: 0)
        #expect(backoff.pause(after: 1, chance: 0) == .seconds(1))
    }

    @Test(arguments: [0, 1, 20, 100]) func chanceTakesAwayAtMostItsPart(jitter: Int) {
        let backoff = SagaBackoff(first: .seconds(1), longest: .seconds(60), jitter: jitter)
        let random = SeededRandom(seed: UInt64(jitter))
        var pauses: Set<Duration> = []
        for _ in 0..<2_000 {
            let chance = random.next()
            let pause = backoff.pause(after: 3, chance: chance)
            #expect(pause <= .seconds(4) && pause >= .seconds(4) * (100 - jitter) / 100)
            #expect(pause == backoff.pause(after: 3, chance: chance), "the same chance gives the same pause")
            pauses.insert(pause)
        }
        #expect(jitter == 0 ? pauses.count == 1 : pauses.count > 100, "the pauses are spread")
    }

    @Test(arguments: [(-50, 0), (500, 100)]) func partOutsideOfAWholeIsCutOff(jitter: Int, instead: Int) {
        for chance in [0, 17, 999] as [UInt64] {
            #expect(
                SagaBackoff(first: .seconds(1), jitter: jitter).pause(after: 1, chance: chance)
                    == SagaBackoff(first: .seconds(1), jitter: instead).pause(after: 1, chance: chance))
        }
    }
}
