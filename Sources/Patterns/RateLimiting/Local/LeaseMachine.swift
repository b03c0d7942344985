import Determinism

/// What one process knows of one key under one limit: tokens that it took from the store and has not used yet, and
/// whether the store refused the key a moment ago.
///
/// A slice begins at nothing, so that a cold key leases nothing. It doubles when a lease was used up within half of its
/// time, and is halved when more than half of it was left at its end.
///
/// **Scarcity.** When the store refuses, or grants less than a quarter of a slice, asking again for each token as it
/// drips in would be a trip for each. So a process that leases uses what it got and then holds back until two slices
/// for every process can have come, at most a quarter of a lease's time. Nothing is lost meanwhile: the tokens gather
/// in the store, and as soon as there are slices again nobody holds back. When it begins to hold back, at most a
/// quarter of a slice is left there.
///
/// **A clock that is put back** by more than a second ends leases and refusals: what is to end by that clock would last
/// for as long as it was put back.
struct LeaseMachine {
    /// How a slice is bounded.
    struct Bounds {
        /// The most tokens of a slice.
        let slice: Int64
        /// How long a lease may be used.
        let lifetime: Duration
        /// How long a refusal is remembered at most.
        let memory: Duration
        /// How many processes share the limit.
        let processes: Int64
    }
    /// What is said to a request.
    enum Answer: Equatable {
        /// There are tokens for it.
        case serve
        /// The store would refuse it.
        case refuse
        /// The store must be asked.
        case travel
    }
    private(set) var limit: RateLimit
    private(set) var tokens: Int64 = 0
    private(set) var slice: Int64 = 0
    /// What the store is owed: leased, not used, and still of worth there.
    private(set) var surplus: Int64 = 0
    /// Leased, not used, and lost to the key until it refills: every token that was leased is served, owed, or here.
    private(set) var lapsed: Int64 = 0
    private var leaseBegan = Instant(nanoseconds: .min)
    private var leaseEnds = Instant(nanoseconds: .min)
    private var surplusEnds = Instant(nanoseconds: .min)
    private var leased: Int64 = 0
    private var asked: Int64 = 0
    private struct Refusal {
        let cost: Int64
        let outcome: RateLimitOutcome
        let noted: Instant
        let forgotten: Instant
        let retry: Instant
    }
    private var refusal: Refusal?
    private var remaining: Int64
    private var nextAt = Instant(nanoseconds: .min)
    private var resetAt = Instant(nanoseconds: .min)
    /// What others want who wait for the trip that is under way, or are about to ask again after it.
    private(set) var waitingCost: Int64 = 0
    /// Somebody asks the store at this moment.
    private(set) var isTravelling = false
    /// Counts what made everything void: an answer from before says nothing.
    private(set) var generation = 0
    private var generationOfTrip = 0
    /// What the trip that is under way gives back.
    private var refund: Int64 = 0

    init(_ limit: RateLimit) { (self.limit, remaining) = (limit, limit.quota) }

    /// It can be forgotten without a loss.
    func saysNothing(now: Instant) -> Bool {
        let owesNothing = tokens == 0 && surplus == 0 || surplusEnds <= now
        return !isTravelling && (tokens == 0 || leaseEnds <= now) && owesNothing
            && (refusal?.forgotten ?? now) <= now
    }

    /// Forgets what has run out; what was taken and not used is owed to the store.
    mutating func age(now: Instant) {
        // Readings of several threads may come in the wrong order; a second is more than that.
        let latest = now + .seconds(1)
        if leaseBegan > latest {
            (leaseBegan, leaseEnds) = (now, now)
            // Which of the store's windows they are of can be told no more.
            if limit.nanoseconds.kind != .tokenBucket { surplusEnds = now }
        }
        if tokens > 0, leaseEnds <= now {
            if tokens * 2 > leased { slice /= 2 }
            surplus = surplus.adding(tokens)
            tokens = 0
        }
        if surplus > 0, surplusEnds <= now { lapseSurplus() }
        if let refusal, refusal.forgotten <= now || refusal.noted > latest { self.refusal = nil }
    }

    /// The limit has other numbers: what the store said by the old ones is void. Where they begin anew, what was taken
    /// under the old ones was never counted by the new ones, and nothing of it can be given back to them.
    mutating func change(to newLimit: RateLimit) {
        guard newLimit != limit else { return }
        surplus = surplus.adding(tokens)
        if newLimit.onChange == .reset { lapseSurplus() }
        (limit, tokens, refusal, slice, remaining) = (newLimit, 0, nil, 0, newLimit.quota)
        generation += 1
    }

    /// What to say to a request. Changes nothing.
    func answer(cost: Int64, now: Instant) -> Answer {
        // Tokens that are here are charged already; a block takes them away.
        if tokens >= cost, leaseEnds > now { return .serve }
        if let refusal, cost >= refusal.cost { return .refuse }
        return .travel
    }

    /// Somebody waits for the trip that is under way.
    mutating func waits(cost: Int64) { waitingCost = waitingCost.adding(cost) }
    /// It is over, and the one who waited asks again.
    mutating func waitIsOver(cost: Int64) { waitingCost = max(0, waitingCost - cost) }

    /// When nobody waits any more, what is here beyond the largest slice is owed to the store: it was fetched for those
    /// who waited, and they did not need it.
    mutating func trim(_ bounds: Bounds) {
        guard waitingCost == 0, !isTravelling, tokens > bounds.slice else { return }
        surplus = surplus.adding(tokens - bounds.slice)
        tokens = bounds.slice
    }

    /// Serves or refuses a request that needs nothing else; nil, and nothing is changed, if that takes more.
    mutating func verdictAtOnce(_ newLimit: RateLimit, cost: Int64, now: Instant) -> RateLimitVerdict? {
        guard limit.hasNumbers(of: newLimit) else { return nil }
        if tokens >= cost, leaseEnds > now, leaseBegan <= now {
            tokens -= cost
            var verdict = RateLimitVerdict(newLimit, reading(.allowed, granted: cost, now: now))
            verdict.source = .lease
            return verdict
        }
        guard let refusal, refusal.forgotten > now, refusal.noted <= now, cost >= refusal.cost else { return nil }
        var verdict = RateLimitVerdict(newLimit, reading(.refused, granted: 0, now: now))
        verdict.source = .rememberedRefusal
        return verdict
    }

    /// Uses tokens that are there, or sets them aside.
    mutating func use(_ cost: Int64) { tokens -= cost }
    /// Puts back what was set aside, unless it has become void since.
    mutating func putBack(_ cost: Int64, from generation: Int) {
        if generation == self.generation { tokens += cost } else { lapsed = lapsed.adding(cost) }
    }

    /// What to ask the store for: the cost, what others wait for, a slice; and what it gets back.
    mutating func depart(cost: Int64, bounds: Bounds, now: Instant) -> (upTo: Int64, refund: Int64) {
        isTravelling = true
        generationOfTrip = generation
        // Used up within half of its time: not enough.
        if leased > 0, now < leaseBegan + bounds.lifetime / 2 {
            slice = max(1, slice.multiplied(by: 2))
        } else if leased == 0, now < leaseEnds {
            slice = max(1, slice)
        }
        slice = min(slice, bounds.slice)
        let extra = max(0, slice - tokens).adding(waitingCost)
        (refund, surplus) = (surplus, 0)
        asked = cost.adding(extra)
        return (asked, refund)
    }

    /// The store has answered.
    /// - Returns: how many tokens beyond the cost it granted and are kept.
    mutating func arrive(
        _ verdict: RateLimitVerdict, cost: Int64, isAdmitted: Bool, bounds: Bounds, sent: Instant
    ) -> Int64 {
        (isTravelling, refund) = (false, 0)
        let isCharged = isAdmitted && verdict.granted >= cost
        guard generationOfTrip == generation else {
            // They were charged under what has become void since.
            let extra = isCharged ? verdict.granted - cost : 0
            lapsed = lapsed.adding(extra)
            return extra
        }
        remaining = verdict.remaining
        (nextAt, resetAt) = (sent + verdict.nextAfter, sent + verdict.resetAfter)
        if let retryAfter = verdict.retryAfter {
            slice = min(bounds.slice, max(1, slice.multiplied(by: 2)))
            let wait = max(retryAfter, hold(bounds))
            refusal = Refusal(
                cost: cost, outcome: verdict.outcome, noted: sent, forgotten: sent + min(wait, bounds.memory),
                retry: sent + wait)
            if verdict.outcome == .blocked { (tokens, surplus) = (0, surplus.adding(tokens)) }
        } else if verdict.isAllowed {
            refusal = nil
        }
        guard isCharged else { return 0 }
        let extra = verdict.granted - cost
        tokens = tokens.adding(extra)
        leased = tokens
        (leaseBegan, leaseEnds) = (sent, sent + bounds.lifetime)
        surplusEnds = returnableUntil(verdict, sent: sent)
        // Those who wait have asked for as much as they like: that there was not enough for all of them says little.
        if extra * 4 < min(asked - cost, slice) {
            let wait = hold(bounds)
            if wait > .zero {
                let end = sent + wait
                refusal = Refusal(cost: 1, outcome: .refused, noted: sent, forgotten: end, retry: end)
            }
        }
        return extra
    }

    /// How long two slices for every process take to come, at the limit's own pace.
    private func hold(_ bounds: Bounds) -> Duration {
        let share = 2 * Double(slice) * Double(bounds.processes) / Double(limit.quota)
        return min(bounds.lifetime / 4, .nanoseconds(Int64(Double(limit.fillNanoseconds) * min(share, 1))))
    }

    /// There was no answer. What the store was to get back is owed as before if nothing was sent; else it is lost: the
    /// store may have got it.
    mutating func fail(mayHaveReturned: Bool = true) {
        if mayHaveReturned || generationOfTrip != generation {
            lapsed = lapsed.adding(refund)
        } else {
            surplus = surplus.adding(refund)
        }
        (isTravelling, waitingCost, refund) = (false, 0, 0)
    }

    /// Something was changed in the store: what is known of it is void.
    /// - Returns: what was leased and not used, as far as it is still of worth there.
    mutating func invalidate(now: Instant) -> Int64 {
        let unused = tokens.adding(surplus)
        (tokens, surplus, refusal, generation) = (0, 0, nil, generation + 1)
        if surplusEnds > now { return unused }
        lapsed = lapsed.adding(unused)
        return 0
    }

    /// The end of a machine that ``saysNothing(now:)``.
    /// - Returns: what is lost with it.
    func forgotten() -> Int64 { lapsed.adding(tokens).adding(surplus) }

    /// What has been lost since this was asked last.
    mutating func takeLapsed() -> Int64 {
        defer { lapsed = 0 }
        return lapsed
    }

    private mutating func lapseSurplus() { (lapsed, surplus) = (lapsed.adding(surplus), 0) }

    /// What was leased and not used in time; it is owed no more.
    mutating func takeSurplus() -> Int64 {
        defer { surplus = 0 }
        return surplus
    }

    /// What a decision without the store says of this limit.
    func reading(_ outcome: RateLimitOutcome, granted: Int64, now: Instant) -> LimitReading {
        var reading = LimitReading(outcome: outcome)
        reading.granted = granted
        reading.remaining = min(limit.quota, remaining.adding(tokens))
        reading.next = max(0, (nextAt - now).inNanoseconds)
        reading.recovery = max(0, (resetAt - now).inNanoseconds)
        if outcome != .allowed, let refusal {
            reading.outcome = refusal.outcome
            reading.remaining = refusal.outcome == .blocked ? 0 : reading.remaining
            reading.wait = max(0, (refusal.retry - now).inNanoseconds)
        }
        return reading
    }

    /// Tokens of a window are worth nothing to the next one.
    private func returnableUntil(_ verdict: RateLimitVerdict, sent: Instant) -> Instant {
        switch limit.nanoseconds.kind {
        case .tokenBucket: Instant(nanoseconds: .max)
        case .fixedWindow: sent + verdict.resetAfter
        case .slidingWindow: sent + verdict.resetAfter - limit.window
        }
    }
}

extension Instant {
    fileprivate static func - (instant: Instant, duration: Duration) -> Instant { instant + (.zero - duration) }
}
