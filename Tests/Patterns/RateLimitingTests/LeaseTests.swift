import Determinism
import DeterminismTestKit
import Testing

@testable import RateLimiting

@Suite("Leases and remembered refusals")
struct LeaseTests {
    private struct Harness {
        let time = ManualTime()
        let store: ScriptedStore
        let counts = RateLimitCounts()
        let limiter: LeasedRateLimiter

        init(share: Double = 0.1, processes: Int = 1, keyLimit: Int = 65_536) throws {
            store = try ScriptedStore(time)
            var configuration = LeaseConfiguration()
            (configuration.largestShare, configuration.keyLimit) = (share, keyLimit)
            limiter = try LeasedRateLimiter(
                store, configuration, processes: { processes }, time: time, observer: counts)
        }

        func consume(
            _ limit: RateLimit, _ key: RateLimitKey = RateLimitKey("t"), cost: Int64 = 1
        ) async throws
            -> RateLimitDecision
        { try await limiter.decide(RateLimitRequest(.consume, key, limit, cost: cost)) }
    }

    @Test func aColdKeyLeasesNothing() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 10)
        for key in 0..<20 { _ = try await harness.consume(limit, RateLimitKey("t", "\(key)")) }
        #expect(harness.store.trips == 20)
        #expect(harness.counts.snapshot.tokensLeased == 0)
        #expect(harness.store.requests.allSatisfy { $0.checks[0].upTo == 1 })
    }

    @Test func aHotKeyCostsFewTripsAndAdmitsWhatTheLimitDoes() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1)
        var admitted = 0
        for _ in 0..<5_000 where try await harness.consume(limit).isAllowed { admitted += 1 }
        // A quarter of a slice may be left when it begins to hold back.
        #expect(admitted >= 975 && admitted <= 1_000)
        harness.time.advance(by: .milliseconds(250))
        for _ in 0..<100 where try await harness.consume(limit).isAllowed { admitted += 1 }
        #expect(admitted >= 985 && admitted <= 1_000)
        #expect(harness.store.trips < 60)
        #expect(harness.counts.snapshot.leaseDecisions > 900)
        #expect(harness.counts.snapshot.rememberedRefusals > 3_900)
    }

    @Test func verdictsFromLeasesSayWhatIsLeft() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 10)
        for used in 1...50 {
            let decision = try await harness.consume(limit)
            #expect(decision.binding.remaining == 1_000 - Int64(used))
            #expect(decision.binding.granted == 1)
            // What is leased counts as used in the store.
            #expect(decision.binding.resetAfter >= .milliseconds(100) * used)
        }
    }

    @Test func aRefusedKeyCostsNoTripUntilItsTime() async throws {
        let harness = try Harness(share: 0)
        let limit = try RateLimit.fixedWindow("a", quota: 1, per: .milliseconds(800))
        #expect(try await harness.consume(limit).isAllowed)
        #expect(try await harness.consume(limit).retryAfter == .milliseconds(800))
        #expect(harness.store.trips == 2)
        harness.time.advance(by: .milliseconds(799))
        for _ in 0..<100 {
            let decision = try await harness.consume(limit)
            #expect(decision.retryAfter == .milliseconds(1))
            #expect(decision.binding.source == .rememberedRefusal)
        }
        #expect(harness.store.trips == 2)
        harness.time.advance(by: .milliseconds(1))
        #expect(try await harness.consume(limit).isAllowed)
    }

    @Test func aSmallerCostIsAskedFor() async throws {
        let harness = try Harness(share: 0)
        let limit = try RateLimit.tokenBucket("a", capacity: 10, refill: 1, per: .seconds(60))
        #expect(try await harness.consume(limit, cost: 7).isAllowed)
        #expect(try await !harness.consume(limit, cost: 5).isAllowed)
        #expect(try await !harness.consume(limit, cost: 6).isAllowed)
        #expect(harness.store.trips == 2)
        #expect(try await harness.consume(limit, cost: 3).isAllowed)
    }

    @Test("reward, reset, and other numbers end a remembered refusal", arguments: 0..<3)
    func whatEndsARefusal(way: Int) async throws {
        let harness = try Harness(share: 0)
        var limit = try RateLimit.fixedWindow("a", quota: 1, per: .seconds(60))
        _ = try await harness.consume(limit)
        #expect(try await !harness.consume(limit).isAllowed)
        switch way {
        case 0: _ = try await harness.limiter.decide(RateLimitRequest(.reward, RateLimitKey("t"), limit))
        case 1: _ = try await harness.limiter.decide(RateLimitRequest(.reset, RateLimitKey("t"), limit))
        default: limit = try RateLimit.fixedWindow("a", quota: 2, per: .seconds(60))
        }
        #expect(try await harness.consume(limit).isAllowed)
    }

    @Test func aBlockByAnOperatorHereIsSeenAtOnce() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 10)
        for _ in 0..<25 { _ = try await harness.consume(limit) }
        let left = harness.store.remaining(limit, RateLimitKey("t"))
        #expect(left < 975)
        let request = RateLimitRequest(.block(.milliseconds(500)), RateLimitKey("t"), limit)
        _ = try await harness.limiter.decide(request)
        #expect(try await harness.consume(limit).outcome == .blocked)
        harness.time.advance(by: .milliseconds(500))
        // What was leased went back with the block.
        #expect(harness.store.remaining(limit, RateLimitKey("t")) == 980)
    }

    @Test func aBlockSeenOnATripTakesLeasedTokensAway() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 10)
        for _ in 0..<30 { _ = try await harness.consume(limit) }
        // Another process blocks the key; this one has tokens, but not enough for the next request.
        let now = harness.time.instant()
        _ = harness.store.inner.verdict(.block(.seconds(60)), of: limit, for: RateLimitKey("t"), at: now)
        #expect(try await harness.consume(limit).binding.source == .lease)
        #expect(try await harness.consume(limit, cost: 20).outcome == .blocked)
        let decision = try await harness.consume(limit, cost: 20)
        #expect(decision.outcome == .blocked && decision.binding.source == .rememberedRefusal)
        #expect(try await harness.consume(limit).outcome == .blocked)
    }

    @Test func oneTripAtATimeServesAllWhoWait() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 10)
        let gate = Gate()
        harness.store.hang(at: gate)
        let admitted = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<60 {
                group.addTask {
                    let decision = try? await harness.consume(limit)
                    return decision?.isAllowed == true
                }
            }
            await eventually("59 wait") { harness.limiter.waiterCount == 59 }
            #expect(harness.store.trips == 1)
            harness.store.hang(at: nil)
            gate.open()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(admitted == 60)
        #expect(harness.store.trips <= 4)
        #expect(harness.store.remaining(limit, RateLimitKey("t")) <= 940)
    }

    /// Thirty callers of one key, of whom one travels: how many fail.
    private func failuresOfThirty(_ limit: RateLimit, in harness: Harness) async -> Int {
        let gate = Gate()
        harness.store.hang(at: gate)
        return await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<30 {
                group.addTask {
                    let decision = try? await harness.consume(limit)
                    return decision == nil
                }
            }
            await eventually("29 wait") { harness.limiter.waiterCount == 29 }
            harness.store.hang(at: nil)
            gate.open()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    @Test func aFailedTripFailsAllWhoWaitOnce() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 10)
        harness.store.fail(RateLimitStoreError(.unavailable))
        #expect(await failuresOfThirty(limit, in: harness) == 30)
        #expect(harness.store.trips == 1)
        harness.store.fail(nil)
        #expect(try await harness.consume(limit).isAllowed)
    }

    /// Who waits asks for a large lease. That the store had not enough for all of them was taken for scarcity: half of
    /// a burst was refused while half of the limit was free.
    @Test func aBurstOfWaitersGetsAllThatThereIs() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 10)
        let gate = Gate()
        harness.store.hang(at: gate)
        let admitted = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<300 {
                group.addTask { (try? await harness.consume(limit).isAllowed) ?? false }
            }
            await eventually("299 wait") { harness.limiter.waiterCount == 299 }
            harness.store.hang(at: nil)
            gate.open()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        // A part of a slice of ten may be left when it begins to hold back.
        #expect(admitted >= 95 && admitted <= 100)
    }

    /// What was fetched of one limit for those who waited stayed here until the lease's end, far beyond the largest
    /// slice, when another limit refused them all.
    @Test func whatWaitersDidNotNeedGoesBack() async throws {
        let harness = try Harness(share: 0.001)
        let large = try RateLimit.tokenBucket("large", capacity: 10_000, refill: 1, per: .seconds(3_600))
        let small = try RateLimit.tokenBucket("small", capacity: 5, refill: 1, per: .seconds(3_600))
        let request = RateLimitRequest(.consume, tenant: "t", [RateLimitCheck(large), RateLimitCheck(small)])
        let gate = Gate()
        harness.store.hang(at: gate)
        let admitted: Int64 = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<60 {
                group.addTask { (try? await harness.limiter.decide(request).isAllowed) ?? false }
            }
            await eventually("59 wait") { harness.limiter.waiterCount == 59 }
            harness.store.hang(at: nil)
            gate.open()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(admitted == 5)
        try await harness.limiter.returnUnused()
        #expect(harness.store.remaining(large, RateLimitKey("t")) >= 10_000 - 5 - 10)
        try await harness.limiter.returnUnused(all: true)
        #expect(harness.store.remaining(large, RateLimitKey("t")) == 10_000 - 5)
    }

    /// One caller had given up, and all who waited for its trip were told that the store does not answer.
    @Test func aCancelledTripFailsNobodyElse() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 10)
        harness.store.failOnce(RateLimitStoreError(.cancelled))
        #expect(await failuresOfThirty(limit, in: harness) == 1)
    }

    /// A sweep for room forgot tokens that were leased and not used, and the key went without them.
    @Test func whatIsOwedToTheStoreOutlivesASweep() async throws {
        let harness = try Harness(keyLimit: 64)
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1, per: .seconds(3_600))
        for _ in 0..<30 { _ = try await harness.consume(limit) }
        #expect(harness.store.remaining(limit, RateLimitKey("t")) < 970)
        harness.time.advance(by: .milliseconds(1_100))
        for subject in ["x", "y", "z"] { _ = try await harness.consume(limit, RateLimitKey("t", subject)) }
        try await harness.limiter.returnUnused()
        #expect(harness.store.remaining(limit, RateLimitKey("t")) == 970)
    }

    /// Tokens of one window were given back to the next.
    @Test func anEndedWindowsTokensAreNotGivenToTheNext() async throws {
        let harness = try Harness()
        let limit = try RateLimit.fixedWindow("a", quota: 1_000, per: .seconds(2))
        for _ in 0..<30 { _ = try await harness.consume(limit) }
        #expect(harness.store.remaining(limit, RateLimitKey("t")) < 970)
        harness.time.advance(by: .milliseconds(2_100))
        _ = harness.store.inner.verdict(.consume, 500, of: limit, for: RateLimitKey("t"), at: harness.time.instant())
        let request = RateLimitRequest(.penalty, RateLimitKey("t"), limit, cost: 1)
        #expect(try await harness.limiter.decide(request).binding.remaining == 499)
    }

    @Test func severalLimitsAreChargedAllOrNoneAlsoHere() async throws {
        let harness = try Harness()
        let large = try RateLimit.tokenBucket("large", capacity: 10_000, refill: 1, per: .seconds(60))
        let small = try RateLimit.tokenBucket("small", capacity: 40, refill: 1, per: .seconds(60))
        let request = RateLimitRequest(.consume, tenant: "t", [RateLimitCheck(large), RateLimitCheck(small)])
        var admitted: Int64 = 0
        for _ in 0..<500 where try await harness.limiter.decide(request).isAllowed { admitted += 1 }
        #expect(admitted >= 39)
        harness.time.advance(by: .milliseconds(250))
        for _ in 0..<500 where try await harness.limiter.decide(request).isAllowed { admitted += 1 }
        #expect(admitted == 40)
        let last = try await harness.limiter.decide(request)
        #expect(last.binding.name == "small" && last.verdicts[0].isAllowed && last.verdicts[0].granted == 0)
        // The large one has lost what was admitted, and what is leased goes back.
        try await harness.limiter.returnUnused(all: true)
        #expect(harness.store.remaining(large, RateLimitKey("t")) == 10_000 - 40)
        #expect(harness.store.remaining(small, RateLimitKey("t")) == 0)
    }

    @Test func tokensSetAsideInVainArePutBack() async throws {
        let harness = try Harness()
        let large = try RateLimit.tokenBucket("large", capacity: 10_000, refill: 1, per: .seconds(60))
        let small = try RateLimit.tokenBucket("small", capacity: 5, refill: 1, per: .seconds(60))
        for _ in 0..<30 { _ = try await harness.consume(large) }
        #expect(harness.store.remaining(large, RateLimitKey("t")) < 9_970)
        let request = RateLimitRequest(
            .consume, tenant: "t", [RateLimitCheck(large, cost: 2), RateLimitCheck(small, cost: 3)])
        let before = harness.store.trips
        #expect(try await harness.limiter.decide(request).isAllowed)
        #expect(try await !harness.limiter.decide(request).isAllowed)
        // Only the small one was asked for.
        #expect(harness.store.requests[before...].allSatisfy { $0.checks.map(\.limit.name) == ["small"] })
        try await harness.limiter.returnUnused(all: true)
        #expect(harness.store.remaining(large, RateLimitKey("t")) == 9_968)
        #expect(harness.store.remaining(small, RateLimitKey("t")) == 2)
    }

    /// What is set aside is the last that is here, and the store has just shown that it is scarce.
    @Test("tokens are neither made nor lost, whoever refuses", arguments: 0..<10)
    func tokensAreConserved(seed: UInt64) async throws {
        let harness = try Harness(share: 0.2)
        let random = SeededRandom(seed: seed)
        let limits = try (0..<3).map {
            try RateLimit.tokenBucket("l\($0)", capacity: 60 + 20 * Int64($0), refill: 1, per: .seconds(36_000))
        }
        var admitted = [Int64](repeating: 0, count: 3)
        for _ in 0..<600 {
            var checks: [RateLimitCheck] = []
            for index in 0..<3 where random.next(below: 3) > 0 {
                checks.append(RateLimitCheck(limits[index], cost: Int64(random.next(below: 3))))
            }
            if checks.isEmpty { continue }
            let decision = try await harness.limiter.decide(RateLimitRequest(.consume, tenant: "t", checks))
            for check in checks where decision.isAllowed {
                admitted[limits.firstIndex(of: check.limit) ?? 0] += check.cost
            }
            harness.time.advance(by: .milliseconds(Int(random.next(below: 100))))
        }
        try await harness.limiter.returnUnused(all: true)
        for (index, limit) in limits.enumerated() {
            #expect(harness.store.remaining(limit, RateLimitKey("t")) == limit.quota - admitted[index])
        }
        #expect(admitted[0] > 55)
    }

    @Test func unusedLeasesGoBackAndWindowsKeepTheirs() async throws {
        let harness = try Harness()
        let bucket = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1, per: .seconds(3_600))
        let window = try RateLimit.fixedWindow("b", quota: 1_000, per: .seconds(2))
        for _ in 0..<30 {
            _ = try await harness.consume(bucket)
            _ = try await harness.consume(window)
        }
        #expect(harness.store.remaining(bucket, RateLimitKey("t")) < 970)
        harness.time.advance(by: .milliseconds(1_900))
        for _ in 0..<10 { _ = try await harness.consume(window, RateLimitKey("other")) }
        harness.time.advance(by: .milliseconds(200))
        // A new window of key t; what was leased in the old one is worth nothing to it.
        let charged = try await harness.consume(window)
        #expect(charged.binding.remaining == 999)
        harness.time.advance(by: .seconds(1))
        try await harness.limiter.returnUnused()
        #expect(harness.store.remaining(bucket, RateLimitKey("t")) == 970)
        #expect(harness.counts.snapshot.tokensReturned > 0)
    }

    @Test func attemptsThatCountAreAlwaysAskedFor() async throws {
        let harness = try Harness()
        let limit = try RateLimit(
            "door", .tokenBucket(capacity: 100, refill: 1, period: .seconds(60)), countsAttempts: true)
        for _ in 0..<150 { _ = try await harness.consume(limit) }
        #expect(harness.store.trips == 150)
    }

    @Test func shadowLimitsAreLeasedAndRefuseNothing() async throws {
        let harness = try Harness()
        let real = try RateLimit.tokenBucket("real", capacity: 10_000, refill: 1)
        let trial = try RateLimit.tokenBucket("trial", capacity: 100, refill: 1, per: .seconds(60)).asShadow()
        let request = RateLimitRequest(.consume, tenant: "t", [RateLimitCheck(real), RateLimitCheck(trial)])
        var reported = 0
        for _ in 0..<1_000 {
            let decision = try await harness.limiter.decide(request)
            #expect(decision.isAllowed)
            if decision.wouldHaveRefused == ["trial"] { reported += 1 }
            harness.time.advance(by: .milliseconds(1))
        }
        #expect((900 - 1...900 + 3).contains(reported))
        #expect(harness.store.trips < 200)
    }

    @Test func aFloodOfKeysStaysWithinTheBound() async throws {
        let harness = try Harness(keyLimit: 1_024)
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 10)
        for key in 0..<20_000 {
            let decision = try await harness.consume(limit, RateLimitKey("t\(key)"))
            #expect(decision.isAllowed)
            if key % 100 == 0 { harness.time.advance(by: .milliseconds(1)) }
        }
        #expect(harness.limiter.keyCount <= 1_024)
        #expect(harness.store.trips == 20_000)
    }

    @Test("settings that cannot be are named", arguments: 0..<5)
    func settings(number: Int) throws {
        var configuration = LeaseConfiguration()
        switch number {
        case 0: configuration.largestShare = 0.6
        case 1: configuration.lifetime = .zero
        case 2: configuration.refusalMemory = .seconds(-1)
        case 3: configuration.keyLimit = 1
        default: configuration.shardCount = 0
        }
        #expect(throws: RateLimitConfigurationError.self) { try configuration.validate() }
        try LeaseConfiguration().validate()
    }
}
