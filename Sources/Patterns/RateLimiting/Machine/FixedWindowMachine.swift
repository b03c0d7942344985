/// `quota` in a window that begins with a key's first request and is forgotten at its end.
///
/// Slack: a stretch of one window's length that lies across two windows may see twice the quota.
enum FixedWindowMachine: AlgorithmMachine {
    /// Forgets a window that is over.
    static func age(_ state: inout RateLimitState, now: Int64) {
        guard now > state.stamp else { return }
        if state.used == 0 || now.subtracting(state.stamp) >= state.rate { (state.used, state.stamp) = (0, now) }
    }

    /// Tokens that the current window still has.
    static func available(_ state: RateLimitState, now: Int64) -> Int64 { max(0, state.capacity - state.used) }

    /// Counts tokens, whether they fit or not; no more than twice the quota.
    static func charge(_ state: inout RateLimitState, _ tokens: Int64) {
        state.used = min(2 * state.capacity, state.used + min(tokens, 2 * state.capacity))
    }

    /// Takes back tokens of the current window; none that were not counted.
    static func refund(_ state: inout RateLimitState, _ tokens: Int64) { state.used = max(0, state.used - tokens) }

    /// Ticks until `cost` tokens fit, 0 if they do. `cost` is at most the quota.
    static func wait(_ state: RateLimitState, for cost: Int64, now: Int64) -> Int64 {
        state.used + cost <= state.capacity ? 0 : recovery(state, now: now)
    }

    /// What was counted in it.
    static func tokensInUse(_ state: RateLimitState, now: Int64) -> Int64 { state.used }

    /// Ticks until the window is over.
    static func recovery(_ state: RateLimitState, now: Int64) -> Int64 {
        state.used == 0 ? 0 : max(0, state.stamp.adding(state.rate).subtracting(now))
    }
}
