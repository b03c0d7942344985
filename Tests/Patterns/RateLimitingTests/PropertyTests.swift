import Determinism
import Testing

@testable import RateLimiting

@Suite("Properties under random schedules")
struct PropertyTests {
    @Test("the table in memory decides as the machines do", arguments: 0..<20)
    func tableAgreesWithTheMachines(seed: UInt64) throws {
        let store = try InMemoryRateLimitStore(random: SeededRandom(seed: seed))
        var schedule = try RandomSchedule(seed: seed, resolution: .nanoseconds, start: 5_000_000_000_000)
        var model = MachineModel(.nanoseconds)
        for step in 0..<10_000 {
            let (request, now) = schedule.next()
            let expected = model.decide(request, now: now)
            let actual = Self.decide(request, by: store, at: Instant(nanoseconds: now))
            guard actual == expected else {
                Issue.record("seed \(seed), step \(step), \(request) at \(now): \(actual), not \(expected)")
                return
            }
        }
        #expect(store.snapshot.keyCount <= model.states.count + 12)
    }

    /// A consumption of one limit goes the short way, as most do.
    private static func decide(
        _ request: RateLimitRequest, by store: InMemoryRateLimitStore, at now: Instant
    ) -> RateLimitDecision {
        guard case .consume = request.operation, let check = request.checks.first, request.checks.count == 1,
            check.upTo <= check.cost, check.adjustment == 0
        else { return store.decision(for: request, at: now) }
        let key = RateLimitKey(request.tenant, check.subject)
        return RateLimitDecision([store.verdict(.consume, check.cost, of: check.limit, for: key, at: now)])
    }

    /// What was admitted in any stretch, whose length is measured by the steps forward only.
    @Test("never admits more than the limit and its slack", arguments: 0..<60)
    func neverAdmitsMore(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        let limit = try Self.smallLimit(random, block: seed % 7 == 0)
        let parameters = LimitParameters(limit, .nanoseconds)
        var state = RateLimitState()
        var now: Int64 = 1 << 50
        var forward: Int64 = 0
        var admitted: [(at: Int64, cost: Int64)] = []
        for _ in 0..<1_500 {
            let step = Self.step(random, parameters)
            now += step
            forward += max(0, step)
            let cost = Int64(random.next(below: UInt64(limit.quota) + 2))
            if Self.consume(&state, parameters, cost: cost, now: now).outcome == .allowed {
                admitted.append((forward, cost))
            }
        }
        #expect(admitted.count > (limit.blocksFor == nil ? 20 : 1))
        for first in admitted.indices {
            var sum: Int64 = 0
            for last in first..<admitted.count {
                sum += admitted[last].cost
                let length = admitted[last].at - admitted[first].at
                guard sum <= Self.bound(parameters, length) else {
                    Issue.record("\(limit): \(sum) in \(length) ns")
                    return
                }
            }
        }
    }

    /// What a limit admits at most in a stretch of so many nanoseconds.
    static func bound(_ limit: LimitParameters, _ length: Int64) -> Int64 {
        switch limit.kind {
        case .tokenBucket: (limit.capacity * limit.unit + length * limit.rate) / limit.unit
        case .fixedWindow: limit.capacity * (length / limit.rate + 2)
        // Less than twice the quota in a window's length; in longer stretches once more for each further window.
        case .slidingWindow: limit.capacity * (length / limit.rate + 2) - (length < limit.rate ? 1 : 0)
        }
    }

    @Test("a rejected request consumes nothing, and retryAfter is true to the nanosecond", arguments: 0..<60)
    func rejectionAndRetry(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        let limit = try Self.smallLimit(random, block: false)
        let parameters = LimitParameters(limit, .nanoseconds)
        var state = RateLimitState()
        var now: Int64 = 0
        var rejections = 0
        for _ in 0..<3_000 {
            now += max(0, Self.step(random, parameters))
            let cost = Int64(random.next(below: UInt64(limit.quota) + 2))
            let before = Self.peek(state, parameters, cost: cost, now: now)
            let reading = Self.consume(&state, parameters, cost: cost, now: now)
            #expect(before.outcome == reading.outcome)
            if reading.outcome == .allowed { continue }
            rejections += 1
            #expect(Self.peek(state, parameters, cost: cost, now: now) == before)
            guard reading.outcome == .refused else {
                #expect(reading.outcome == .never && cost > limit.quota && reading.wait == 0)
                continue
            }
            #expect(reading.wait > 0)
            #expect(Self.peek(state, parameters, cost: cost, now: now + reading.wait - 1).outcome == .refused)
            #expect(Self.peek(state, parameters, cost: cost, now: now + reading.wait).outcome == .allowed)
        }
        #expect(rejections > 100)
    }

    @Test("nobody is stuck: a key has recovered by resetAfter, and has more by nextAfter", arguments: 0..<40)
    func neverStuck(seed: UInt64) throws {
        var schedule = try RandomSchedule(seed: seed, resolution: .nanoseconds, start: 5_000_000_000_000)
        let store = try InMemoryRateLimitStore(random: SeededRandom(seed: seed))
        for _ in 0..<2_000 {
            let (request, now) = schedule.next()
            // A peek may be with numbers that are not in force.
            guard request.operation != .peek else { continue }
            let decision = store.decision(for: request, at: Instant(nanoseconds: now))
            for (check, verdict) in zip(request.checks, decision.verdicts) {
                let key = RateLimitKey(request.tenant, check.subject)
                let later = Instant(nanoseconds: now) + verdict.resetAfter
                let recovered = store.verdict(.peek, of: check.limit, for: key, at: later)
                #expect(
                    recovered.isAllowed && recovered.remaining == check.limit.quota && recovered.resetAfter == .zero)
                guard verdict.remaining < check.limit.quota else { continue }
                let next = store.verdict(
                    .peek, of: check.limit, for: key, at: Instant(nanoseconds: now) + verdict.nextAfter)
                #expect(next.remaining > verdict.remaining || verdict.outcome == .blocked)
            }
        }
    }

    @Test("all or none", arguments: 0..<20)
    func allOrNone(seed: UInt64) throws {
        var schedule = try RandomSchedule(seed: seed, resolution: .nanoseconds, start: 5_000_000_000_000)
        schedule.usesAdjustments = false
        let store = try InMemoryRateLimitStore(random: SeededRandom(seed: seed))
        var (admitted, refused) = (0, 0)
        for _ in 0..<4_000 {
            var (request, now) = schedule.next()
            guard request.operation == .consume else { continue }
            request.operation = .peek
            let before = store.decision(for: request, at: Instant(nanoseconds: now))
            request.operation = .consume
            let decision = store.decision(for: request, at: Instant(nanoseconds: now))
            #expect(before.isAllowed == decision.isAllowed)
            for (index, check) in request.checks.enumerated() {
                let (old, new) = (before.verdicts[index], decision.verdicts[index])
                let isCharged = check.limit.isShadow ? old.isAllowed : decision.isAllowed
                if isCharged {
                    #expect(new.remaining == old.remaining - new.granted && new.granted >= check.cost)
                } else if !check.limit.countsAttempts, check.limit.blocksFor == nil {
                    #expect(new.remaining == old.remaining && new.granted == 0)
                }
            }
            if decision.isAllowed { admitted += 1 } else { refused += 1 }
        }
        #expect(admitted > 300 && refused > 300)
    }
}

extension PropertyTests {
    /// Up to 12 tokens, and a period of about a second.
    static func smallLimit(_ random: SeededRandom, block: Bool) throws -> RateLimit {
        let quota = Int64(1 + random.next(below: 12))
        let period = Duration.nanoseconds(Int64(1_000_000 + random.next(below: 2_000_000_000)))
        let kinds: [RateLimitAlgorithm] = [
            .tokenBucket(capacity: quota, refill: Int64(1 + random.next(below: 12)), period: period),
            .slidingWindow(quota: quota, window: period), .fixedWindow(quota: quota, window: period),
        ]
        return try RateLimit(
            "a", kinds[Int(random.next(below: 3))], blocksFor: block ? .milliseconds(700) : nil)
    }

    /// Mostly a part of the time that matters; sometimes none, much, or back.
    static func step(_ random: SeededRandom, _ limit: LimitParameters) -> Int64 {
        let span = limit.kind == .tokenBucket ? limit.recovery : limit.rate
        switch random.next(below: 20) {
        case 0: return -Int64(random.next(below: 3_000_000_000))
        case 1: return Int64(random.next(below: UInt64(3 * span)))
        case 2...8: return 0
        default: return Int64(random.next(below: UInt64(span / 3 + 1)))
        }
    }

    static func consume(
        _ state: inout RateLimitState, _ limit: LimitParameters, cost: Int64, now: Int64
    ) -> LimitReading {
        var copy = state
        let mustKeep = LimiterMachine.prepare(&copy, limit, now: now)
        var reading = LimiterMachine.judge(copy, limit, cost: cost, upTo: cost, now: now)
        if reading.outcome == .allowed {
            LimiterMachine.admit(&copy, limit, &reading, now: now)
            state = copy
        } else if LimiterMachine.refuse(&copy, limit, &reading, cost: cost, now: now) || mustKeep {
            state = copy
        }
        return reading
    }

    static func peek(_ state: RateLimitState, _ limit: LimitParameters, cost: Int64, now: Int64) -> LimitReading {
        var copy = state
        _ = LimiterMachine.prepare(&copy, limit, now: now)
        return LimiterMachine.peek(copy, limit, cost: cost, now: now)
    }
}
