import Determinism

/// The state of a pool at one moment.
public struct PoolSnapshot: Sendable, Hashable, CustomStringConvertible {
    /// The most connections there may be.
    public var limit = 0
    /// All connections, those that are being opened or closed included.
    public var size = 0
    /// Held by someone.
    public var leased = 0
    /// Ready to be handed out.
    public var idle = 0
    /// Being opened.
    public var connecting = 0
    /// Being asked whether they are alive.
    public var validating = 0
    /// Being brought back to a clean state.
    public var resetting = 0
    /// Being closed.
    public var closing = 0
    /// Callers that wait.
    public var waiting = 0
    /// Tenants that hold a connection or wait for one.
    public var tenants = 0
    /// How long the one who came first has waited; nil when nobody waits.
    public var oldestWait: Duration?
    /// The generation that new connections belong to (``ConnectionPool/evict(_:)``).
    public var generation: UInt64 = 0
    /// Whether the background work runs.
    public var isRunning = false

    /// An empty snapshot.
    public init() {}

    /// One line for a log.
    public var description: String {
        let wait = oldestWait.map { ", oldest wait \($0)" } ?? ""
        return "\(size) of \(limit) connections: \(leased) leased, \(idle) idle, \(connecting) connecting, "
            + "\(validating) validating, \(resetting) resetting, \(closing) closing; \(waiting) waiting\(wait)"
            + (isRunning ? "" : "; run() is not running")
    }
}

/// The state of one host of a pool.
public struct HostSnapshot: Sendable, Hashable {
    /// Which host.
    public let host: HostKey
    /// Its connections, in whatever state.
    public let connections: Int
    /// What its breaker lets through.
    public let breaker: BreakerState
    /// Whether it was taken off the list and only waits for its last connections to come back.
    public let isRetired: Bool
}
