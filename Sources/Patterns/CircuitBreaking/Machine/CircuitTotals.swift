/// What a breaker has counted since it was made. Never reset.
public struct CircuitTotals: Sendable, Hashable {
    /// Calls that ended well.
    public internal(set) var successes: UInt64 = 0
    /// Calls that failed, the timed-out ones among them.
    public internal(set) var failures: UInt64 = 0
    /// Calls that said nothing about the dependency.
    public internal(set) var ignored: UInt64 = 0
    /// Calls that succeeded or failed and took the slow rule's threshold or longer.
    public internal(set) var slow: UInt64 = 0
    /// Calls that were counted as slow while they were running.
    public internal(set) var overdue: UInt64 = 0
    /// Calls that were rejected.
    public internal(set) var rejections: UInt64 = 0
    /// Calls that an observing breaker would have rejected.
    public internal(set) var wouldHaveRejected: UInt64 = 0
    /// Outcomes that came after the circuit had changed, or after the probe's deadline.
    public internal(set) var stale: UInt64 = 0
    /// Permits that were dropped without an outcome.
    public internal(set) var dropped: UInt64 = 0
    /// Probes that did not end by their deadline.
    public internal(set) var expiredProbes: UInt64 = 0
    /// How often the circuit has opened, by a rule, by its probes or by an operator (also while it was open).
    public internal(set) var openings: UInt64 = 0
    /// Calls that were ended by the breaker's own timeout.
    public internal(set) var timeouts: UInt64 = 0
}
