import Determinism
import Synchronization

/// Whether the store may be asked: the place for a circuit breaker. Each permit that was given is answered by exactly
/// one of the other three.
public protocol StoreGate: Sendable {
    /// A permit for one call, or nil for not now. Its number comes back with the outcome, so that a breaker can tell a
    /// late outcome from one of now.
    func admit() -> UInt64?
    /// The call was answered.
    func succeeded(_ permit: UInt64)
    /// The call failed, or was not answered in time.
    func failed(_ permit: UInt64)
    /// The caller gave up; nothing is known about the store.
    func abandoned(_ permit: UInt64)
}

/// A gate for those who have no circuit breaker: some failures in a row close it for a while, then one call finds out
/// whether the store is back.
public final class ConsecutiveFailureGate: StoreGate {
    private let machine: Mutex<StoreGateMachine>
    private let time: any TimeSource

    /// - Parameters:
    ///   - failures: how many in a row close it; at least 1, 5 by default.
    ///   - pause: for how long; 1 s by default.
    public init(failures: Int = 5, pause: Duration = .seconds(1), time: any TimeSource = SystemTime()) {
        machine = Mutex(StoreGateMachine(failures: max(1, failures), pause: pause))
        self.time = time
    }

    /// Whether calls are let through without a doubt.
    public var isOpen: Bool { machine.withLock { $0.isOpen } }
    /// A permit, or nil while it is closed.
    public func admit() -> UInt64? { machine.withLock { $0.admit(now: time.instant()) } }
    /// Opens it if this was the call that had to find out.
    public func succeeded(_ permit: UInt64) { machine.withLock { $0.succeeded(permit) } }
    /// Counts the failure.
    public func failed(_ permit: UInt64) { machine.withLock { $0.failed(permit, now: time.instant()) } }
    /// Lets another call find out.
    public func abandoned(_ permit: UInt64) { machine.withLock { $0.abandoned(permit) } }
}
