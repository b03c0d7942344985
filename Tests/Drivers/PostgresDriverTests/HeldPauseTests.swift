import Determinism
import Testing

@testable import PostgresDriver

/// How long a lane waits when others hold all that its batch wants.
@Suite("The pause for rows that others hold")
struct HeldPauseTests {
    private func limits(_ pause: Duration) -> PostgresLaneConfiguration {
        var limits = PostgresLaneConfiguration()
        limits.heldPause = pause
        return limits
    }

    @Test("half of it is fixed and half of it drawn")
    func bounds() {
        #expect(limits(.milliseconds(10)).heldPause(draw: 0) == .milliseconds(5))
        #expect(limits(.milliseconds(10)).heldPause(draw: 1 << 63) == .microseconds(7_500))
        #expect(limits(.milliseconds(10)).heldPause(draw: .max) == .milliseconds(10))
        let random = SeededRandom(seed: 7)
        let drawn = (0..<1_000).map { _ in limits(.milliseconds(10)).heldPause(draw: random.next()) }
        #expect(drawn.allSatisfy { $0 >= .milliseconds(5) && $0 <= .milliseconds(10) })
        #expect(Set(drawn).count > 990)
    }

    @Test("none is none")
    func none() {
        for draw in [0, .max] as [UInt64] {
            #expect(limits(.zero).heldPause(draw: draw) == .zero)
            #expect(limits(.nanoseconds(1)).heldPause(draw: draw) == .nanoseconds(1))
        }
    }

    @Test("two servers that begin to wait at the same moment seldom come back at the same one")
    func step() {
        let limits = PostgresLaneConfiguration()
        for seed in 0..<50 as Range<UInt64> {
            let (one, two) = (SeededRandom(seed: 2 * seed), SeededRandom(seed: 2 * seed + 1))
            var (ahead, together) = (Duration.zero, 0)
            for _ in 0..<100 {
                ahead += limits.heldPause(draw: one.next()) - limits.heldPause(draw: two.next())
                if ahead > .microseconds(-100), ahead < .microseconds(100) { together += 1 }
            }
            #expect(together < 10, "with the seeds \(2 * seed) and \(2 * seed + 1)")
        }
    }
}
