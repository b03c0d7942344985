import Determinism
import DeterminismTestKit
import RateLimiting
import Testing

@Suite("The store in memory")
struct InMemoryStoreTests {
    @Test func eightTasksOnOneKeyNeverExceed() async throws {
        let time = ManualTime()
        let store = try InMemoryRateLimitStore(time: time)
        let limit = try RateLimit.tokenBucket("a", capacity: 10_000, refill: 1)
        let other = try RateLimit.fixedWindow("b", quota: 9_000, per: .seconds(60))
        let admitted = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var admitted = 0
                    for round in 0..<4_000 {
                        if (round + task) % 2 == 0 {
                            let verdict = store.consume(of: limit, for: RateLimitKey("t"))
                            if verdict.isAllowed { admitted += 1 }
                        } else {
                            // The other way round in every other task: locks are taken in one order nevertheless.
                            let checks = [RateLimitCheck(limit), RateLimitCheck(other, subject: "\(round % 3)")]
                            let request = RateLimitRequest(
                                .consume, tenant: "t", task % 2 == 0 ? checks : checks.reversed())
                            if store.decision(for: request, at: time.instant()).isAllowed { admitted += 1 }
                        }
                    }
                    return admitted
                }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 10_000)
        let left = store.verdict(.peek, of: limit, for: RateLimitKey("t"), at: time.instant())
        #expect(left.remaining == 0)
    }

    @Test func allOrNoneHoldsUnderThreads() async throws {
        let store = try InMemoryRateLimitStore(time: ManualTime())
        let pairs = try (0..<6).map {
            try RateLimit.tokenBucket("l\($0)", capacity: 1_000 + Int64($0), refill: 1, per: .seconds(36_000))
        }
        let admitted = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    let random = SeededRandom(seed: UInt64(task))
                    var admitted = 0
                    for _ in 0..<2_000 {
                        // In another order each time.
                        let first = Int(random.next(below: 6))
                        let checks = pairs.indices.map { RateLimitCheck(pairs[($0 + first) % 6]) }
                        let request = RateLimitRequest(.consume, tenant: "t", checks)
                        if store.decision(for: request, at: Instant(nanoseconds: 0)).isAllowed { admitted += 1 }
                    }
                    return admitted
                }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 1_000)
        for (index, limit) in pairs.enumerated() {
            let left = store.verdict(.peek, of: limit, for: RateLimitKey("t"), at: Instant(nanoseconds: 0))
            #expect(left.remaining == Int64(index))
        }
    }

    @Test func aFloodOfKeysStaysWithinTheBound() throws {
        var configuration = InMemoryRateLimitConfiguration()
        configuration.keyLimit = 10_000
        let store = try InMemoryRateLimitStore(configuration, random: SeededRandom(seed: 4))
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1)
        let now = Instant(nanoseconds: 0)
        for victim in 0..<100 {
            _ = store.verdict(.block(.seconds(3_600)), of: limit, for: RateLimitKey("blocked \(victim)"), at: now)
            _ = store.verdict(.consume, 50, of: limit, for: RateLimitKey("half \(victim)"), at: now)
        }
        for key in 0..<1_200_000 { _ = store.verdict(.consume, of: limit, for: RateLimitKey("k\(key)"), at: now) }
        let snapshot = store.snapshot
        #expect(store.keyLimit <= 11_008)
        #expect(snapshot.keyCount <= store.keyLimit && snapshot.keyCount > store.keyLimit * 9 / 10)
        #expect(snapshot.evictionCount > 1_000_000)
        // What is blocked or used more than a newcomer needs has not given way.
        for victim in 0..<100 {
            #expect(
                store.verdict(.peek, of: limit, for: RateLimitKey("blocked \(victim)"), at: now).outcome == .blocked)
            #expect(store.verdict(.peek, of: limit, for: RateLimitKey("half \(victim)"), at: now).remaining == 50)
        }
    }

    /// A store whose sixteen places are blocked keys of one limit, and nobody has shared a state yet.
    private func fullOfBlocked(at now: Instant) throws -> InMemoryRateLimitStore {
        var configuration = InMemoryRateLimitConfiguration()
        (configuration.keyLimit, configuration.shardCount) = (16, 1)
        // With this seed no key has both of its buckets in the half that is full before the other one is.
        let store = try InMemoryRateLimitStore(configuration, random: SeededRandom(seed: 9))
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1)
        for key in 0..<60 where store.snapshot.keyCount < 16 {
            _ = store.verdict(.block(.seconds(60)), of: limit, for: RateLimitKey("b\(key)"), at: now)
        }
        #expect(store.snapshot.keyCount == 16 && store.snapshot.sharedDecisionCount == 0)
        return store
    }

    /// A place that an earlier check of the same decision had claimed, and not written yet, was read as a state.
    @Test func moreLimitsWithoutAPlaceThanThereAreSharedOnesBeginAnew() throws {
        let now = Instant(nanoseconds: 1_000)
        let store = try fullOfBlocked(at: now)
        let limits = try (0..<28).map { try RateLimit.tokenBucket("l\($0)", capacity: 100, refill: 1) }
        for limit in limits[..<12] { _ = store.verdict(.consume, of: limit, for: RateLimitKey("late"), at: now) }
        #expect(store.snapshot.sharedDecisionCount == 12)
        let request = RateLimitRequest(.consume, tenant: "late", limits[12...].map { RateLimitCheck($0) })
        let decision = store.decision(for: request, at: now)
        #expect(decision.isAllowed, "\(decision)")
    }

    @Test func newcomersWithoutAPlaceShareOneState() throws {
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1)
        let now = Instant(nanoseconds: 0)
        let store = try fullOfBlocked(at: now)
        var admitted = 0
        for key in 0..<1_000 where store.verdict(.consume, of: limit, for: RateLimitKey("k\(key)"), at: now).isAllowed {
            admitted += 1
        }
        // All of them have one bucket of 100 together.
        #expect(admitted == 100)
        #expect(store.snapshot.sharedDecisionCount == 1_000)
        #expect(store.snapshot.keyCount <= 16)
        // A minute later their states say nothing, and give way.
        let later = now + .seconds(3_600)
        #expect(store.verdict(.consume, of: limit, for: RateLimitKey("late"), at: later).remaining == 99)
    }

    @Test func aNewcomerTakesThePlaceOfNobodyWhoHasUsedMore() throws {
        var configuration = InMemoryRateLimitConfiguration()
        (configuration.keyLimit, configuration.shardCount) = (16, 1)
        let store = try InMemoryRateLimitStore(configuration, random: SeededRandom(seed: 4))
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1)
        let now = Instant(nanoseconds: 0)
        var residents: [RateLimitKey] = []
        for number in 0..<60 where residents.count < 16 {
            let key = RateLimitKey("r\(number)")
            let before = store.snapshot.keyCount
            _ = store.verdict(.consume, 50, of: limit, for: key, at: now)
            if store.snapshot.keyCount > before { residents.append(key) }
        }
        #expect(residents.count == 16)
        for key in 0..<300 { _ = store.verdict(.consume, 49, of: limit, for: RateLimitKey("k\(key)"), at: now) }
        #expect(residents.allSatisfy { store.verdict(.peek, of: limit, for: $0, at: now).remaining == 50 })
        // One who uses as much does, and there are as many keys as before.
        let evicted = store.snapshot.evictionCount
        _ = store.verdict(.consume, 50, of: limit, for: RateLimitKey("as much"), at: now)
        #expect(store.snapshot.evictionCount == evicted + 1 && store.snapshot.keyCount == 16)
    }

    /// Who was moved to make room is found again, with what it had used.
    @Test func nineTenthsOfThePlacesAreTakenBeforeAnybodyIsForgotten() throws {
        var configuration = InMemoryRateLimitConfiguration()
        (configuration.keyLimit, configuration.shardCount) = (7_802, 2)
        let store = try InMemoryRateLimitStore(configuration, random: SeededRandom(seed: 6))
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1)
        let (now, random) = (Instant(nanoseconds: 0), SeededRandom(seed: 7))
        let keys = (0..<7_372).map { RateLimitKey("k\($0)") }
        var used = [Int64](repeating: 0, count: keys.count)
        func use(_ index: Int) {
            let cost = 1 + Int64(random.next(below: 3))
            used[index] += cost
            let verdict = store.verdict(.consume, cost, of: limit, for: keys[index], at: now)
            #expect(verdict.remaining == 1_000 - used[index])
        }
        for index in keys.indices {
            use(index)
            use(Int(random.next(below: UInt64(index + 1))))
        }
        // Places are left and taken again.
        for _ in 0..<20_000 {
            let index = Int(random.next(below: UInt64(keys.count)))
            if random.next(below: 4) == 0 {
                _ = store.verdict(.reset, of: limit, for: keys[index], at: now)
                used[index] = 0
            } else {
                use(index)
            }
        }
        for (index, key) in keys.enumerated() {
            #expect(store.verdict(.peek, of: limit, for: key, at: now).remaining == 1_000 - used[index])
        }
        let snapshot = store.snapshot
        #expect(snapshot.evictionCount == 0 && snapshot.sharedDecisionCount == 0)
        #expect(snapshot.keyCount == used.count { $0 > 0 })
    }

    /// A place that a check of the decision has claimed is neither moved nor given to another check.
    @Test func checksOfOneDecisionDoNotMoveEachOther() throws {
        var configuration = InMemoryRateLimitConfiguration()
        (configuration.keyLimit, configuration.shardCount) = (60, 1)
        let limits = try (0..<6).map { try RateLimit.tokenBucket("l\($0)", capacity: 1_000_000, refill: 1) }
        let now = Instant(nanoseconds: 0)
        var fullTables = 0
        for seed in 0..<200 {
            let store = try InMemoryRateLimitStore(configuration, random: SeededRandom(seed: UInt64(seed)))
            let random = SeededRandom(seed: UInt64(seed) + 1_000)
            var used: [Int64] = Array(repeating: 0, count: 60)
            for _ in 0..<120 {
                // Some of the ten tenants' six limits, in any order.
                let tenant = Int(random.next(below: 10))
                let first = Int(random.next(below: 6))
                let chosen = (0..<1 + Int(random.next(below: 6))).map { (first + $0 * 5) % 6 }
                let checks = chosen.map { RateLimitCheck(limits[$0], cost: Int64($0 + 1)) }
                let decision = store.decision(
                    for: RateLimitRequest(.consume, tenant: "t\(tenant)", checks), at: now)
                for (place, index) in chosen.enumerated() {
                    used[tenant * 6 + index] += Int64(index + 1)
                    guard store.snapshot.evictionCount + store.snapshot.sharedDecisionCount == 0 else { continue }
                    #expect(decision.verdicts[place].remaining == 1_000_000 - used[tenant * 6 + index])
                }
            }
            guard store.snapshot.evictionCount + store.snapshot.sharedDecisionCount == 0 else { continue }
            if store.snapshot.keyCount >= 58 { fullTables += 1 }
            for place in used.indices {
                let key = RateLimitKey("t\(place / 6)")
                let left = store.verdict(.peek, of: limits[place % 6], for: key, at: now).remaining
                #expect(left == 1_000_000 - used[place])
            }
        }
        #expect(fullTables > 20, "the tables of this test are to be almost full")
    }

    /// A newcomer took the place of a key that a later check of the same decision knew: of two charges one was lost.
    @Test func noCheckTakesThePlaceOfAnotherOfItsDecision() throws {
        var configuration = InMemoryRateLimitConfiguration()
        (configuration.keyLimit, configuration.shardCount) = (16, 1)
        let limits = try (0..<6).map { try RateLimit.tokenBucket("l\($0)", capacity: 1_000, refill: 1) }
        let now = Instant(nanoseconds: 0)
        var evictions = 0
        for seed in 0..<300 as Range<UInt64> {
            let store = try InMemoryRateLimitStore(configuration, random: SeededRandom(seed: seed))
            for tenant in 0..<5 {
                for limit in limits { _ = store.verdict(.consume, of: limit, for: RateLimitKey("t\(tenant)"), at: now) }
            }
            let before = store.snapshot.evictionCount
            let tenant = "t\(seed % 5)"
            let request = RateLimitRequest(.consume, tenant: tenant, limits.map { RateLimitCheck($0, cost: 5) })
            let decision = store.decision(for: request, at: now)
            #expect(decision.isAllowed)
            evictions += store.snapshot.evictionCount - before
            for (limit, verdict) in zip(limits, decision.verdicts) {
                let left = store.verdict(.peek, of: limit, for: RateLimitKey(tenant), at: now).remaining
                #expect(left == verdict.remaining && left <= 995, "seed \(seed), \(limit.name)")
            }
        }
        #expect(evictions > 300, "the tables of this test are to be full")
    }

    @Test func whatSaysNothingLeavesItsPlace() throws {
        let store = try InMemoryRateLimitStore(random: SeededRandom(seed: 4))
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1)
        let (key, now) = (RateLimitKey("t", "k"), Instant(nanoseconds: 0))
        _ = store.verdict(.consume, of: limit, for: key, at: now)
        #expect(store.snapshot.keyCount == 1)
        _ = store.verdict(.reset, of: limit, for: key, at: now)
        #expect(store.snapshot.keyCount == 0)
        _ = store.verdict(.peek, of: limit, for: key, at: now)
        _ = store.verdict(.consume, 101, of: limit, for: key, at: now)
        #expect(store.snapshot.keyCount == 0)
    }

    @Test func settingsThatCannotBeAreNamed() {
        var configuration = InMemoryRateLimitConfiguration()
        configuration.keyLimit = 15
        #expect(throws: RateLimitConfigurationError.self) { try InMemoryRateLimitStore(configuration) }
        configuration = InMemoryRateLimitConfiguration()
        configuration.shardCount = 0
        #expect(throws: RateLimitConfigurationError.self) { try InMemoryRateLimitStore(configuration) }
    }

    @Test func portDecidesByTheStoresClock() async throws {
        let time = ManualTime()
        let store: any RateLimitStore = try InMemoryRateLimitStore(time: time)
        let limit = try RateLimit.tokenBucket("a", capacity: 1, refill: 1)
        let request = RateLimitRequest(.consume, RateLimitKey("t"), limit)
        #expect(try await store.decide(request).isAllowed)
        #expect(try await store.decide(request).retryAfter == .seconds(1))
        time.advance(by: .seconds(1))
        #expect(try await store.decide(request).isAllowed)
    }
}
