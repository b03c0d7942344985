import Determinism

/// What this process has admitted while the store was away and has not charged to it yet. A debt drains as the limit
/// does: what would have been refilled by now is owed no more. A pure value with a bound; its owner keeps it under a
/// lock.
struct DebtTable {
    private struct Debt {
        var limit: RateLimit
        var state = RateLimitState()
    }
    private var debts: [LocalKey: Debt] = [:]
    private let limit: Int
    private var nextSweep = Instant(nanoseconds: .min)

    init(limit: Int) { self.limit = limit }

    var count: Int { debts.count }

    /// Owes more.
    /// - Returns: false if there was no room to remember it.
    mutating func add(_ tokens: Int64, _ key: LocalKey, _ limit: RateLimit, now: Instant) -> Bool {
        guard tokens > 0 else { return true }
        if debts[key] == nil, debts.count >= self.limit, !sweep(now: now) { return false }
        var debt = debts[key] ?? Debt(limit: limit)
        debt.limit = limit
        _ = LimiterMachine.prepare(&debt.state, limit.nanoseconds, now: now.nanoseconds)
        LimiterMachine.adjust(&debt.state, by: tokens)
        debts[key] = debt
        return true
    }

    /// Takes out what is owed for a key by now.
    mutating func take(_ key: LocalKey, now: Instant) -> Int64 {
        guard var debt = debts.removeValue(forKey: key) else { return 0 }
        _ = LimiterMachine.prepare(&debt.state, debt.limit.nanoseconds, now: now.nanoseconds)
        return LimiterMachine.tokensInUse(debt.state, now: now.nanoseconds)
    }

    /// Takes out what is owed for up to so many keys.
    mutating func takeSome(_ most: Int, now: Instant) -> [(key: LocalKey, limit: RateLimit, tokens: Int64)] {
        debts.prefix(most).map { (key: $0.key, limit: $0.value.limit) }.compactMap { key, limit in
            let tokens = take(key, now: now)
            return tokens > 0 ? (key, limit, tokens) : nil
        }
    }

    /// Forgets what has drained; not more than ten times a second, for it looks at every debt.
    private mutating func sweep(now: Instant) -> Bool {
        guard now >= nextSweep else { return false }
        nextSweep = now + .milliseconds(100)
        debts = debts.filter { _, debt in
            var state = debt.state
            _ = LimiterMachine.prepare(&state, debt.limit.nanoseconds, now: now.nanoseconds)
            return !state.saysNothing
        }
        return debts.count < limit
    }
}
