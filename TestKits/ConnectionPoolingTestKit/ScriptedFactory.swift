import ConnectionPooling
import Synchronization

/// Opens ``ScriptedConnection``s as a test tells it, and keeps them to look at.
public final class ScriptedFactory: PooledConnectionFactory {
    /// What a connect comes to.
    public enum Behavior: Sendable {
        /// A connection.
        case succeeds
        /// An error.
        case fails(ScriptedFailure)
        /// Nothing, whether cancelled or not, until ``ScriptedFactory/release(with:)``.
        case waits
    }
    private struct State {
        var behaviors: [HostKey: Behavior] = [:]
        var script: [Behavior] = []
        var connections: [ScriptedConnection] = []
        var attempts: [HostKey] = []
        var waiting: [CheckedContinuation<Behavior, Never>] = []
        var prepare: (@Sendable (ScriptedConnection) -> Void)?
    }
    private let state = Mutex(State())

    /// A factory whose connects succeed.
    public init() {}

    /// From now on connects to the host come to this.
    public func on(_ host: HostKey, _ behavior: Behavior) { state.withLock { $0.behaviors[host] = behavior } }

    /// The next connects, to whatever host, come to these, one after the other.
    public func next(_ behaviors: Behavior...) { state.withLock { $0.script += behaviors } }

    /// Called with each new connection before the pool sees it.
    public func prepare(_ body: (@Sendable (ScriptedConnection) -> Void)?) { state.withLock { $0.prepare = body } }

    /// Lets all connects that wait go on.
    public func release(with behavior: Behavior = .succeeds) {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: behavior) }
    }

    /// The connections that were opened, in order.
    public var connections: [ScriptedConnection] { state.withLock { $0.connections } }
    /// The hosts that connects went to, in order.
    public var attempts: [HostKey] { state.withLock { $0.attempts } }
    /// How many connects wait.
    public var waitingCount: Int { state.withLock { $0.waiting.count } }
    /// The connections that were opened and not closed.
    public var openConnections: [ScriptedConnection] { connections.filter { $0.closeCount == 0 } }

    /// Does what the script says next, or what was said for the host, or succeeds.
    public func connect(to host: HostKey, monitor: ConnectionMonitor) async throws -> ScriptedConnection {
        var behavior = state.withLock { state in
            state.attempts.append(host)
            if !state.script.isEmpty { return state.script.removeFirst() }
            return state.behaviors[host] ?? .succeeds
        }
        if case .waits = behavior {
            behavior = await withCheckedContinuation { continuation in
                state.withLock { $0.waiting.append(continuation) }
            }
        }
        if case .fails(let failure) = behavior { throw failure }
        let (connection, prepare) = state.withLock { state in
            let connection = ScriptedConnection(number: state.connections.count + 1, host: host, monitor: monitor)
            state.connections.append(connection)
            return (connection, state.prepare)
        }
        prepare?(connection)
        return connection
    }
}
