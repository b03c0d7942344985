/// What the algorithms have in common. All of it is pure: `now` is an argument, in ticks, as everything is.
protocol AlgorithmMachine {
    /// Drains or forgets what has run out until `now`. A `now` before the state's own moment changes nothing.
    static func age(_ state: inout RateLimitState, now: Int64)
    /// Whole tokens that are free.
    static func available(_ state: RateLimitState, now: Int64) -> Int64
    /// Uses tokens, whether they fit or not; no more than twice the capacity in all.
    static func charge(_ state: inout RateLimitState, _ tokens: Int64)
    /// Gives tokens back; none that were not used.
    static func refund(_ state: inout RateLimitState, _ tokens: Int64)
    /// Ticks until `cost` tokens, at most the capacity, are free; 0 if they are.
    static func wait(_ state: RateLimitState, for cost: Int64, now: Int64) -> Int64
    /// Ticks until nothing is in use.
    static func recovery(_ state: RateLimitState, now: Int64) -> Int64
    /// Whole tokens in use, rounded up.
    static func tokensInUse(_ state: RateLimitState, now: Int64) -> Int64
}

extension AlgorithmMachine {
    /// Ages the state and charges `cost` if it is free; false, and nothing is charged, if not.
    @inline(__always)
    static func admitAtOnce(
        _ state: inout RateLimitState, _ cost: Int64, now: Int64, _ reading: inout LimitReading
    ) -> Bool {
        age(&state, now: now)
        let free = available(state, now: now)
        guard cost <= free else { return false }
        charge(&state, cost)
        (reading.granted, reading.remaining) = (cost, free - cost)
        reading.next = wait(state, for: free - cost + 1, now: now)
        reading.recovery = recovery(state, now: now)
        return true
    }
}
