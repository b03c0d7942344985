/// `quota` in a sliding window, estimated from two counters. The window before counts by the share of it that a window
/// ending now still covers, in steps of a thousandth of a window, rounded up.
///
/// **Slack.** The estimate takes the requests of the window before as spread evenly. If they all came at its end, a
/// stretch of one window that begins there sees up to `quota × (1 + e ÷ window)`, `e` being how far into that window
/// the stretch begins: always less than twice the quota. Windows by the limit's own count never exceed it.
enum SlidingWindowMachine: AlgorithmMachine {
    /// Steps in which the weight of the window before falls.
    static let steps: Int64 = 1_000

    /// Moves on to the window that `now` is in.
    static func age(_ state: inout RateLimitState, now: Int64) {
        let elapsed = now.subtracting(state.stamp)
        if elapsed < state.rate {
            if elapsed > 0, state.used == 0, state.second == 0 { state.stamp = now }
            return
        }
        if elapsed.subtracting(state.rate) >= state.rate {
            (state.second, state.used, state.stamp) = (0, 0, now)
        } else {
            (state.second, state.used, state.stamp) = (state.used, 0, state.stamp + state.rate)
        }
    }

    /// Tokens that are free now.
    static func available(_ state: RateLimitState, now: Int64) -> Int64 {
        max(0, state.capacity - state.used - carried(state, now: now))
    }

    /// What counts now.
    static func tokensInUse(_ state: RateLimitState, now: Int64) -> Int64 { state.used + carried(state, now: now) }

    /// What of the window before counts now, rounded up.
    static func carried(_ state: RateLimitState, now: Int64) -> Int64 {
        guard state.second > 0 else { return 0 }
        let rest = state.rate - max(0, now.subtracting(state.stamp))
        return (state.second * rest.dividedUp(by: step(state))).dividedUp(by: steps)
    }

    /// Counts tokens, whether they fit or not; no more than twice the quota.
    static func charge(_ state: inout RateLimitState, _ tokens: Int64) {
        state.used = min(2 * state.capacity, state.used + min(tokens, 2 * state.capacity))
    }

    /// Takes back tokens of the current window; none that were not counted in it.
    static func refund(_ state: inout RateLimitState, _ tokens: Int64) { state.used = max(0, state.used - tokens) }

    /// Ticks until `cost` tokens fit, 0 if they do. `cost` is at most the quota.
    static func wait(_ state: RateLimitState, for cost: Int64, now: Int64) -> Int64 {
        if state.used + carried(state, now: now) + cost <= state.capacity { return 0 }
        let room = state.capacity - state.used - cost
        if room >= 0 {
            // `used` fits by itself: wait until little enough of the window before counts.
            return max(0, fading(state, state.second, to: room).adding(state.stamp).subtracting(now))
        }
        // Wait for the next window, in which `used` is what the window before had.
        let next = state.rate.adding(fading(state, state.used, to: state.capacity - cost))
        return max(0, next.adding(state.stamp).subtracting(now))
    }

    /// Ticks until both counters are forgotten.
    static func recovery(_ state: RateLimitState, now: Int64) -> Int64 {
        let windows: Int64 = state.used > 0 ? 2 : state.second > 0 ? 1 : 0
        return windows == 0 ? 0 : max(0, state.rate.multiplied(by: windows).adding(state.stamp).subtracting(now))
    }

    /// How far into a window a previous count of `previous` has faded to `room`.
    private static func fading(_ state: RateLimitState, _ previous: Int64, to room: Int64) -> Int64 {
        guard previous > room else { return 0 }
        return max(0, state.rate - (room * steps / previous) * step(state))
    }

    private static func step(_ state: RateLimitState) -> Int64 { state.rate.dividedUp(by: steps) }
}
