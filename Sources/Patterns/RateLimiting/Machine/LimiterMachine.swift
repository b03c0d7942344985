/// One key under one limit: a pure value of (state, limit, event, now) → (reading, state). It adds to the machine of
/// the limit's algorithm what all have in common: blocks, clocks that step back, limits that change, and refusals that
/// consume nothing.
///
/// A decision over several limits is made of three steps, so that all or none are charged: ``prepare(_:_:now:)`` and
/// ``judge(_:_:cost:upTo:now:)`` for each, then for each ``admit(_:_:_:now:)`` or ``refuse(_:_:_:cost:now:)``.
/// `RateLimitScript` does the same in Redis, line by line.
///
/// **Clocks that step back.** Up to a second, as threads that read the clock before they take a lock and small
/// corrections do: time stands still until the clock is there again. By more: the state goes on from the new time,
/// windows and blocks with at least what they still had and at most a whole one; nothing refills. Each step forward is
/// time.
public enum LimiterMachine {
    /// Makes the state one of this limit and of this moment: a changed limit is carried over, a clock's step back is
    /// noticed, what has run out is forgotten.
    /// - Returns: whether the state must be kept even if the request is refused.
    public static func prepare(_ state: inout RateLimitState, _ limit: LimitParameters, now: Int64) -> Bool {
        guard state.kind != nil else {
            state = RateLimitState(limit, now: now)
            return false
        }
        var mustKeep = false
        let ahead = state.stamp.subtracting(now)
        if ahead > limit.clockTolerance {
            state.stamp = now
            if state.blockedUntil != .min { state.blockedUntil = state.blockedUntil.subtracting(ahead) }
            mustKeep = true
        }
        if !state.isCounted(by: limit) {
            carryOver(&state, to: limit, now: now)
            mustKeep = true
        }
        age(&state, now: now)
        if state.blockedUntil <= now { state.blockedUntil = .min }
        return mustKeep
    }

    /// The way of most decisions in one step: a state counted by this limit, not blocked, that has room.
    /// - Returns: false if it is anything else; then go the long way, with the state as it was.
    @inline(__always)
    static func admitAtOnce(
        _ state: inout RateLimitState, _ limit: LimitParameters, cost: Int64, now: Int64, _ reading: inout LimitReading
    ) -> Bool {
        guard cost > 0, state.blockedUntil == .min, state.stamp <= now, state.isCounted(by: limit) else { return false }
        switch limit.kind {
        case .tokenBucket: return TokenBucketMachine.admitAtOnce(&state, cost, now: now, &reading)
        case .slidingWindow: return SlidingWindowMachine.admitAtOnce(&state, cost, now: now, &reading)
        case .fixedWindow: return FixedWindowMachine.admitAtOnce(&state, cost, now: now, &reading)
        }
    }

    /// What the limit says to `cost` tokens, and how many it grants up to `upTo`: those beyond `cost` come to no more
    /// than half of what is left, so that one who takes more than it needs leaves some to others.
    public static func judge(
        _ state: RateLimitState, _ limit: LimitParameters, cost: Int64, upTo: Int64, now: Int64
    ) -> LimitReading {
        if cost > limit.capacity { return reading(state, limit, .never, now: now) }
        if state.blockedUntil > now {
            var blocked = reading(state, limit, .blocked, now: now)
            blocked.wait = max(state.blockedUntil.subtracting(now), wait(state, for: cost, now: now))
            return blocked
        }
        let free = available(state, now: now)
        if cost > free {
            var refused = reading(state, limit, .refused, now: now)
            refused.wait = wait(state, for: cost, now: now)
            return refused
        }
        var admitted = LimitReading(outcome: .allowed)
        admitted.granted = upTo > cost ? cost + min(upTo - cost, (free - cost) / 2) : cost
        admitted.remaining = free
        return admitted
    }

    /// Charges what was granted.
    public static func admit(
        _ state: inout RateLimitState, _ limit: LimitParameters, _ reading: inout LimitReading, now: Int64
    ) {
        charge(&state, reading.granted)
        reading.remaining -= reading.granted
        reading.next = reading.remaining < limit.capacity ? wait(state, for: reading.remaining + 1, now: now) : 0
        reading.recovery = recovery(state, now: now)
    }

    /// The decision is a refusal, by this limit or by another. Charges nothing, unless attempts count; blocks the key
    /// if this limit refused and blocks.
    /// - Returns: whether the state must be kept.
    public static func refuse(
        _ state: inout RateLimitState, _ limit: LimitParameters, _ reading: inout LimitReading, cost: Int64,
        now: Int64
    ) -> Bool {
        let isRefused = reading.outcome == .refused
        guard isRefused || reading.outcome == .allowed else { return false }
        let (counts, blocks) = (limit.countsAttempts, limit.block > 0)
        if counts { charge(&state, cost) }
        if isRefused, blocks {
            state.blockedUntil = now.adding(limit.block)
            // The window is over; after the block a new one begins.
            if limit.kind == .fixedWindow { (state.used, state.stamp) = (0, now) }
        }
        reading = Self.reading(state, limit, reading.outcome, now: now)
        if isRefused {
            let blocked = state.blockedUntil > now ? state.blockedUntil.subtracting(now) : 0
            reading.wait = max(blocked, wait(state, for: cost, now: now))
        }
        return counts || isRefused && blocks
    }

    /// Charges tokens whatever is left, up to twice the capacity in all; or gives some back if negative, none that were
    /// not used.
    public static func adjust(_ state: inout RateLimitState, by tokens: Int64) {
        if tokens > 0 { charge(&state, tokens) }
        if tokens < 0 { refund(&state, Int64.zero.subtracting(tokens)) }
    }

    /// Refuses everything for `ticks` from now on, or for longer if it was blocked for longer; what is used ages on.
    public static func block(_ state: inout RateLimitState, for ticks: Int64, now: Int64) {
        guard ticks > 0 else { return }
        state.blockedUntil = max(state.blockedUntil, now.adding(ticks))
    }

    /// How things stand, and whether `cost` would be admitted.
    public static func peek(
        _ state: RateLimitState, _ limit: LimitParameters, cost: Int64, now: Int64
    ) -> LimitReading {
        let judged = judge(state, limit, cost: cost, upTo: cost, now: now)
        var standing = reading(state, limit, judged.outcome, now: now)
        standing.wait = judged.wait
        return standing
    }

    /// How things stand.
    public static func reading(
        _ state: RateLimitState, _ limit: LimitParameters, _ outcome: RateLimitOutcome, now: Int64
    ) -> LimitReading {
        var reading = LimitReading(outcome: outcome)
        let free = available(state, now: now)
        reading.next = free < limit.capacity ? wait(state, for: free + 1, now: now) : 0
        reading.recovery = recovery(state, now: now)
        if state.blockedUntil > now {
            let blocked = state.blockedUntil.subtracting(now)
            (reading.next, reading.recovery) = (max(blocked, reading.next), max(blocked, reading.recovery))
        } else {
            reading.remaining = free
        }
        return reading
    }

    /// Tokens in use, rounded up.
    public static func tokensInUse(_ state: RateLimitState, now: Int64) -> Int64 {
        algorithm(of: state)?.tokensInUse(state, now: now) ?? 0
    }
}

/// What one limit says, in ticks.
public struct LimitReading: Sendable, Hashable {
    /// Whether, and why not.
    public var outcome: RateLimitOutcome
    /// Whole tokens left afterwards; 0 while blocked.
    public var remaining: Int64 {
        get { balance.remaining }
        set { balance.remaining = newValue }
    }
    /// Tokens charged.
    public var granted: Int64 = 0
    /// Ticks until the same cost would be admitted, if nobody else comes. 0 if it was, and for what never will be.
    public var wait: Int64 = 0
    /// Ticks until one more token is left than now; 0 when all are.
    public var next: Int64 {
        get { balance.next }
        set { balance.next = newValue }
    }
    /// Ticks until nothing is used and nothing is blocked.
    public var recovery: Int64 {
        get { balance.recovery }
        set { balance.recovery = newValue }
    }
    var balance = LimitBalance()

    init(outcome: RateLimitOutcome) { self.outcome = outcome }
}

extension LimiterMachine {
    /// The limit has other numbers than the state was counted by.
    ///
    /// The same algorithm goes on from where it was: token buckets exactly (to one part in 2^52), windows in whole
    /// tokens, rounded to the nearest. Servers with the old and the new numbers may share a key while they are
    /// replaced. Another algorithm takes over the used tokens, rounded up, and begins now.
    private static func carryOver(_ state: inout RateLimitState, to limit: LimitParameters, now: Int64) {
        age(&state, now: now)
        let old = state
        if limit.onChange == .reset || old.kind == nil {
            state = RateLimitState(limit, now: now)
            return
        }
        let scales = limit.onChange == .scale
        if old.kind != limit.kind {
            let tokens = tokensInUse(old, now: now)
            state = RateLimitState(limit, now: now)
            state.blockedUntil = old.blockedUntil
            charge(&state, scales ? tokens.scaled(limit.capacity, old.capacity) : tokens)
            return
        }
        (state.capacity, state.rate) = (limit.capacity, limit.rate)
        if limit.kind == .tokenBucket {
            state.second = limit.unit
            let full = limit.capacity * limit.unit
            let used =
                scales
                ? old.used.scaledUp(full, old.capacity * old.second) : old.used.scaledUp(limit.unit, old.second)
            state.used = min(used, 2 * full)
        } else {
            let most = 2 * limit.capacity
            state.used = min(scales ? old.used.scaled(limit.capacity, old.capacity) : old.used, most)
            state.second = min(scales ? old.second.scaled(limit.capacity, old.capacity) : old.second, most)
        }
    }

    /// Drains or forgets what has run out until now, by the state's own numbers.
    static func age(_ state: inout RateLimitState, now: Int64) {
        switch state.kind {
        case .tokenBucket: TokenBucketMachine.age(&state, now: now)
        case .slidingWindow: SlidingWindowMachine.age(&state, now: now)
        case .fixedWindow: FixedWindowMachine.age(&state, now: now)
        case nil: break
        }
    }

    private static func available(_ state: RateLimitState, now: Int64) -> Int64 {
        algorithm(of: state)?.available(state, now: now) ?? 0
    }

    private static func charge(_ state: inout RateLimitState, _ tokens: Int64) {
        algorithm(of: state)?.charge(&state, tokens)
    }

    private static func refund(_ state: inout RateLimitState, _ tokens: Int64) {
        algorithm(of: state)?.refund(&state, tokens)
    }

    private static func wait(_ state: RateLimitState, for cost: Int64, now: Int64) -> Int64 {
        algorithm(of: state)?.wait(state, for: cost, now: now) ?? 0
    }

    private static func recovery(_ state: RateLimitState, now: Int64) -> Int64 {
        algorithm(of: state)?.recovery(state, now: now) ?? 0
    }

    private static func algorithm(of state: RateLimitState) -> (any AlgorithmMachine.Type)? {
        switch state.kind {
        case .tokenBucket: TokenBucketMachine.self
        case .slidingWindow: SlidingWindowMachine.self
        case .fixedWindow: FixedWindowMachine.self
        case nil: nil
        }
    }
}
