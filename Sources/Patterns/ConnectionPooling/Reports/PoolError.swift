import Determinism

/// Why there was no connection, with the pool's state at that moment.
public struct PoolError: Error, CustomStringConvertible {
    /// Why.
    public let reason: PoolRefusal
    /// The state of the pool when it refused.
    public let snapshot: PoolSnapshot
    /// How long the caller had waited.
    public let waited: Duration
    /// Why the last connect failed, if none has succeeded since.
    public let lastConnectError: (any Error)?

    /// An error.
    public init(
        reason: PoolRefusal, snapshot: PoolSnapshot, waited: Duration = .zero, lastConnectError: (any Error)? = nil
    ) {
        (self.reason, self.snapshot) = (reason, snapshot)
        (self.waited, self.lastConnectError) = (waited, lastConnectError)
    }

    /// One line for a log: why, what would help, the state, and the last failure to connect.
    public var description: String {
        let failure = lastConnectError.map { " Last failure to connect: \($0)." } ?? ""
        return "\(sentence) (\(snapshot)).\(failure)"
    }

    private var sentence: String {
        switch reason {
        case .timedOut:
            snapshot.isRunning
                ? "No connection became free within \(waited)"
                : "No connection after \(waited): the pool's run() has not been started"
        case .cancelled: "The caller was cancelled while it waited for a connection"
        case .queueFull: "Too many callers wait for a connection; try again later, or raise queueLimit"
        case .shed: "The queue for connections has been too slow for too long; try again later"
        case .unavailable: "No host can be reached and no connection is left"
        case .shutDown: "The pool is shutting down"
        }
    }
}
