import Synchronization

/// What a client has done since it was made, and what it is doing.
public struct RedisStatistics: Sendable, Hashable {
    /// Commands that were accepted; those of pipelines and transactions count by themselves.
    public var commands = 0
    /// Requests that were refused before anything was sent.
    public var refused = 0
    /// Requests whose time was up.
    public var timeouts = 0
    /// Requests whose caller was cancelled.
    public var cancelled = 0
    /// Connections that were made.
    public var connects = 0
    /// Attempts to connect that failed.
    public var failedConnects = 0
    /// Connections that were lost.
    public var losses = 0
    /// Writes to sockets; each carries one command or more.
    public var writes = 0
    /// Bytes to the server.
    public var bytesSent = 0
    /// Bytes from the server.
    public var bytesReceived = 0
    /// Commands that are accepted and not answered now.
    public var inFlight = 0
    /// Connections that are open now.
    public var openConnections = 0

    /// All zero.
    public init() {}

    static func + (a: Self, b: Self) -> Self {
        var sum = a
        sum.commands += b.commands
        sum.refused += b.refused
        sum.timeouts += b.timeouts
        sum.cancelled += b.cancelled
        sum.connects += b.connects
        sum.failedConnects += b.failedConnects
        sum.losses += b.losses
        sum.writes += b.writes
        sum.bytesSent += b.bytesSent
        sum.bytesReceived += b.bytesReceived
        sum.inFlight += b.inFlight
        sum.openConnections += b.openConnections
        return sum
    }
}

/// Bytes of one line, over all of its connections.
final class RedisCounters: Sendable {
    let sent = Atomic<Int>(0)
    let received = Atomic<Int>(0)
}

/// Hears what happens to a client's connections. Calls come on the reactor's thread or a caller's: they must not block.
/// Counts are in ``RedisStatistics``, for whoever collects metrics.
public protocol RedisObserver: Sendable {
    /// A connection was made.
    func connected(_ connection: Int)
    /// An attempt to connect failed; the next one follows by itself.
    func connectFailed(_ connection: Int, _ error: RedisError)
    /// A connection was lost; an attempt to make it again follows by itself.
    func lost(_ connection: Int, _ error: RedisError)
}
