import Determinism
import DeterminismTestKit
import Synchronization
import Testing

@testable import RateLimiting

@Suite("Without the store")
struct StoreLossTests {
    private struct Harness {
        let time = ManualTime()
        let store: ScriptedStore
        let counts = RateLimitCounts()
        let limiter: ResilientRateLimiter

        init(_ policy: StoreLossPolicy = .share, processes: Int = 4, keyLimit: Int = 65_536) throws {
            store = try ScriptedStore(time)
            var configuration = StoreLossConfiguration()
            (configuration.policy, configuration.keyLimit) = (policy, keyLimit)
            limiter = try ResilientRateLimiter(
                store, configuration, processes: { processes }, time: time, random: SeededRandom(seed: 1),
                observer: counts)
        }

        func admitted(_ limit: RateLimit, _ times: Int, policy: StoreLossPolicy? = nil, cost: Int64 = 1) async -> Int {
            var admitted = 0
            var request = RateLimitRequest(.consume, RateLimitKey("t"), limit, cost: cost)
            request.whenStoreIsAway = policy
            for _ in 0..<times where await limiter.decide(request).isAllowed { admitted += 1 }
            return admitted
        }
        /// Asks once for each of so many keys.
        func ask(_ count: Int, _ limit: RateLimit, tenant: String = "t", cost: Int64 = 1) async {
            for key in 0..<count {
                _ = await limiter.decide(RateLimitRequest(.consume, RateLimitKey(tenant, "\(key)"), limit, cost: cost))
            }
        }
        func lose() { store.fail(RateLimitStoreError(.unavailable)) }
        func find() { store.fail(nil) }
    }

    @Test func theStoreDecidesWhileItIsThere() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("a", capacity: 10, refill: 1)
        #expect(await harness.admitted(limit, 15) == 10)
        #expect(harness.counts.snapshot.fallbackDecisions == 0)
    }

    @Test func eachProcessEnforcesItsShare() async throws {
        let harness = try Harness(.share, processes: 4)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 10)
        harness.lose()
        #expect(await harness.admitted(limit, 60) == 25)
        harness.time.advance(by: .seconds(2))
        #expect(await harness.admitted(limit, 60) == 5)
        let decision = await harness.limiter.decide(RateLimitRequest(.consume, RateLimitKey("t"), limit))
        #expect(decision.binding.source == .fallback && decision.retryAfter == .milliseconds(400))
        // More than a share is too much for now; more than the limit is never.
        let large = await harness.limiter.decide(RateLimitRequest(.consume, RateLimitKey("u"), limit, cost: 30))
        #expect(large.outcome == .refused && large.retryAfter == .seconds(1))
        let never = await harness.limiter.decide(RateLimitRequest(.consume, RateLimitKey("u"), limit, cost: 101))
        #expect(never.outcome == .never && never.retryAfter == nil)
        #expect(harness.counts.snapshot.fallbackAdmissions == 30)
    }

    /// How many processes there are.
    private final class Census: Sendable {
        let processes = Atomic(1)
    }

    /// A process that was left alone began anew, with all of the limit.
    @Test func anotherCountOfProcessesScalesWhatIsUsed() async throws {
        let (time, census) = (ManualTime(), Census())
        let store = try ScriptedStore(time)
        store.fail(RateLimitStoreError(.unavailable))
        let limiter = try ResilientRateLimiter(
            store, StoreLossConfiguration(), processes: { census.processes.load(ordering: .relaxed) }, time: time,
            random: SeededRandom(seed: 1))
        for rule in UsageOnChange.allCases {
            let limit = try RateLimit(
                "\(rule)", .fixedWindow(quota: 100, window: .seconds(60)), onChange: rule)
            let request = RateLimitRequest(.consume, RateLimitKey("t"), limit)
            func admitted(_ count: Int, among: Int) async -> Int {
                census.processes.store(among, ordering: .relaxed)
                var admitted = 0
                for _ in 0..<count where await limiter.decide(request).isAllowed { admitted += 1 }
                return admitted
            }
            #expect(await admitted(80, among: 2) == 50)
            #expect(await admitted(80, among: 1) == 0)
            #expect(await admitted(80, among: 2) == 0)
        }
    }

    @Test func aRouteMayBeOpenOrClosed() async throws {
        let harness = try Harness(.deny)
        let limit = try RateLimit.tokenBucket("a", capacity: 10, refill: 1)
        harness.lose()
        #expect(await harness.admitted(limit, 20) == 0)
        #expect(await harness.admitted(limit, 20, policy: .allow) == 20)
        #expect(await harness.admitted(limit, 3, policy: .allow, cost: 11) == 0)
        let request = RateLimitRequest(.consume, RateLimitKey("t"), limit)
        #expect(await harness.limiter.decide(request).retryAfter == .seconds(1))
    }

    @Test func whatWasAdmittedMeanwhileIsChargedAfterwards() async throws {
        let harness = try Harness(.allow)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 10)
        harness.lose()
        #expect(await harness.admitted(limit, 60) == 60)
        #expect(harness.limiter.pendingDebtCount == 1)
        #expect(harness.store.remaining(limit, RateLimitKey("t")) == 100)
        // Two seconds refill twenty of them.
        harness.time.advance(by: .seconds(2))
        harness.find()
        #expect(await harness.admitted(limit, 1) == 1)
        #expect(harness.store.remaining(limit, RateLimitKey("t")) == 100 - 40 - 1)
        #expect(harness.limiter.pendingDebtCount == 0)
        #expect(harness.counts.snapshot.tokensReconciled == 40)
        #expect(await harness.admitted(limit, 100) == 59)
    }

    @Test func keysThatNobodyAsksForAreReconciledToo() async throws {
        let harness = try Harness(.allow)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1, per: .seconds(60))
        harness.lose()
        await harness.ask(30, limit, cost: 7)
        #expect(await harness.limiter.reconcile() == 30)
        harness.find()
        #expect(await harness.limiter.reconcile() == 0)
        for key in 0..<30 { #expect(harness.store.remaining(limit, RateLimitKey("t", "\(key)")) == 93) }
        #expect(await harness.limiter.reconcile() == 0)
        #expect(harness.counts.snapshot.tokensReconciled == 210)
    }

    /// Each vain try began the debt's window anew, and rounded a bucket up: what was owed only grew while the store was
    /// away.
    @Test func aDebtThatIsAskedForAgainAndAgainDrainsNevertheless() async throws {
        let harness = try Harness(.allow)
        let window = try RateLimit("window", .fixedWindow(quota: 6_000, window: .seconds(60)))
        let sliding = try RateLimit("sliding", .slidingWindow(quota: 6_000, window: .seconds(60)))
        let bucket = try RateLimit.tokenBucket("bucket", capacity: 1_000, refill: 1, per: .seconds(4))
        harness.lose()
        for second in 0..<300 {
            #expect(await harness.admitted(window, 5) == 5)
            #expect(await harness.admitted(sliding, 5) == 5)
            if second < 100 { #expect(await harness.admitted(bucket, 1) == 1) }
            #expect(await harness.limiter.reconcile() > 0)
            harness.time.advance(by: .seconds(1))
        }
        harness.find()
        await harness.limiter.reconcile()
        #expect(6_000 - harness.store.remaining(window, RateLimitKey("t")) <= 300)
        #expect(6_000 - harness.store.remaining(sliding, RateLimitKey("t")) <= 600)
        // A hundred were used, and 75 came back.
        #expect(1_000 - harness.store.remaining(bucket, RateLimitKey("t")) == 25)
    }

    /// Each trip that timed out carried the whole debt again, and the store had charged them all.
    @Test func aDebtOnATripWhoseAnswerWasLostIsNotChargedTwice() async throws {
        let harness = try Harness(.allow)
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1, per: .seconds(60))
        harness.lose()
        #expect(await harness.admitted(limit, 100) == 100)
        harness.store.fail(RateLimitStoreError(.timeout))
        harness.store.state.withLock { $0.losesAnswers = true }
        #expect(await harness.admitted(limit, 10) == 10)
        #expect(harness.counts.snapshot.tokensDropped == 100)
        // The hundred once; the ten of the requests by the store, and not twice yet.
        #expect(harness.store.remaining(limit, RateLimitKey("t")) == 890)
        _ = await harness.limiter.reconcile()
        #expect(harness.store.remaining(limit, RateLimitKey("t")) == 890)
        harness.find()
        #expect(await harness.limiter.reconcile() == 0)
        #expect(harness.store.remaining(limit, RateLimitKey("t")) == 880)
    }

    /// A stop that was broken off took debts out and put them back thousands of times, and lost two each time.
    @Test func aCloseThatIsCancelledEndsAtOnce() async throws {
        let harness = try Harness(.allow)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1, per: .seconds(60))
        harness.lose()
        await harness.ask(2_500, limit)
        harness.store.fail(RateLimitStoreError(.cancelled))
        let before = harness.store.trips
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask { await harness.limiter.close() }
        }
        #expect(harness.store.trips <= before + 1)
        #expect(harness.counts.snapshot.tokensDropped == 2_500, "they are said to be lost")
    }

    /// Served from a lease while the store hung, a hot key seemed to say that it answers.
    @Test func aLeaseSaysNothingOfTheStore() async throws {
        let time = ManualTime()
        let (store, counts) = (try ScriptedStore(time), RateLimitCounts())
        var leases = LeaseConfiguration()
        leases.largestShare = 0.1
        let gate = ConsecutiveFailureGate(failures: 100, pause: .seconds(1), time: time)
        let limiter = try ResilientRateLimiter(
            remote: store, gate: gate, leases: leases, processes: { 1 }, time: time, observer: counts)
        let hot = try RateLimit.tokenBucket("hot", capacity: 1_000, refill: 1)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1, per: .seconds(60))
        func ask(_ limit: RateLimit, _ name: String) async -> RateLimitSource {
            await limiter.decide(RateLimitRequest(.consume, RateLimitKey("t", name), limit)).binding.source
        }
        for _ in 0..<40 { _ = await ask(hot, "hot") }
        store.fail(RateLimitStoreError(.unavailable))
        for key in ["x", "y"] { #expect(await ask(limit, key) == .fallback) }
        store.fail(RateLimitStoreError(.timeout))
        #expect(await ask(limit, "x") == .fallback)
        #expect(counts.snapshot.tokensDropped == 1, "its debt was on the way")
        #expect(await ask(hot, "hot") == .lease)
        #expect(await ask(limit, "y") == .fallback)
        #expect(counts.snapshot.tokensDropped == 1, "none travels until the store has answered")
        store.fail(nil)
        #expect(await limiter.reconcile() == 0)
        #expect(store.remaining(limit, RateLimitKey("t", "x")) == 99)
        #expect(store.remaining(limit, RateLimitKey("t", "y")) == 98)
    }

    /// A process that ends charged a thousand of its debts and forgot the others without a word.
    @Test func whatIsOwedAtTheEndIsChargedOrSaidToBeLost() async throws {
        let harness = try Harness(.allow)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1, per: .seconds(60))
        func owe(_ name: String) async {
            harness.lose()
            await harness.ask(2_500, limit, tenant: name)
        }
        await owe("charged")
        harness.find()
        await harness.limiter.close()
        #expect(harness.counts.snapshot.tokensReconciled == 2_500 && harness.limiter.pendingDebtCount == 0)
        await owe("lost")
        await harness.limiter.close()
        #expect(harness.counts.snapshot.tokensDropped == 2_500 && harness.limiter.pendingDebtCount == 0)
    }

    /// One key that the store cannot charge stood before the others, each time anew, and none was ever charged.
    @Test func aKeyThatCannotBeChargedHoldsUpNoOther() async throws {
        let harness = try Harness(.allow)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1, per: .seconds(60))
        harness.lose()
        await harness.ask(30, limit, cost: 7)
        harness.store.state.withLock { $0.brokenSubject = "11" }
        harness.find()
        #expect(await harness.limiter.reconcile() == 1)
        #expect(harness.counts.snapshot.tokensReconciled == 29 * 7)
    }

    @Test func runReconcilesByItself() async throws {
        let harness = try Harness(.allow)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1, per: .seconds(60))
        harness.lose()
        #expect(await harness.admitted(limit, 5) == 5)
        harness.find()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await harness.limiter.run() }
            await eventually("it sleeps") { harness.time.sleeperCount == 1 }
            harness.time.advance(by: .seconds(1))
            await eventually("it is charged") { harness.limiter.pendingDebtCount == 0 }
            group.cancelAll()
        }
        #expect(harness.store.remaining(limit, RateLimitKey("t")) == 95)
    }

    @Test func debtsAreBounded() async throws {
        let harness = try Harness(.allow, keyLimit: 64)
        let limit = try RateLimit.tokenBucket("a", capacity: 100, refill: 1, per: .seconds(60))
        harness.lose()
        await harness.ask(1_000, limit)
        #expect(harness.limiter.pendingDebtCount == 64)
        #expect(harness.counts.snapshot.tokensDropped == 936)
        // What has drained makes room.
        harness.time.advance(by: .seconds(61))
        _ = await harness.limiter.decide(RateLimitRequest(.consume, RateLimitKey("t", "new"), limit))
        #expect(harness.limiter.pendingDebtCount == 1)
    }

    @Test func severalLimitsAndPenaltiesAreOwed() async throws {
        let harness = try Harness(.share, processes: 1)
        let one = try RateLimit.tokenBucket("one", capacity: 10, refill: 1, per: .seconds(60))
        let two = try RateLimit.tokenBucket("two", capacity: 3, refill: 1, per: .seconds(60))
        harness.lose()
        var request = RateLimitRequest(.consume, tenant: "t", [RateLimitCheck(one), RateLimitCheck(two)])
        var admitted = 0
        for _ in 0..<9 where await harness.limiter.decide(request).isAllowed { admitted += 1 }
        #expect(admitted == 3)
        request = RateLimitRequest(.penalty, RateLimitKey("t"), one, cost: 2)
        _ = await harness.limiter.decide(request)
        harness.find()
        #expect(await harness.limiter.reconcile() == 0)
        #expect(harness.store.remaining(one, RateLimitKey("t")) == 5)
        #expect(harness.store.remaining(two, RateLimitKey("t")) == 0)
    }

    @Test func leasedTokensServeWhileTheStoreIsAway() async throws {
        let time = ManualTime()
        let store = try ScriptedStore(time)
        let counts = RateLimitCounts()
        var leases = LeaseConfiguration()
        leases.largestShare = 0.1
        let gate = ConsecutiveFailureGate(failures: 1, pause: .seconds(1), time: time)
        let limiter = try ResilientRateLimiter(
            remote: store, gate: gate, leases: leases, processes: { 1 }, time: time, observer: counts)
        let limit = try RateLimit.tokenBucket("a", capacity: 1_000, refill: 1)
        let request = RateLimitRequest(.consume, RateLimitKey("t"), limit)
        for _ in 0..<40 { _ = await limiter.decide(request) }
        store.fail(RateLimitStoreError(.unavailable))
        let before = store.trips
        var sources: [RateLimitSource: Int] = [:]
        for _ in 0..<200 { sources[await limiter.decide(request).binding.source, default: 0] += 1 }
        #expect(sources[.lease, default: 0] > 5)
        #expect(sources[.fallback, default: 0] > 100)
        #expect(store.trips == before + 1)
        store.fail(nil)
        time.advance(by: .seconds(1))
        let after = await limiter.decide(request)
        #expect(after.binding.source == .store && limiter.pendingDebtCount == 0)
    }

    @Test func shadowRefusalsAreReported() async throws {
        let harness = try Harness()
        let limit = try RateLimit.tokenBucket("trial", capacity: 2, refill: 1, per: .seconds(60)).asShadow()
        #expect(await harness.admitted(limit, 10) == 10)
        #expect(harness.counts.snapshot.wouldHaveRefused == 8)
    }

    @Test("settings that cannot be are named", arguments: 0..<4)
    func settings(number: Int) throws {
        var configuration = StoreLossConfiguration()
        switch number {
        case 0: configuration.retryAfter = .zero
        case 1: configuration.keyLimit = 1
        case 2: configuration.reconcileInterval = .zero
        default: configuration.reconcileCount = 0
        }
        #expect(throws: RateLimitConfigurationError.self) { try configuration.validate() }
        try StoreLossConfiguration().validate()
    }

    @Test func plansChangeWhileTheyAreInUse() throws {
        let registry = RateLimitRegistry()
        let free = try RateLimit.tokenBucket("orders", capacity: 10, refill: 1)
        let paid = try RateLimit.tokenBucket("orders", capacity: 100, refill: 10)
        try registry.replace("free", with: [free])
        #expect(registry.limits(of: "free") == [free] && registry.limits(of: "none").isEmpty)
        try registry.replace("free", with: [paid])
        #expect(registry.limits(of: "free") == [paid] && registry.version == 2)
        #expect(throws: RateLimitConfigurationError.self) { try registry.replace("x", with: [free, paid]) }
        try registry.replace("free", with: [])
        #expect(registry.limits(of: "free").isEmpty)
    }
}
