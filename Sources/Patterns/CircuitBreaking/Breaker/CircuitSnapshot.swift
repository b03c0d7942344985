import Determinism

/// Where a breaker stands, and what it has counted.
public struct CircuitSnapshot: Sendable, Hashable {
    /// Whom it guards.
    public let name: String
    /// Where it stands. One that an operator keeps open is open.
    public let state: CircuitState
    /// Who decides.
    public let mode: CircuitMode
    /// Counts the changes of state and mode.
    public let generation: UInt64
    /// What was counted since the breaker was made.
    public let totals: CircuitTotals
    /// The calls that the failure rate is of, and the rate; no rate without calls.
    public let calls: Int
    /// The percentage of them that failed.
    public let failurePercent: Int?
    /// The percentage of slow calls, where there is a rule for them and calls.
    public let slowPercent: Int?
    /// How long the open circuit still waits; zero when the next call is let through as a probe.
    public let retryAfter: Duration?
    /// How many calls the percentiles are of.
    public let latencyCount: Int
    /// The latency of half of the recent calls, within 6.25 percent.
    public let median: Duration?
    /// What 95 percent of them did not exceed.
    public let percentile95: Duration?
    /// What 99 percent of them did not exceed.
    public let percentile99: Duration?

    init(name: String, _ machine: CircuitBreakerMachine, now: Instant) {
        self.name = name
        (mode, generation) = (machine.mode, machine.generation)
        state = machine.mode.keeps ?? machine.state
        totals = machine.totals
        (calls, failurePercent) = (machine.failures.total, machine.failures.percent)
        slowPercent = machine.slowness?.percent
        retryAfter = machine.remainingWait
        latencyCount = machine.latencies?.callCount ?? 0
        median = machine.latencies?.percentile(50)
        percentile95 = machine.latencies?.percentile(95)
        percentile99 = machine.latencies?.percentile(99)
    }
}
