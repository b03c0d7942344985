import Determinism

/// Told what a ``ConnectionPool`` does, for metrics and logs. Called after the pool's lock is dropped, by the task that
/// caused the event; it must be quick, and it cannot fail. Every method has an empty default.
public protocol PoolObserver: Sendable {
    /// A connection was handed to a caller who had waited that long.
    func leased(tenant: TenantKey?, waited: Duration)
    /// A connection came back after that long.
    func returned(tenant: TenantKey?, held: Duration, condition: ConnectionCondition)
    /// A caller got none.
    func refused(tenant: TenantKey?, reason: PoolRefusal, waited: Duration)
    /// A connection was opened.
    func connected(host: HostKey, took: Duration)
    /// A connection could not be opened.
    func connectFailed(host: HostKey, error: any Error, took: Duration)
    /// A connection is being closed.
    func closed(host: HostKey, reason: CloseReason)
    /// A host's breaker has changed.
    func breakerChanged(host: HostKey, state: BreakerState)
    /// A connection is held for suspiciously long, or was dropped without being returned.
    func leakSuspected(_ report: LeakReport)
}

extension PoolObserver {
    /// Does nothing.
    public func leased(tenant: TenantKey?, waited: Duration) {}
    /// Does nothing.
    public func returned(tenant: TenantKey?, held: Duration, condition: ConnectionCondition) {}
    /// Does nothing.
    public func refused(tenant: TenantKey?, reason: PoolRefusal, waited: Duration) {}
    /// Does nothing.
    public func connected(host: HostKey, took: Duration) {}
    /// Does nothing.
    public func connectFailed(host: HostKey, error: any Error, took: Duration) {}
    /// Does nothing.
    public func closed(host: HostKey, reason: CloseReason) {}
    /// Does nothing.
    public func breakerChanged(host: HostKey, state: BreakerState) {}
    /// Does nothing.
    public func leakSuspected(_ report: LeakReport) {}
}
