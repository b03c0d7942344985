import Testing

@testable import RateLimiting

@Suite("A time that is not divided out yet")
struct PendingTicksTests {
    private static let cases: [(Int64, Int64, Int64)] = [
        (0, 7, 0), (1, 7, 1), (7, 7, 1), (8, 7, 2), (.max, 1, .max), (.max, 2, 1 << 62),
    ]

    @Test(arguments: cases)
    func itIsRoundedUp(units: Int64, rate: Int64, ticks: Int64) {
        let pending = PendingTicks(units: units, rate: rate)
        #expect(pending.ticks == ticks)
        #expect(pending == PendingTicks(ticks: ticks) && pending.hashValue == PendingTicks(ticks: ticks).hashValue)
    }

    /// The short way and the long one, which divides at once, say the same.
    @Test func bothWaysOfADecisionAreEqual() throws {
        let limit = try RateLimit.tokenBucket("l", capacity: 1_000, refill: 7, per: .seconds(3))
        var (short, long) = (RateLimitState(), RateLimitState())
        for step in 1...500 {
            let now = Int64(step) * 200_000_003
            _ = LimiterMachine.prepare(&long, limit.nanoseconds, now: now)
            var reading = LimiterMachine.judge(long, limit.nanoseconds, cost: 2, upTo: 2, now: now)
            guard reading.outcome == .allowed else { break }
            LimiterMachine.admit(&long, limit.nanoseconds, &reading, now: now)
            var atOnce = LimitReading(outcome: .allowed)
            if step == 1 { short = RateLimitState(limit.nanoseconds, now: now) }
            #expect(LimiterMachine.admitAtOnce(&short, limit.nanoseconds, cost: 2, now: now, &atOnce))
            #expect(atOnce == reading && atOnce.next == reading.next && atOnce.recovery == reading.recovery)
            #expect(atOnce.next > 0 && atOnce.recovery >= atOnce.next && short == long)
        }
        #expect(long.used > 0)
    }
}
