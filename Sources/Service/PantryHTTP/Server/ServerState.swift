import Synchronization

/// What the rest of the process may know of the server, and tell it. Readable from anywhere without waiting.
///
/// Whoever builds the server makes one and gives it to the server and to the route of `/readyz`.
package final class ServerState: Sendable {
    private let ready: Atomic<Bool>
    private let draining = Atomic<Bool>(false)
    private let closing = Atomic<Bool>(false)
    /// Who waits for what is to come, and is told of a stop.
    private let listeners = Mutex<[ObjectIdentifier: Listener]>([:])

    /// - Parameter isReady: whether requests under `/v1` and `/ops` are served from the start.
    package init(isReady: Bool = false) {
        ready = Atomic(isReady)
    }

    /// Whether recovery's first pass is over. Until then `/v1` and `/ops` answer 503.
    package var isReady: Bool { ready.load(ordering: .acquiring) }

    /// Whether a stop has begun. Requests are still served, but `/readyz` says 503 so that nobody sends more.
    package var isDraining: Bool { draining.load(ordering: .acquiring) }

    /// Whether the listener is closed or about to be, so that each connection closes after its current answer.
    package var isClosing: Bool { closing.load(ordering: .acquiring) }

    /// Sets `isReady`.
    package func setReady(_ isReady: Bool) {
        ready.store(isReady, ordering: .releasing)
    }

    /// A stop has begun; there is no way back.
    package func startDraining() {
        draining.store(true, ordering: .releasing)
        for listener in listeners.withLock({ Array($0.values) }) { listener.end(.stopping) }
    }

    /// A client begins to wait; ``leave(_:)`` follows. Once a stop has begun nobody waits any more.
    func enter(_ listener: Listener) {
        listeners.withLock { $0[ObjectIdentifier(listener)] = listener }
        // Asked behind the entry: whoever begins to drain now has either been seen here, or sees the entry.
        if isDraining { listener.end(.stopping) }
    }

    /// It has its answer.
    func leave(_ listener: Listener) { _ = listeners.withLock { $0.removeValue(forKey: ObjectIdentifier(listener)) } }

    /// The listener closes now; there is no way back.
    func startClosing() {
        closing.store(true, ordering: .releasing)
    }
}
