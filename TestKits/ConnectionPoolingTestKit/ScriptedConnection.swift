import ConnectionPooling
import Determinism
import Synchronization

/// A failure that a test has asked for.
public struct ScriptedFailure: Error, Hashable, CustomStringConvertible {
    /// What it says.
    public let description: String

    /// A failure that says this.
    public init(_ description: String) { self.description = description }
}

/// A connection that does what a test tells it, and remembers what was done to it.
public final class ScriptedConnection: PooledConnection {
    /// What a call to the connection comes to.
    public enum Behavior: Sendable {
        /// It succeeds. A reset makes the connection clean.
        case succeeds
        /// It throws.
        case fails
        /// It returns as if it had succeeded, and changes nothing.
        case lies
        /// It never returns, whether cancelled or not, until ``ScriptedConnection/release()``.
        case hangs
    }
    private struct State {
        var condition = ConnectionCondition.clean
        var behaviors: [Call: Behavior] = [:]
        var calls: [Call] = []
        var users = 0
        var mostUsers = 0
        var usesAfterClose = 0
        var hanging: [CheckedContinuation<Void, Never>] = []
    }
    /// What the pool may call.
    public enum Call: Sendable, Hashable {
        /// ``PooledConnection/reset()``
        case reset
        /// ``PooledConnection/validate()``
        case validate
        /// ``PooledConnection/close()``
        case close
    }
    /// Which one of its factory's it is, from 1.
    public let number: Int
    /// Where it goes.
    public let host: HostKey
    /// Tells the pool.
    public let monitor: ConnectionMonitor
    private let state = Mutex(State())

    /// A connection as a factory makes it.
    public init(number: Int, host: HostKey, monitor: ConnectionMonitor) {
        (self.number, self.host, self.monitor) = (number, host, monitor)
    }

    // MARK: What the test says

    /// From now on that call comes to this.
    public func on(_ call: Call, _ behavior: Behavior) { state.withLock { $0.behaviors[call] = behavior } }

    /// What the connection says about itself from now on.
    public func become(_ condition: ConnectionCondition) { state.withLock { $0.condition = condition } }

    /// The other side has gone, and the connection notices it.
    public func die() {
        become(.broken)
        monitor.lost()
    }

    /// Lets calls that hang return.
    public func release() {
        let hanging = state.withLock { state in
            defer { state.hanging = [] }
            state.behaviors = state.behaviors.filter { $0.value != .hangs }
            return state.hanging
        }
        for continuation in hanging { continuation.resume() }
    }

    // MARK: What the test sees

    /// What the pool has called, in order.
    public var calls: [Call] { state.withLock { $0.calls } }
    /// How often it was closed. More than once is a bug of the pool.
    public var closeCount: Int { calls.count { $0 == .close } }
    /// The most that ever used it at a time. More than one is a bug of the pool.
    public var mostUsers: Int { state.withLock { $0.mostUsers } }
    /// How often somebody used it after it was closed.
    public var usesAfterClose: Int { state.withLock { $0.usesAfterClose } }

    // MARK: What a holder does

    /// Uses the connection for as long as `body` takes.
    nonisolated(nonsending) public func use<Result>(
        _ body: nonisolated(nonsending) () async throws -> Result
    ) async rethrows -> Result {
        state.withLock { state in
            state.users += 1
            state.mostUsers = max(state.mostUsers, state.users)
            if state.calls.contains(.close) { state.usesAfterClose += 1 }
        }
        defer { state.withLock { $0.users -= 1 } }
        return try await body()
    }

    /// Begins a transaction: the connection is dirty until ``commit()`` or a reset.
    public func begin() { become(.dirty) }

    /// Ends a transaction.
    public func commit() { become(.clean) }

    // MARK: PooledConnection

    /// What the test last said.
    public var condition: ConnectionCondition { state.withLock { $0.condition } }

    /// Makes the connection clean, unless told otherwise.
    public func reset() async throws {
        if try await act(.reset) { become(.clean) }
    }

    /// Succeeds, unless told otherwise.
    public func validate() async throws { _ = try await act(.validate) }

    /// Makes the connection broken, unless told otherwise.
    public func close() async {
        if (try? await act(.close)) == true { become(.broken) }
    }

    /// Whether the call is to have an effect.
    private func act(_ call: Call) async throws -> Bool {
        let behavior = state.withLock { state in
            state.calls.append(call)
            return state.behaviors[call] ?? .succeeds
        }
        switch behavior {
        case .succeeds:
            // As a real one does: what is closed does not answer.
            if call != .close, condition == .broken { throw ScriptedFailure("connection \(number) is broken") }
            return true
        case .fails: throw ScriptedFailure("\(call) of connection \(number) fails")
        case .lies: return false
        case .hangs:
            await withCheckedContinuation { continuation in
                state.withLock { $0.hanging.append(continuation) }
            }
            return true
        }
    }
}
