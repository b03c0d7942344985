import Determinism
import DeterminismTestKit
import RateLimiting
import Synchronization
import Testing

/// Several processes over a store that goes away, loses answers and comes back at random.
@Suite("Many processes without their store, now and then")
struct StoreLossSimulationTests {
    /// Three processes, asked for 2,600 tokens of one key within a minute of an hour's window.
    private struct Fleet {
        let time = ManualTime()
        let counts = RateLimitCounts()
        let store: ScriptedStore
        private let random: SeededRandom
        private let limiters: [ResilientRateLimiter]
        private let limit: RateLimit
        private let failures: [RateLimitStoreError.Code]
        private(set) var admitted: Int64 = 0

        init(_ quota: Int64, failing failures: [RateLimitStoreError.Code], leases: Bool, seed: UInt64) throws {
            limit = try .fixedWindow("a", quota: quota, per: .seconds(3_600))
            self.failures = failures
            random = SeededRandom(seed: seed)
            store = try ScriptedStore(time)
            let (store, time, counts) = (store, time, counts)
            var configuration = LeaseConfiguration()
            configuration.largestShare = 0.1
            let shares = leases ? configuration : nil
            limiters = try (0..<3).map { _ in
                try ResilientRateLimiter(
                    remote: store, gate: ConsecutiveFailureGate(failures: 3, pause: .milliseconds(200), time: time),
                    leases: shares, processes: { 3 }, time: time, observer: counts)
            }
        }

        private func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

        mutating func step() async {
            switch draw(60) {
            case 0:
                let code = failures[draw(failures.count)]
                let loses = code != .unavailable && draw(2) == 0
                store.fail(RateLimitStoreError(code))
                store.state.withLock { $0.losesAnswers = loses }
            case 1: store.fail(nil)
            case 2: _ = await limiters[draw(3)].reconcile()
            case 3..<8: time.advance(by: .milliseconds(draw(400)))
            default:
                let cost = Int64(draw(3))
                let request = RateLimitRequest(.consume, RateLimitKey("hot"), limit, cost: cost)
                if await limiters[draw(3)].decide(request).isAllowed { admitted += cost }
            }
        }

        /// The store is back, and all processes end.
        func close() async {
            store.fail(nil)
            time.advance(by: .seconds(5))
            for limiter in limiters { await limiter.close() }
        }

        var remaining: Int64 { store.remaining(limit, RateLimitKey("hot")) }
    }

    /// What the store admits is the limit. Each process admits its share of it besides, once in the same window,
    /// however often the store goes away and comes back.
    @Test("no more than the limit and all shares, whatever the store does", arguments: 0..<12)
    func bound(seed: UInt64) async throws {
        var fleet = try Fleet(
            300, failing: [.unavailable, .timeout, .connectionLost], leases: seed % 2 == 0, seed: seed)
        for _ in 0..<3_000 { await fleet.step() }
        #expect(fleet.admitted <= 600)
        let counts = fleet.counts.snapshot
        #expect(
            fleet.admitted > 300 && counts.fallbackAdmissions > 20 && counts.storeFailures > 5,
            "it saw too little: \(fleet.admitted), \(counts)")
    }

    /// Where no answer is lost, the store has charged at the end what was admitted and what leases have lost, and not a
    /// token else.
    @Test("what was admitted without the store is charged to it, to the token", arguments: 0..<12)
    func charges(seed: UInt64) async throws {
        let quota: Int64 = 100_000
        var fleet = try Fleet(quota, failing: [.unavailable], leases: seed % 2 == 0, seed: seed)
        for _ in 0..<3_000 { await fleet.step() }
        await fleet.close()
        let counts = fleet.counts.snapshot
        #expect(counts.tokensDropped == 0)
        #expect(quota - fleet.remaining == fleet.admitted + counts.tokensLapsed)
        #expect(
            counts.fallbackAdmissions > 50 && counts.tokensReconciled > 50, "it saw too little: \(counts)")
    }
}
