import Determinism
import Testing

@testable import RateLimiting

@Suite("Machines at their edges")
struct MachineTests {
    static let kinds: [RateLimitAlgorithm] = [
        .tokenBucket(capacity: 10, refill: 3, period: .seconds(1)), .slidingWindow(quota: 10, window: .seconds(1)),
        .fixedWindow(quota: 10, window: .seconds(1)),
        .tokenBucket(capacity: 1 << 40, refill: 1 << 40, period: RateLimit.longestDuration),
        .tokenBucket(capacity: 1 << 40, refill: 1, period: .milliseconds(1)),
        .slidingWindow(quota: 1 << 40, window: RateLimit.longestDuration),
        .fixedWindow(quota: 1 << 40, window: RateLimit.longestDuration),
        .tokenBucket(capacity: 1, refill: 1 << 40, period: .milliseconds(1)),
        .slidingWindow(quota: 1, window: .milliseconds(1)), .fixedWindow(quota: 1, window: .milliseconds(1)),
    ]
    static let limits: [RateLimit] = kinds.flatMap { kind in
        [nil, Duration.seconds(5), RateLimit.longestDuration].flatMap { block in
            UsageOnChange.allCases.compactMap {
                try? RateLimit("a", kind, blocksFor: block, countsAttempts: block == nil, onChange: $0)
            }
        }
    }
    static let operations: [RateLimitOperation] = [
        .consume, .peek, .penalty, .reward, .block(.seconds(3)), .block(.seconds(Int64.max)), .block(.seconds(-1)),
        .reset,
    ]

    /// From nothing, by any two events at any times, into any third: something is always decided, and its numbers are
    /// in their ranges.
    @Test(
        "any event in any state at any time, up to the ends of Int64",
        arguments: [TickResolution.nanoseconds, .microseconds])
    func everyEventInEveryState(resolution: TickResolution) throws {
        let random = SeededRandom(seed: 3)
        let times: [Int64] = [.min, .min + 1, -1, 0, 1, 1_000_000, 1 << 52, 1 << 62, .max - 1, .max]
        let costs: [Int64] = [0, 1, 9, 10, 11, 1 << 39, 1 << 40, .max]
        let limits = Self.limits
        #expect(limits.count >= 81)
        for (number, limit) in limits.enumerated() {
            for operation in Self.operations {
                for now in times {
                    var model = MachineModel(resolution)
                    // Before it: the same limit or another one, in some state.
                    for _ in 0..<3 {
                        let before = random.next(below: 4) == 0 ? limits[(number * 7 + 13) % limits.count] : limit
                        let check = RateLimitCheck(before, cost: costs[Int(random.next(below: UInt64(costs.count)))])
                        let operation = Self.operations[Int(random.next(below: UInt64(Self.operations.count)))]
                        let time = random.next(below: 2) == 0 ? now : times[Int(random.next(below: 10))]
                        _ = model.decide(RateLimitRequest(operation, tenant: "t", [check]), now: time)
                    }
                    let cost = costs[Int(random.next(below: UInt64(costs.count)))]
                    let request = RateLimitRequest(operation, tenant: "t", [RateLimitCheck(limit, cost: cost)])
                    let verdict = model.decide(request, now: now).binding
                    #expect((0...limit.quota).contains(verdict.remaining))
                    #expect(verdict.nextAfter >= .zero && verdict.resetAfter >= .zero)
                    #expect(verdict.nextAfter <= verdict.resetAfter || verdict.outcome == .blocked)
                    #expect((verdict.outcome == .never) == (operation.asksFor(cost) > limit.quota))
                }
            }
        }
    }

    @Test(
        "the numbers of a bucket: never faster than asked for, and slower by less than one part in unit",
        arguments: [TickResolution.nanoseconds, .microseconds])
    func ratioOfABucket(resolution: TickResolution) throws {
        let random = SeededRandom(seed: 9)
        for _ in 0..<2_000 {
            let limit = try RandomSchedule.limit("a", random)
            guard case .tokenBucket(let capacity, let refill, let period) = limit.algorithm else { continue }
            let parameters = LimitParameters(limit, resolution)
            let ticks = resolution.ticks(period)
            // rate / unit <= refill / ticks, in 128 bits.
            let ours = parameters.rate.multipliedFullWidth(by: ticks)
            let asked = parameters.unit.multipliedFullWidth(by: refill)
            #expect((ours.high, ours.low) <= (asked.high, asked.low))
            let slowness = 1 - Double(parameters.rate) / Double(parameters.unit) / (Double(refill) / Double(ticks))
            let leastUnit = Double(resolution.unitBound) / Double(2 * capacity)
            let isRounded = slowness * Double(parameters.unit) < 1.001 && Double(parameters.unit) >= leastUnit
            #expect(slowness < 1e-12 || isRounded)
            #expect(parameters.unit.multiplied(by: capacity) <= resolution.unitBound + capacity)
        }
    }

    @Test("usage carried over to other numbers", arguments: UsageOnChange.allCases)
    func changeOfABucket(rule: UsageOnChange) throws {
        for (capacity, used) in [(50, 80), (200, 80), (100, 33), (3, 99), (1_000_000, 100)] as [(Int64, Int64)] {
            let old = try RateLimit("a", .tokenBucket(capacity: 100, refill: 7, period: .seconds(1)))
            let new = try RateLimit(
                "a", .tokenBucket(capacity: capacity, refill: 3, period: .milliseconds(70)), onChange: rule)
            var model = MachineModel(.nanoseconds)
            _ = model.decide(RateLimitRequest(.penalty, RateLimitKey("t"), old, cost: used), now: 0)
            let verdict = model.decide(RateLimitRequest(.peek, RateLimitKey("t"), new), now: 0).binding
            let expected =
                switch rule {
                case .keep: max(0, capacity - used)
                case .scale: capacity - (used * capacity + 99) / 100
                case .reset: capacity
                }
            #expect(verdict.remaining == expected)
        }
    }

    @Test func shareIsTheLimitDividedByProcesses() throws {
        let bucket = try RateLimit.tokenBucket("a", capacity: 100, refill: 10).share(of: 4)
        #expect(bucket.algorithm == .tokenBucket(capacity: 25, refill: 10, period: .seconds(4)))
        let window = try RateLimit.fixedWindow("a", quota: 100, per: .seconds(60), blocksFor: .seconds(5)).share(of: 3)
        #expect(window.algorithm == .fixedWindow(quota: 33, window: .seconds(60)) && window.blocksFor == .seconds(5))
        let few = try RateLimit.slidingWindow("a", quota: 2, per: .seconds(1)).share(of: 9)
        #expect(few.quota == 1)
        let slow = try RateLimit("a", .tokenBucket(capacity: 9, refill: 9, period: RateLimit.longestDuration))
        #expect(slow.share(of: 3).algorithm == .tokenBucket(capacity: 3, refill: 3, period: RateLimit.longestDuration))
        #expect(bucket.share(of: 0) == bucket && bucket.share(of: 1) == bucket)
    }

    @Test func settingsThatCannotBeAreNamed() {
        func setting(_ algorithm: RateLimitAlgorithm, name: String = "a", block: Duration? = nil) -> String? {
            do throws(RateLimitConfigurationError) {
                _ = try RateLimit(name, algorithm, blocksFor: block)
                return nil
            } catch { return error.setting }
        }
        let good = RateLimitAlgorithm.fixedWindow(quota: 1, window: .seconds(1))
        #expect(setting(good) == nil)
        #expect(setting(good, name: "") == "name.utf8.count")
        #expect(setting(good, name: String(repeating: "x", count: 65)) == "name.utf8.count")
        #expect(setting(good, block: .zero) == "blocksFor")
        #expect(setting(.fixedWindow(quota: 0, window: .seconds(1))) == "quota")
        #expect(setting(.slidingWindow(quota: 1 << 41, window: .seconds(1))) == "quota")
        #expect(setting(.slidingWindow(quota: 1, window: .microseconds(999))) == "window")
        #expect(setting(.fixedWindow(quota: 1, window: RateLimit.longestDuration + .nanoseconds(1))) == "window")
        #expect(setting(.tokenBucket(capacity: 0, refill: 1, period: .seconds(1))) == "capacity")
        #expect(setting(.tokenBucket(capacity: 1, refill: 0, period: .seconds(1))) == "refill")
        #expect(setting(.tokenBucket(capacity: 1, refill: 1, period: .zero)) == "period")
        #expect(setting(.tokenBucket(capacity: 6, refill: 1, period: RateLimit.longestDuration)) == "refill")
    }
}

extension RateLimitOperation {
    fileprivate func asksFor(_ cost: Int64) -> Int64 {
        switch self {
        case .consume, .peek: cost
        default: 1
        }
    }
}
