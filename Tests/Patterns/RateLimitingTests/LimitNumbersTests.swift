import Determinism
import Testing

@testable import RateLimiting

/// The names that a store in memory has for what its states are counted by.
@Suite("LimitNumbers")
struct LimitNumbersTests {
    private func numbers(_ quota: Int64) throws -> LimitNumbers {
        LimitNumbers(try RateLimit.fixedWindow("l", quota: quota, per: .seconds(1)).nanoseconds)
    }

    @Test func theSameNumbersHaveTheSameName() throws {
        let one = try RateLimit.tokenBucket("one", capacity: 100, refill: 10)
        let two = try RateLimit.tokenBucket("two", capacity: 100, refill: 20, per: .seconds(2))
        let other = try RateLimit.tokenBucket("one", capacity: 101, refill: 10)
        #expect(one.numbersName == two.numbersName && one.numbersName != other.numbersName)
        #expect(LimitNumbers.named(one.numbersName) == LimitNumbers(one.nanoseconds))
    }

    @Test func thereAreNoMoreNamesThanTheLimit() throws {
        let registry = LimitNumbers.Registry(limit: 3)
        let names = try (1...5).map { registry.name(try numbers($0)) }
        #expect(names == [1, 2, 3, LimitNumbers.unnamed, LimitNumbers.unnamed])
        #expect(registry.name(try numbers(2)) == 2)
        #expect(try registry.numbers(3) == numbers(3))
        #expect(registry.numbers(LimitNumbers.unnamed) == nil && registry.numbers(0) == nil)
    }

    /// More limits than there are names: each still counts.
    @Test func aLimitWithoutANameCountsAsAnyOther() throws {
        let store = try InMemoryRateLimitStore()
        for var limit in [
            try RateLimit.tokenBucket("bucket", capacity: 5, refill: 1, per: .seconds(60)),
            try .slidingWindow("sliding", quota: 5, per: .seconds(60)),
            try .fixedWindow("fixed", quota: 5, per: .seconds(60), blocksFor: .seconds(5)),
        ] {
            limit.numbersName = LimitNumbers.unnamed
            let key = RateLimitKey("org", limit.name)
            let admitted = (0..<20).count {
                store.verdict(.consume, of: limit, for: key, at: Instant(nanoseconds: 1_000 + $0)).outcome == .allowed
            }
            #expect(admitted == 5, "\(limit.name)")
        }
    }

    /// Two limits in turns over one key, by their names and by none: a bucket's units tell.
    @Test func aBucketWithoutANameIsCarriedOverWhenItsUnitChanges() throws {
        let store = try InMemoryRateLimitStore()
        var slow = try RateLimit.tokenBucket("l", capacity: 10, refill: 1, per: .seconds(3_600))
        var fast = try RateLimit.tokenBucket("l", capacity: 10, refill: 1, per: .seconds(7_200))
        slow.numbersName = LimitNumbers.unnamed
        fast.numbersName = LimitNumbers.unnamed
        let (key, now) = (RateLimitKey("org", "k"), Instant(nanoseconds: 1_000))
        #expect(store.verdict(.consume, 4, of: slow, for: key, at: now).remaining == 6)
        #expect(store.verdict(.consume, 4, of: fast, for: key, at: now).remaining == 2)
        #expect(store.verdict(.consume, 4, of: slow, for: key, at: now).outcome == .refused)
    }
}
