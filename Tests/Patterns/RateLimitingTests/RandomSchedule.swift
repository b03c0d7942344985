import Determinism
import RateLimiting

/// Requests and steps of time drawn from a seed: few keys, limits that change, clocks that step back.
struct RandomSchedule {
    let random: SeededRandom
    let resolution: TickResolution
    private(set) var now: Int64
    private let limits: [[RateLimit]]
    var usesAdjustments = true

    init(seed: UInt64, resolution: TickResolution, start: Int64 = 1_700_000_000_000_000) throws {
        random = SeededRandom(seed: seed)
        self.resolution = resolution
        now = start
        let random = random
        var limits: [[RateLimit]] = []
        for name in ["a", "b", "c"] {
            limits.append(try [Self.limit(name, random), Self.limit(name, random), Self.limit(name, random)])
        }
        self.limits = limits
    }

    /// Any of the kinds, from a millisecond to ten years, with any rule.
    static func limit(_ name: String, _ random: SeededRandom) throws -> RateLimit {
        let periods: [Duration] = [
            .milliseconds(1), .microseconds(1_337), .milliseconds(20), .seconds(1), .seconds(7), .seconds(60),
            .seconds(86_400), .seconds(30 * 86_400), RateLimit.longestDuration,
        ]
        let period = periods[Int(random.next(below: UInt64(periods.count)))]
        let quotas: [Int64] = [1, 2, 3, 7, 10, 100, 999, 1_000_003, 1 << 40]
        let quota = quotas[Int(random.next(below: UInt64(quotas.count)))]
        let algorithm: RateLimitAlgorithm
        switch random.next(below: 3) {
        case 0:
            // Filled within five periods, so that ten years stay within fifty.
            let parts = Int64(1 + random.next(below: 5))
            let refill = (quota + parts - 1) / parts
            algorithm = .tokenBucket(capacity: quota, refill: refill, period: period)
        case 1: algorithm = .slidingWindow(quota: quota, window: period)
        default: algorithm = .fixedWindow(quota: quota, window: period)
        }
        let rules = UsageOnChange.allCases
        return try RateLimit(
            name, algorithm,
            blocksFor: random.next(below: 4) == 0 ? .milliseconds(1 + Int(random.next(below: 5_000))) : nil,
            countsAttempts: random.next(below: 6) == 0, isShadow: random.next(below: 6) == 0,
            onChange: rules[Int(random.next(below: UInt64(rules.count)))])
    }

    mutating func next() -> (request: RateLimitRequest, now: Int64) {
        step()
        var checks: [RateLimitCheck] = []
        for _ in 0...random.next(below: 3) {
            let variants = limits[Int(random.next(below: 3))]
            // Mostly the first variant, so that there is something to change from.
            let limit = variants[random.next(below: 8) < 6 ? 0 : Int(random.next(below: 3))]
            let cost = cost(for: limit)
            var check = RateLimitCheck(
                limit, subject: random.next(below: 2) == 0 ? "" : "s", cost: cost,
                upTo: random.next(below: 8) == 0 ? cost + cost + 3 : nil)
            if usesAdjustments, random.next(below: 20) == 0 { check.adjustment = Int64(random.next(below: 9)) - 4 }
            checks.append(check)
        }
        return (RateLimitRequest(operation(), tenant: "t\(random.next(below: 2))", checks), now)
    }

    private func operation() -> RateLimitOperation {
        switch random.next(below: 24) {
        case 0: .peek
        case 1: .penalty
        case 2: .reward
        case 3: .block(.milliseconds(Int(random.next(below: 300))))
        case 4: .reset
        default: .consume
        }
    }

    private func cost(for limit: RateLimit) -> Int64 {
        switch random.next(below: 10) {
        case 0: 0
        case 1: limit.quota
        case 2: limit.quota + 1
        case 3, 4: max(1, limit.quota / 3)
        default: 1
        }
    }

    private mutating func step() {
        let second = resolution.ticksPerSecond
        switch random.next(below: 30) {
        case 0: now -= Int64(random.next(below: UInt64(2 * second)))
        case 1: now -= Int64(random.next(below: UInt64(100_000 * second)))
        case 2: now += Int64(random.next(below: UInt64(200_000 * second)))
        case 3: now += Int64(random.next(below: UInt64(10_000_000 * second)))
        case 4...9: now += Int64(random.next(below: UInt64(2 * second)))
        case 10...20: now += Int64(random.next(below: UInt64(second / 200)))
        default: break
        }
    }
}
