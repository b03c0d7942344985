import Testing

@testable import RateLimiting

@Suite("What is left, before it is divided out")
struct LimitBalanceTests {
    private static let cases: [(free: Int64, used: Int64, rate: Int64, unit: Int64, says: [Int64])] = [
        (0, 70, 7, 10, [0, 2, 10]), (9, 61, 7, 10, [0, 1, 9]), (10, 60, 7, 10, [1, 2, 9]), (69, 1, 7, 10, [6, 1, 1]),
        (.max - 1, 1, 1, 1, [.max - 1, 1, 1]), (0, .max, 2, .max, [0, 1 << 62, 1 << 62]),
    ]

    @Test(arguments: cases)
    func aBucketIsDividedOut(free: Int64, used: Int64, rate: Int64, unit: Int64, says: [Int64]) {
        let bucket = LimitBalance(bucketWith: free, used: used, rate: rate, unit: unit)
        #expect([bucket.remaining, bucket.next, bucket.recovery] == says)
        let numbers = LimitBalance(remaining: says[0], next: says[1], recovery: says[2])
        #expect(bucket == numbers && bucket.hashValue == numbers.hashValue)
        #expect(bucket.inTicks(of: 1_000) == numbers.inTicks(of: 1_000))
    }

    @Test func whatIsSetIsOneNumber() {
        for place in 0..<3 {
            var (balance, says) = (LimitBalance(bucketWith: 9, used: 61, rate: 7, unit: 10), [Int64(0), 1, 9])
            says[place] = 77
            switch place {
            case 0: balance.remaining = 77
            case 1: balance.next = 77
            default: balance.recovery = 77
            }
            #expect([balance.remaining, balance.next, balance.recovery] == says)
        }
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
