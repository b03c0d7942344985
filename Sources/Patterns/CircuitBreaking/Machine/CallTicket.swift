import Determinism

/// What a breaker needs to know of a call that it has let through, when the call is back. A plain value: see
/// ``CircuitPermit`` for the one that cannot be used twice or forgotten.
public struct CallTicket: Sendable, Hashable {
    enum Role: Sendable, Hashable {
        /// Counted in the window; with its number among the running calls, if those are watched.
        case counted(UInt64?)
        /// A probe of a half-open circuit, with its place and deadline.
        case probe(Int, Instant)
        /// Let through although it does not count: the breaker is disabled, or would have rejected it.
        case bystander
    }
    /// The generation that let it through.
    public let generation: UInt64
    /// When, on the machine's clock.
    public let startedAt: Instant
    let role: Role

    /// Whether it is a probe of a half-open circuit.
    public var isProbe: Bool {
        if case .probe = role { return true }
        return false
    }
}

/// What became of a reported outcome.
public enum CallStanding: Sendable, Hashable {
    /// It was counted.
    case counted
    /// It says nothing about the dependency, and was counted as ignored only.
    case ignored
    /// The circuit has changed since the call began, or the probe's time was up: it decides nothing.
    case stale
}

/// Whether a call may be made.
public enum CircuitAdmission: Sendable, Hashable {
    /// It may; report its outcome with this.
    case admitted(CallTicket)
    /// It may not.
    case rejected(CircuitRejection)
}
