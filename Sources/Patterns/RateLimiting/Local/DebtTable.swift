import Determinism

/// What is owed for a key: a state of its limit, which drains as the limit does.
struct Debt {
    private(set) var limit: RateLimit
    private var state = RateLimitState()

    init(_ limit: RateLimit) { self.limit = limit }

    /// Owes more. What was owed before goes on draining from where it was: a window does not begin anew.
    mutating func add(_ tokens: Int64, _ limit: RateLimit, now: Instant) {
        self.limit = limit
        _ = LimiterMachine.prepare(&state, limit.nanoseconds, now: now.nanoseconds)
        LimiterMachine.adjust(&state, by: tokens)
    }

    /// What is owed by now, in whole tokens, rounded up.
    func tokens(now: Instant) -> Int64 {
        var state = state
        _ = LimiterMachine.prepare(&state, limit.nanoseconds, now: now.nanoseconds)
        return LimiterMachine.tokensInUse(state, now: now.nanoseconds)
    }
}

/// A debt on its way to the store.
struct Loan {
    let key: LocalKey
    let debt: Debt
    /// What is asked for it.
    let tokens: Int64

    /// A request about the debt alone.
    func request(_ operation: RateLimitOperation, cost: Int64) -> RateLimitRequest {
        RateLimitRequest(operation, RateLimitKey(key.tenant, key.subject), debt.limit, cost: cost)
    }
}

/// What this process has admitted while the store was away and has not charged to it yet. A debt drains as the limit
/// does: what would have been refilled by now is owed no more, however often it was taken out in vain. A pure value
/// with a bound; its owner keeps it under a lock.
struct DebtTable {
    private var debts: [LocalKey: Debt] = [:]
    private let limit: Int
    private var nextSweep = Instant(nanoseconds: .min)

    init(limit: Int) { self.limit = limit }

    var count: Int { debts.count }

    /// Owes more.
    /// - Returns: false if there was no room to remember it.
    mutating func add(_ tokens: Int64, _ key: LocalKey, _ limit: RateLimit, now: Instant) -> Bool {
        guard tokens > 0 else { return true }
        guard makeRoom(for: key, now: now) else { return false }
        debts[key, default: Debt(limit)].add(tokens, limit, now: now)
        return true
    }

    /// Takes out what is owed for a key; nil if nothing is.
    mutating func take(_ key: LocalKey, now: Instant) -> Loan? {
        guard let debt = debts.removeValue(forKey: key) else { return nil }
        let tokens = debt.tokens(now: now)
        return tokens > 0 ? Loan(key: key, debt: debt, tokens: tokens) : nil
    }

    /// Takes out what is owed for up to so many keys.
    mutating func takeSome(_ most: Int, now: Instant) -> [Loan] {
        debts.prefix(most).map(\.key).compactMap { take($0, now: now) }
    }

    /// Puts back, as it was, what was taken out and not charged; nothing if that has drained meanwhile.
    /// - Returns: false if there was no room any more.
    mutating func putBack(_ loan: Loan, now: Instant) -> Bool {
        guard loan.debt.tokens(now: now) > 0 else { return true }
        guard makeRoom(for: loan.key, now: now) else { return false }
        var debt = loan.debt
        if let more = debts[loan.key] { debt.add(more.tokens(now: now), more.limit, now: now) }
        debts[loan.key] = debt
        return true
    }

    private mutating func makeRoom(for key: LocalKey, now: Instant) -> Bool {
        debts[key] != nil || debts.count < limit || sweep(now: now)
    }

    /// Forgets what has drained; not more than ten times a second, for it looks at every debt, by a clock that may have
    /// been put back.
    private mutating func sweep(now: Instant) -> Bool {
        guard now >= nextSweep || nextSweep - now > .seconds(1) else { return false }
        nextSweep = now + .milliseconds(100)
        debts = debts.filter { _, debt in debt.tokens(now: now) > 0 }
        return debts.count < limit
    }
}
