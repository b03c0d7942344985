import Determinism
import DeterminismTestKit
import Synchronization
import Testing

@testable import RateLimiting

/// What happens to leased tokens, whatever goes wrong.
@Suite("The books of leases")
struct LeaseBooksTests {
    /// Random requests of three processes, with limits that change, operations from outside and a store that fails.
    private struct Shop {
        let time = ManualTime()
        let random: SeededRandom
        let store: ScriptedStore
        let counts: [RateLimitCounts]
        let limiters: [LeasedRateLimiter]
        let limits: [[RateLimit]]
        /// Tokens that each process served from leases.
        var served: [Int64]

        init(seed: UInt64) throws {
            let (random, time) = (SeededRandom(seed: seed), time)
            let store = try ScriptedStore(time)
            var configuration = LeaseConfiguration()
            configuration.largestShare = 0.3
            configuration.keyLimit = 64
            configuration.shardCount = 1
            let counts = (0..<3).map { _ in RateLimitCounts() }
            limiters = try counts.map {
                try LeasedRateLimiter(store, configuration, processes: { 3 }, time: time, observer: $0)
            }
            let rule = UsageOnChange.allCases[Int(seed) % UsageOnChange.allCases.count]
            limits = try [400, 700].map { quota in
                [
                    try RateLimit(
                        "a", .tokenBucket(capacity: quota, refill: quota, period: .seconds(1)), onChange: rule),
                    try RateLimit("b", .fixedWindow(quota: quota, window: .milliseconds(700)), onChange: rule),
                    try RateLimit("c", .slidingWindow(quota: quota, window: .seconds(1)), onChange: rule),
                ]
            }
            (self.random, self.store, self.counts) = (random, store, counts)
            served = [0, 0, 0]
        }

        private func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

        mutating func step() async {
            if draw(40) == 0 { trouble() }
            if draw(12) == 0 { time.advance(by: .milliseconds(1 + draw(1_500))) }
            let process = draw(3)
            if draw(60) == 0 {
                try? await limiters[process].returnUnused()
                return
            }
            var chosen = limits[draw(30) == 0 ? 1 : 0].filter { _ in draw(2) == 0 }
            if chosen.isEmpty { chosen = [limits[0][0]] }
            let checks = chosen.map {
                RateLimitCheck($0, subject: "\(draw(6) == 0 ? draw(60) : draw(4))", cost: Int64(1 + draw(3)))
            }
            let operation: RateLimitOperation =
                draw(25) > 0 ? .consume : [.penalty, .reward, .reset, .block(.milliseconds(5))][draw(4)]
            let tenants = ["x", "y"]
            let request = RateLimitRequest(operation, tenant: tenants[draw(2)], checks)
            guard let decision = try? await limiters[process].decide(request) else { return }
            for verdict in decision.verdicts where verdict.source == .lease { served[process] += verdict.granted }
        }

        private func trouble() {
            let codes: [RateLimitStoreError.Code] = [.unavailable, .timeout, .connectionLost]
            store.fail(draw(2) == 0 ? nil : RateLimitStoreError(codes[draw(3)]))
            store.state.withLock { $0.losesAnswers = draw(2) == 0 }
        }
    }

    @Test("every leased token is served, given back, or said to be lost", arguments: 0..<30)
    func books(seed: UInt64) async throws {
        var shop = try Shop(seed: seed)
        for _ in 0..<3_000 { await shop.step() }
        shop.store.fail(nil)
        for limiter in shop.limiters { try await limiter.returnUnused(all: true) }
        var total = RateLimitCounts.Snapshot()
        for (counts, served) in zip(shop.counts, shop.served) {
            let snapshot = counts.snapshot
            #expect(snapshot.tokensLeased == served + snapshot.tokensReturned + snapshot.tokensLapsed)
            total.tokensLeased += snapshot.tokensLeased
            total.tokensLapsed += snapshot.tokensLapsed
            total.tokensReturned += snapshot.tokensReturned
        }
        #expect(
            total.tokensLeased > 100 && total.tokensReturned > 5 && total.tokensLapsed > 5,
            "it saw too little: \(total)")
    }

    @Test("what a trip was to give back is owed as before if nothing was sent, and said to be lost if it may have been")
    func failedTrip() async throws {
        for (code, isLost) in [(RateLimitStoreError.Code.unavailable, false), (.timeout, true)] {
            let time = ManualTime()
            let store = try ScriptedStore(time)
            let counts = RateLimitCounts()
            let limiter = try LeasedRateLimiter(store, processes: { 1 }, time: time, observer: counts)
            let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1)
            let request = RateLimitRequest(.consume, RateLimitKey("x"), limit)
            while counts.snapshot.tokensLeased < 8 { #expect(try await limiter.decide(request).isAllowed) }
            let held = counts.snapshot.tokensLeased - Int64(counts.snapshot.leaseDecisions)
            #expect(held > 0)
            // The lease runs out; the next trip is to give back what was not used.
            time.advance(by: .seconds(3_600))
            store.failOnce(RateLimitStoreError(code))
            await #expect(throws: RateLimitStoreError.self) { try await limiter.decide(request) }
            #expect(counts.snapshot.tokensLapsed == (isLost ? held : 0))
            #expect(try await limiter.decide(request).isAllowed)
            #expect(counts.snapshot.tokensReturned == (isLost ? 0 : held))
        }
    }

    /// A key whose trip was under way was passed over at a shutdown: what was leased of it was lost until it refilled.
    @Test func whatATripBringsAtAShutdownGoesBackToo() async throws {
        let time = ManualTime()
        let store = try ScriptedStore(time)
        let counts = RateLimitCounts()
        let limiter = try LeasedRateLimiter(store, processes: { 1 }, time: time, observer: counts)
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1, per: .seconds(3_600))
        let key = RateLimitKey("x")
        var used: Int64 = 0
        func held() -> Int64 { counts.snapshot.tokensLeased - Int64(counts.snapshot.leaseDecisions) }
        while counts.snapshot.tokensLeased < 8 || held() == 0 {
            #expect(try await limiter.decide(RateLimitRequest(.consume, key, limit)).isAllowed)
            used += 1
        }
        let gate = Gate()
        store.hang(at: gate)
        async let last = try? limiter.decide(RateLimitRequest(.consume, key, limit, cost: 50))
        await eventually("it is under way") { gate.waitingCount == 1 }
        async let closing: Void? = try? limiter.returnUnused(all: true)
        await eventually("the end waits for it") { limiter.waiterCount == 1 }
        store.hang(at: nil)
        gate.open()
        #expect(await last?.isAllowed == true)
        #expect(await closing != nil)
        #expect(store.remaining(limit, key) == 1_000 - used - 50)
        #expect(counts.snapshot.tokensLapsed == 0)
    }

    /// A token that was set aside for another limit's trip vanished when its key was forgotten before the trip failed.
    @Test func aTokenThatWasSetAsideIsAccountedForWhenItsKeyIsGone() async throws {
        let time = ManualTime()
        let store = try ScriptedStore(time)
        let counts = RateLimitCounts()
        let limiter = try LeasedRateLimiter(store, processes: { 1 }, time: time, observer: counts)
        let limits = try ["a", "b"].map { try RateLimit.tokenBucket($0, capacity: 1_000, refill: 1) }
        func held() -> Int64 { counts.snapshot.tokensLeased - Int64(counts.snapshot.leaseDecisions) }
        while counts.snapshot.tokensLeased < 8 || held() > 1 {
            _ = try await limiter.decide(RateLimitRequest(.consume, RateLimitKey("x"), limits[0]))
        }
        #expect(held() == 1)
        let gate = Gate()
        store.fail(RateLimitStoreError(.unavailable))
        store.hang(at: gate)
        let trips = store.trips
        async let failed = try? limiter.decide(
            RateLimitRequest(.consume, tenant: "x", limits.map { RateLimitCheck($0) }))
        while store.trips == trips { await Task.yield() }
        time.advance(by: .seconds(3_600))
        try await limiter.returnUnused()
        gate.open()
        #expect(await failed == nil)
        #expect(counts.snapshot.tokensLapsed == 1)
    }
}
