import Determinism

/// Why a circuit has changed its state.
public enum CircuitChangeReason: Sendable, Hashable {
    /// That percentage of that many calls had failed.
    case failureRate(percent: Int, calls: Int)
    /// That percentage of that many calls were slow.
    case slowRate(percent: Int, calls: Int)
    /// So many calls failed in a row.
    case consecutiveFailures(Int)
    /// The wait was over.
    case waitOver
    /// Enough probes succeeded.
    case probesSucceeded
    /// Too many of the probes failed.
    case probesFailed(Int, of: Int)
    /// Too many of the probes were slow.
    case probesSlow(Int, of: Int)
    /// That many probes did not end by their deadline; they count as failed.
    case probesExpired(Int)
    /// An operator said so.
    case operatorDecision
}

/// A change of a circuit's state or mode.
public struct CircuitChange: Sendable, Hashable {
    /// Counts a breaker's changes, from 1 on. A gap means that a listener was too slow and has missed some.
    public let sequence: UInt64
    /// The generation that begins with it. Results of calls from before decide nothing any more.
    public let generation: UInt64
    /// The state before.
    public let from: CircuitState
    /// The state after.
    public let to: CircuitState
    /// The state that callers meet after it: what an operator keeps open is open, and what is disabled is closed.
    public var effective: CircuitState { mode.keeps ?? to }
    /// The mode, after it. While a breaker only observes, its changes of state affect nobody.
    public let mode: CircuitMode
    /// Why.
    public let reason: CircuitChangeReason
    /// When probes are let through, if it is open now.
    public let retryAt: Instant?
    /// When it happened, on the breaker's monotonic clock.
    public let at: Instant
}

/// Why a call was rejected.
public enum CircuitRejectionReason: Sendable, Hashable {
    /// The circuit is open, until its wait is over.
    case open
    /// The circuit is half-open, and all probes are out.
    case probing
    /// An operator has opened it.
    case forcedOpen
}

/// A call was rejected.
public struct CircuitRejection: Sendable, Hashable {
    /// Why.
    public let reason: CircuitRejectionReason
    /// How long it takes until another try may get through; nil when nobody knows.
    public let retryAfter: Duration?
    /// The circuit's generation at that time.
    public let generation: UInt64
}
