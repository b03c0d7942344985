import Determinism
import DeterminismTestKit
import Testing

@testable import RateLimiting

/// The names that a table has for what its states are counted by.
@Suite("LimitNames")
struct LimitNamesTests {
    private func numbers(_ capacity: Int64) -> LimitNames.Numbers {
        LimitNames.Numbers(kind: .fixedWindow, rate: 1_000, capacity: capacity)
    }

    @Test func theSameNumbersHaveTheSameName() {
        var names = LimitNames()
        let one = names.take(numbers(1))
        let two = names.take(numbers(2))
        #expect(one != 0 && two != 0 && one != two)
        #expect(names.take(numbers(1)) == one)
        #expect(names[one] == numbers(1) && names[two] == numbers(2))
        #expect(names.count == 2)
    }

    @Test func aNameThatNoStateHasIsFree() {
        var names = LimitNames()
        let name = names.take(numbers(1))
        _ = names.take(numbers(1))
        names.release(name)
        #expect(names.count == 1 && names[name] == numbers(1))
        names.release(name)
        #expect(names.count == 0)
        #expect(names.take(numbers(7)) == name && names[name] == numbers(7))
    }

    @Test(arguments: 0..<10)
    func namesAgreeWithAModel(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var names = LimitNames()
        var taken: [(name: LimitNames.Name, numbers: LimitNames.Numbers)] = []
        for _ in 0..<5_000 {
            if taken.isEmpty || taken.count < 50 && random.next(below: 2) == 0 {
                let wanted = numbers(Int64(random.next(below: 80)))
                taken.append((names.take(wanted), wanted))
            } else {
                names.release(taken.remove(at: Int(random.next(below: UInt64(taken.count)))).name)
            }
            #expect(taken.allSatisfy { names[$0.name] == $0.numbers && $0.name <= 50 })
            #expect(names.count == Set(taken.map(\.numbers)).count)
        }
    }

    /// More sets of numbers than there are names, one after the other.
    @Test func aLimitThatIsChangedForEverKeepsItsState() throws {
        let store = try InMemoryRateLimitStore()
        let (key, now) = (RateLimitKey("org", "k"), Instant(nanoseconds: 1_000))
        let first = try RateLimit.fixedWindow("l", quota: 1_000_000, per: .seconds(60))
        _ = store.verdict(.consume, 100, of: first, for: key, at: now)
        for change: Int64 in 1...70_000 {
            let limit = try RateLimit.fixedWindow("l", quota: 1_000_000 + change, per: .seconds(60))
            let left = store.verdict(.consume, of: limit, for: key, at: now).remaining
            guard left == 1_000_000 - 100 else {
                Issue.record("change \(change): \(left)")
                return
            }
        }
    }

    /// What a resident would lose is a share of its own limit, not of the newcomer's.
    @Test func residentsAreMeasuredByTheirOwnLimits() throws {
        var configuration = InMemoryRateLimitConfiguration()
        (configuration.keyLimit, configuration.shardCount) = (64, 1)
        let store = try InMemoryRateLimitStore(configuration, random: SeededRandom(seed: 3))
        let wide = try RateLimit.tokenBucket("wide", capacity: 10_000, refill: 1)
        let narrow = try RateLimit.slidingWindow("narrow", quota: 10, per: .seconds(3_600))
        let other = try RateLimit.tokenBucket("other", capacity: 100, refill: 1)
        let now = Instant(nanoseconds: 1_000)
        for number in 0..<32 {
            _ = store.verdict(.consume, 500, of: wide, for: RateLimitKey("w\(number)"), at: now)
            _ = store.verdict(.consume, 6, of: narrow, for: RateLimitKey("n\(number)"), at: now)
        }
        #expect(store.snapshot.evictionCount == 0)
        for number in 0..<40 { _ = store.verdict(.consume, 20, of: other, for: RateLimitKey("o\(number)"), at: now) }
        #expect(store.snapshot.evictionCount > 10, "5 % of a wide one give way to 20 % of another")
        for number in 0..<32 {
            let left = store.verdict(.peek, of: narrow, for: RateLimitKey("n\(number)"), at: now).remaining
            #expect(left == 4, "60 % of a narrow one do not: n\(number)")
        }
    }
}
