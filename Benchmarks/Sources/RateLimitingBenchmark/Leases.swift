import Determinism
import RateLimiting
import Synchronization

/// Many processes, each with a limiter of its own, over one store and one clock that the simulation moves: trips beside
/// requests, and the most that any stretch of time saw beyond the limit's own bound.
struct Leases {
    private struct Run {
        var requests = 0
        var trips = 0
        /// Tokens admitted in each millisecond.
        var admitted: [Int] = []
    }

    func run() async throws {
        print("| a tenant of 10,000 tokens, 1,000 a second; 20 s | requests | admitted | trips | fewer | most beyond |")
        print("|---|---|---|---|---|---|")
        let steady: @Sendable (Double) -> @Sendable (Int) -> Double = { demand in { _ in demand } }
        // Half a second of nothing, in which leases are held, then 20 times the refill.
        let bursts: @Sendable (Int) -> Double = { $0 / 500 % 2 == 0 ? 0.2 : 20 }
        let scenes: [(String, Int, @Sendable (Int) -> Double)] = [
            ("10 processes, 5 times the refill", 10, steady(5)), ("10 processes, 0.9 of it", 10, steady(0.9)),
            ("10 processes, bursts", 10, bursts), ("2 processes, 5 times", 2, steady(5)),
            ("50 processes, 20 times", 50, steady(20)),
        ]
        for (name, processes, demand) in scenes {
            let run = try await simulate(processes: processes, demand)
            let admitted = run.admitted.reduce(0, +)
            let beyond = Double(excess(run.admitted)) / 10_000 * 100
            print(
                "| \(name) | \(run.requests) | \(admitted) | \(run.trips) "
                    + "| \(tenths(Double(run.requests) / Double(run.trips)))× | \(tenths(max(0, beyond))) % |")
        }
        print("")
        try await local()
    }

    private func simulate(processes: Int, _ perMillisecond: (Int) -> Double) async throws -> Run {
        let clock = SimulatedClock()
        let store = CountingStore(try InMemoryRateLimitStore(time: clock))
        let limiters = try (0..<processes).map { _ in
            try LeasedRateLimiter(store, processes: { processes }, time: clock)
        }
        let random = SeededRandom(seed: 7)
        let request = RateLimitRequest(
            .consume, RateLimitKey("hot"), try RateLimit.tokenBucket("orders", capacity: 10_000, refill: 1_000))
        var run = Run()
        var due = 0.0
        for millisecond in 0..<20_000 {
            var admitted = 0
            due += perMillisecond(millisecond)
            while due >= 1 {
                due -= 1
                run.requests += 1
                let limiter = limiters[Int(random.next(below: UInt64(processes)))]
                if try await limiter.decide(request).isAllowed { admitted += 1 }
            }
            run.admitted.append(admitted)
            clock.advance(by: 1_000_000)
        }
        run.trips = store.trips.load(ordering: .relaxed)
        return run
    }

    /// The most tokens, over all stretches of time, beyond 10,000 and 1 for each millisecond.
    private func excess(_ admitted: [Int]) -> Int {
        var (best, running) = (Int.min, 0)
        for tokens in admitted {
            running = max(running, 0) + tokens - 1
            best = max(best, running)
        }
        return best + 1 - 10_000
    }

    /// What a decision costs that needs no trip.
    private func local() async throws {
        let store = try InMemoryRateLimitStore()
        var configuration = LeaseConfiguration()
        configuration.lifetime = .seconds(3_600)
        let limiter = try LeasedRateLimiter(store, configuration, processes: { 1 })
        let open = RateLimitRequest(
            .consume, RateLimitKey("hot"), try RateLimit.tokenBucket("open", capacity: 1 << 40, refill: 1 << 40))
        let shut = RateLimitRequest(
            .consume, RateLimitKey("hot"),
            try RateLimit.fixedWindow("shut", quota: 1, per: .seconds(3_600), blocksFor: .seconds(3_600)))
        let time = SystemTime()
        print("| decision by a process' own knowledge | ns |")
        print("|---|---|")
        for (name, request) in [("from a lease", open), ("remembered refusal", shut)] {
            for _ in 0..<100_000 { _ = try await limiter.decide(request) }
            let begin = time.instant()
            for _ in 0..<500_000 { _ = try await limiter.decide(request) }
            print("| \(name) | \(tenths(Double((time.instant() - begin).inNanoseconds) / 500_000)) |")
        }
        print("")
    }
}

/// Time that moves when it is told to; nobody sleeps by it.
private final class SimulatedClock: TimeSource {
    private let elapsed = Atomic<Int64>(0)

    func advance(by nanoseconds: Int64) { elapsed.wrappingAdd(nanoseconds, ordering: .relaxed) }
    func now() -> Timestamp { Timestamp(microseconds: elapsed.load(ordering: .relaxed) / 1_000) }
    func instant() -> Instant { Instant(nanoseconds: elapsed.load(ordering: .relaxed)) }
    func sleep(until deadline: Instant) async throws { throw CancellationError() }
}

private final class CountingStore: RateLimitStore {
    let trips = Atomic(0)
    private let store: InMemoryRateLimitStore

    init(_ store: InMemoryRateLimitStore) { self.store = store }

    func decide(_ request: RateLimitRequest) async throws(RateLimitStoreError) -> RateLimitDecision {
        trips.wrappingAdd(1, ordering: .relaxed)
        return try await store.decide(request)
    }
}
