/// Who decides: the breaker, or an operator.
public enum CircuitMode: String, Sendable, Hashable, CaseIterable {
    /// The breaker decides.
    case automatic
    /// The breaker decides and says so, but lets every call through: a trial of its settings under real load. Calls
    /// that it would have rejected count for nothing else, as they would not have been made.
    case observing
    /// Every call is rejected until an operator says otherwise.
    case forcedOpen
    /// Every call is let through and nothing is counted but totals and latencies.
    case disabled

    /// The state that callers meet whatever the breaker decides; nil where that is for it to say.
    var keeps: CircuitState? {
        switch self {
        case .automatic, .observing: nil
        case .forcedOpen: .open
        case .disabled: .closed
        }
    }
}

/// Where an automatic breaker stands.
public enum CircuitState: String, Sendable, Hashable, CaseIterable {
    /// Calls go through and are counted.
    case closed
    /// Calls are rejected until a wait is over.
    case open
    /// A few calls go through, to see.
    case halfOpen
}
