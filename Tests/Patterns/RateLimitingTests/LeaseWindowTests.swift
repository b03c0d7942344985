import Determinism
import DeterminismTestKit
import Testing

@testable import RateLimiting

/// Leases that outlive the window that they were charged to, by clocks that step back and leap: the store's, as a
/// server's wall clock does, and those of the processes.
@Suite("Leases over the ends of windows")
struct LeaseWindowTests {
    /// Four processes with a limiter and a clock each, over a store with a clock of its own. All of them together may
    /// hold 80 of 400 tokens.
    private struct Fleet {
        static let quota: Int64 = 400
        static let held: Int64 = 80
        private static let processes = 4
        private static let key = RateLimitKey("hot")
        let limit: RateLimit
        let counts = RateLimitCounts()
        private let random: SeededRandom
        private let store: ScriptedStore
        private let storeTime = ManualTime()
        private let clocks = (0..<Self.processes).map { _ in ManualTime() }
        private let limiters: [LeasedRateLimiter]
        /// Tokens admitted in each millisecond by which the store's clock has gone forward. Steps back are no time.
        private(set) var admitted: [Int64] = [0]
        private(set) var stepsBack = 0

        init(_ algorithm: RateLimitAlgorithm, lifetime: Duration, seed: UInt64) throws {
            limit = try RateLimit("a", algorithm)
            random = SeededRandom(seed: seed)
            store = try ScriptedStore(storeTime)
            var configuration = LeaseConfiguration()
            (configuration.largestShare, configuration.lifetime) = (0.2, lifetime)
            let (store, counts) = (store, counts)
            limiters = try clocks.map {
                try LeasedRateLimiter(
                    store, configuration, processes: { Self.processes }, time: $0, observer: counts)
            }
        }

        func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

        /// Tokens that were leased and not used.
        var unused: Int64 { counts.snapshot.tokensLeased - Int64(counts.snapshot.leaseDecisions) }

        /// When the window that the store is in ends, by its own clock; nil when there is none.
        var windowEnd: Instant? {
            let now = storeTime.instant()
            let rest = store.inner.verdict(.peek, of: limit, for: Self.key, at: now).resetAfter
            return rest == .zero ? nil : now + rest
        }

        /// A request of some process, or of this one.
        @discardableResult
        mutating func ask(_ process: Int? = nil) async throws -> Bool {
            let limiter = limiters[process ?? draw(limiters.count)]
            let decision = try await limiter.decide(RateLimitRequest(.consume, Self.key, limit))
            if decision.isAllowed { admitted[admitted.count - 1] += 1 }
            return decision.isAllowed
        }

        /// All clocks go on.
        mutating func pass(milliseconds: Int = 1) {
            for clock in clocks { clock.advance(by: .milliseconds(milliseconds)) }
            moveStore(milliseconds)
        }

        /// One clock is put back, by little or by much, or leaps.
        mutating func stepSomeClock() {
            let step = [-draw(1_000), -1_001 - draw(5_000), draw(900)][draw(3)]
            if step < 0 { stepsBack += 1 }
            if draw(2) == 0 {
                moveStore(step)
            } else {
                clocks[draw(clocks.count)].advance(by: .milliseconds(step))
            }
        }

        /// How many processes are let through, each asking once.
        mutating func admittedProcesses() async throws -> Int {
            var count = 0
            for process in limiters.indices where try await ask(process) { count += 1 }
            return count
        }

        /// Puts one process' clock back.
        func putBack(_ process: Int, by duration: Duration) { clocks[process].advance(by: .zero - duration) }

        private mutating func moveStore(_ milliseconds: Int) {
            storeTime.advance(by: .milliseconds(milliseconds))
            if milliseconds > 0 { admitted += Array(repeating: 0, count: milliseconds) }
        }
    }

    private static let window = RateLimitAlgorithm.fixedWindow(quota: Fleet.quota, window: .milliseconds(400))

    /// By how much more was admitted, in any stretch, than the limit alone admits in one of its length.
    private func excess(_ admitted: [Int64], _ limit: RateLimit) -> Int64 {
        let parameters = limit.nanoseconds
        if parameters.kind == .tokenBucket {
            // A bucket that never refuses is as full as the worst stretch that ends there.
            var (used, most): (Int64, Int64) = (0, 0)
            for tokens in admitted {
                used = max(0, used - parameters.rate * 1_000_000) + tokens * parameters.unit
                most = max(most, used)
            }
            return (most + parameters.unit - 1) / parameters.unit - parameters.capacity
        }
        let window = Int(parameters.rate / 1_000_000)
        var most = Int64.min
        for windows in 1...3 {
            // The bound is the same for all that are shorter than so many windows: the longest of those.
            let length = windows * window
            let bound = PropertyTests.bound(parameters, Int64(length - 1) * 1_000_000)
            var sum: Int64 = 0
            for (millisecond, tokens) in admitted.enumerated() {
                sum += tokens - (millisecond < length ? 0 : admitted[millisecond - length])
                most = max(most, sum - bound)
            }
        }
        return most
    }

    /// Windows in which few ask, so that all processes end them with tokens, and windows in which all is asked for, so
    /// that those tokens come on top. A token that was used and given back as well would be seen.
    @Test("no window of the store's count sees more than its quota and the stated share", arguments: 0..<8)
    func windows(seed: UInt64) async throws {
        let lifetime: Duration = seed % 2 == 0 ? .seconds(1) : .milliseconds(200)
        var fleet = try Fleet(Self.window, lifetime: lifetime, seed: seed)
        var (end, isFlood, sum, most): (Instant?, Bool, Int64, Int64) = (nil, false, 0, 0)
        for _ in 0..<6_000 {
            for _ in 0..<(isFlood ? 6 : fleet.draw(2)) {
                let present = fleet.windowEnd
                if present != end, end != nil {
                    // It is over. What is used until the next one begins was charged before that.
                    isFlood.toggle()
                    sum = 0
                }
                end = present
                if try await fleet.ask() { sum += 1 }
                most = max(most, sum)
            }
            fleet.pass()
        }
        #expect(most <= Fleet.quota + Fleet.held)
        #expect(most > Fleet.quota, "no lease was used behind the end of its window: \(most)")
    }

    @Test(
        "no stretch sees more than the limit's own bound and the stated share, and nobody is stuck, whatever clocks do",
        arguments: 0..<12)
    func stretches(seed: UInt64) async throws {
        let algorithms: [RateLimitAlgorithm] = [
            .tokenBucket(capacity: Fleet.quota, refill: 1_000, period: .seconds(1)), Self.window,
            .slidingWindow(quota: Fleet.quota, window: .milliseconds(400)),
        ]
        let lifetime: Duration = seed % 2 == 0 ? .seconds(1) : .milliseconds(60)
        var fleet = try Fleet(algorithms[Int(seed % 3)], lifetime: lifetime, seed: seed)
        var demand = 0
        for millisecond in 0..<6_000 {
            if millisecond % 50 == 0 { demand = [0, 1, 1, 4, 12][fleet.draw(5)] }
            for _ in 0..<demand { try await fleet.ask() }
            fleet.pass()
            if fleet.draw(150) == 0 { fleet.stepSomeClock() }
        }
        #expect(excess(fleet.admitted, fleet.limit) <= Fleet.held)
        let counts = fleet.counts.snapshot
        #expect(
            counts.leaseDecisions > 200 && counts.rememberedRefusals > 200 && fleet.stepsBack > 5,
            "it saw too little: \(counts), \(fleet.stepsBack)")
        fleet.pass(milliseconds: 5_000)
        let admitted = try await fleet.admittedProcesses()
        #expect(admitted == 4)
    }

    /// What a process had remembered until some time was remembered until its clock was there again.
    @Test func aRefusalEndsAlthoughItsClockWasPutBack() async throws {
        var fleet = try Fleet(Self.window, lifetime: .seconds(1), seed: 1)
        while try await fleet.ask(0) {}
        fleet.pass(milliseconds: 100)
        let isRemembered = try await !fleet.ask(0)
        #expect(isRemembered)
        fleet.putBack(0, by: .seconds(3_600))
        fleet.pass(milliseconds: 400)
        let isAdmitted = try await fleet.ask(0)
        #expect(isAdmitted)
    }

    /// Leased tokens were good until its clock was there again, and were given back to a window of much later.
    @Test func aLeaseEndsAlthoughItsClockWasPutBack() async throws {
        var fleet = try Fleet(Self.window, lifetime: .milliseconds(300), seed: 1)
        var asked = 0
        while fleet.unused == 0, asked < 100 {
            try await fleet.ask(0)
            asked += 1
        }
        let (left, served) = (fleet.unused, fleet.counts.snapshot.leaseDecisions)
        #expect(left > 0)
        fleet.putBack(0, by: .seconds(3_600))
        let isAdmitted = try await fleet.ask(0)
        let counts = fleet.counts.snapshot
        #expect(isAdmitted && counts.leaseDecisions == served, "the store was asked")
        #expect(counts.tokensLapsed == left && counts.tokensReturned == 0)
    }
}
