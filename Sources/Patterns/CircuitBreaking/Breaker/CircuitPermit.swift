import Determinism

/// Leave to make one call. It cannot be copied and is used up by reporting the call's outcome; one that is dropped
/// reports that the call says nothing, and is counted as dropped.
public struct CircuitPermit: ~Copyable, Sendable {
    /// Which generation of the circuit it belongs to, whether it is a probe, and when it was given.
    public let ticket: CallTicket
    private let breaker: CircuitBreaker
    private var isReported = false

    init(_ ticket: CallTicket, of breaker: CircuitBreaker) { (self.ticket, self.breaker) = (ticket, breaker) }

    deinit { if !isReported { breaker.release(ticket) } }

    /// Reports the call's outcome.
    /// - Returns: whether it was counted.
    @discardableResult public consuming func record(_ outcome: CallOutcome) -> CallStanding {
        isReported = true
        return breaker.record(ticket, outcome)
    }

    /// Gives the permit up for a plain ticket, for those who cannot carry it. Report its outcome once with
    /// ``CircuitBreaker/record(_:_:)``: nobody notices when it is forgotten, but for a probe, whose deadline passes.
    public consuming func detached() -> CallTicket {
        isReported = true
        return ticket
    }

    consuming func recordTimeout() {
        isReported = true
        _ = breaker.record(ticket, .failure(), isTimeout: true)
    }
}
