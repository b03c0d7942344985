import Synchronization

/// Said once, by one task to another.
public final class Flag: Sendable {
    private let state = Atomic(false)

    /// A flag that is down.
    public init() {}

    /// Whether it was raised.
    public var isRaised: Bool { state.load(ordering: .acquiring) }
    /// Raises it, for good.
    public func raise() { state.store(true, ordering: .releasing) }
}
