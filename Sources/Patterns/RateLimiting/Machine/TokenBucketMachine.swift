/// A token bucket: GCRA as a continuous-state leaky bucket (ITU-T I.371, annex A; Turner, "New directions in
/// communications", 1986), in integers. `used` units leak out by `rate` each tick; a request fits if `used` and its own
/// units come to no more than a full bucket.
///
/// Deviation from the usual form with a theoretical arrival time: the state is (moment, units in use) instead of one
/// moment, so that a token that is no whole number of ticks is exact. What it admits is the same.
///
/// Everything takes `now` in ticks. A `now` before the state's own moment counts as that moment: nothing refills.
enum TokenBucketMachine: AlgorithmMachine {
    /// Drains what has leaked out until `now`.
    static func age(_ state: inout RateLimitState, now: Int64) {
        guard now > state.stamp else { return }
        let drained = now.subtracting(state.stamp).multiplied(by: state.rate)
        state.used = drained >= state.used ? 0 : state.used - drained
        state.stamp = now
    }

    /// Ages the state and charges `cost`, more than 0, if it is free, without a division; false, and nothing is
    /// charged, if not. The state must be no later than `now`.
    @inline(__always)
    static func admitAtOnce(
        _ state: inout RateLimitState, _ cost: Int64, now: Int64, _ reading: inout LimitReading
    ) -> Bool {
        age(&state, now: now)
        let full = state.capacity * state.second
        guard cost <= state.capacity, cost * state.second <= full - state.used else { return false }
        state.used += cost * state.second
        reading.granted = cost
        reading.balance = LimitBalance(
            bucketWith: full - state.used, used: state.used, rate: state.rate, unit: state.second)
        return true
    }

    /// Whole tokens that are free.
    static func available(_ state: RateLimitState, now: Int64) -> Int64 {
        let free = state.capacity * state.second - state.used
        return free > 0 ? free / state.second : 0
    }

    /// Adds tokens in use, whether they fit or not; no more than twice the capacity.
    static func charge(_ state: inout RateLimitState, _ tokens: Int64) {
        let most = 2 * state.capacity * state.second
        // Both may be as large as half of what there are numbers for.
        state.used += min(most - state.used, min(tokens, 2 * state.capacity) * state.second)
    }

    /// Gives tokens back; none are given that were not used.
    static func refund(_ state: inout RateLimitState, _ tokens: Int64) {
        state.used = max(0, state.used - min(tokens, 2 * state.capacity) * state.second)
    }

    /// Ticks until `cost` tokens are free, 0 if they are. `cost` is at most the capacity.
    static func wait(_ state: RateLimitState, for cost: Int64, now: Int64) -> Int64 {
        let excess = state.used - (state.capacity - cost) * state.second
        guard excess > 0 else { return 0 }
        return ahead(state, now).adding(excess.dividedUp(by: state.rate))
    }

    /// Ticks until nothing is in use.
    static func recovery(_ state: RateLimitState, now: Int64) -> Int64 {
        state.used == 0 ? 0 : ahead(state, now).adding(state.used.dividedUp(by: state.rate))
    }

    /// Whole tokens in use, rounded up.
    static func tokensInUse(_ state: RateLimitState, now: Int64) -> Int64 { state.used.dividedUp(by: state.second) }

    /// How far the state is ahead of a clock that stepped back.
    private static func ahead(_ state: RateLimitState, _ now: Int64) -> Int64 {
        max(0, state.stamp.subtracting(now))
    }
}
