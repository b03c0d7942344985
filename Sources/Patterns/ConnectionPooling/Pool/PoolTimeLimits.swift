import Determinism

/// The deadlines of what is done to connections. A call that misses its own is cancelled and waited for no longer;
/// what it still brings arrives for a connection that is gone.
struct PoolTimeLimits: Sendable {
    let connect: TimeLimit
    let validate: TimeLimit
    let reset: TimeLimit
    let close: TimeLimit

    init(_ configuration: PoolConfiguration, time: any TimeSource) {
        connect = TimeLimit(configuration.connectTimeout, time: time)
        validate = TimeLimit(configuration.validationTimeout, time: time)
        reset = TimeLimit(configuration.resetTimeout, time: time)
        close = TimeLimit(configuration.closeTimeout, time: time)
    }
}

/// A connect that did not end within ``PoolConfiguration/connectTimeout``.
public struct ConnectTimeout: Error, Hashable, CustomStringConvertible {
    /// The limit.
    public let limit: Duration

    /// Such as `no connection within 5.0 seconds`.
    public var description: String { "no connection within \(limit)" }
}
