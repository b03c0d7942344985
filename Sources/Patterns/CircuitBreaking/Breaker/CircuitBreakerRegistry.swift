import CallPolicies
import Determinism
import Synchronization

/// Breakers by name, made when they are first asked for, never more than a limit.
///
/// When the limit is reached, a breaker makes room that is in its first mode and would let a call through: closed, or
/// open for longer than its wait. It is the one that was asked for longest ago (by the clock algorithm: those asked for
/// again since its last round are spared). It loses its counts; who still holds it goes on with it. If none can go,
/// because every one keeps calls back or is in an operator's hands, the name gets a breaker that is disabled and shared
/// by all such names (``overflow``): it lets calls through and counts them.
public final class CircuitBreakerRegistry: Sendable {
    private struct Entry {
        let breaker: CircuitBreaker
        var wasAskedFor: Bool
    }
    private struct State {
        var entries: [String: Entry] = [:]
        /// The names in the order that the hand goes through, and the hand.
        var ring: [String] = []
        var hand = 0
        var evictions: UInt64 = 0
    }
    private let limit: Int
    private let make: @Sendable (String) -> CircuitBreaker
    private let state = Mutex(State())
    /// What names get for which there is no room.
    public let overflow: CircuitBreaker

    /// No breakers yet.
    /// - Parameters:
    ///   - limit: the most breakers, at least 1. 1,024 by default; each takes some kilobytes, most of them for its
    ///     latencies.
    ///   - configuration: the settings of new ones.
    /// - Throws: the first setting that cannot be.
    public init(
        limit: Int = 1_024, _ configuration: CircuitBreakerConfiguration, classifier: CallClassifier = .standard,
        timer: CallTimer = .system, random: any RandomSource = SystemRandom()
    ) throws(CircuitBreakerConfigurationError) {
        try configuration.validate()
        self.limit = max(limit, 1)
        var idle = configuration
        idle.mode = .disabled
        overflow = try CircuitBreaker("(overflow)", idle, classifier: classifier, timer: timer, random: random)
        make = { name in
            do {
                return try CircuitBreaker(name, configuration, classifier: classifier, timer: timer, random: random)
            } catch {
                preconditionFailure("the settings were validated: \(error)")
            }
        }
    }

    /// The breaker of that name.
    public func breaker(_ name: String) -> CircuitBreaker {
        state.withLock { state in
            if let index = state.entries.index(forKey: name) {
                state.entries.values[index].wasAskedFor = true
                return state.entries.values[index].breaker
            }
            if state.ring.count < limit {
                state.ring.append(name)
            } else if makeRoom(in: &state) {
                // In the place of the one that went, and the hand past it: the others were here before.
                state.ring[state.hand] = name
                state.hand += 1
            } else {
                return overflow
            }
            let breaker = make(name)
            state.entries[name] = Entry(breaker: breaker, wasAskedFor: false)
            return breaker
        }
    }

    /// All of them, by name.
    public var snapshots: [CircuitSnapshot] {
        state.withLock { $0.entries.values.map(\.breaker) }.map(\.snapshot).sorted { $0.name < $1.name }
    }

    /// The breaker of that name, if there is one.
    public func existing(_ name: String) -> CircuitBreaker? { state.withLock { $0.entries[name]?.breaker } }

    /// How many breakers had to make room.
    public var evictions: UInt64 { state.withLock { $0.evictions } }

    /// Goes around at most twice: in the first round those asked for lately are spared. Leaves the hand at the free
    /// place.
    private func makeRoom(in state: inout State) -> Bool {
        for _ in 0..<(2 * state.ring.count) {
            if state.hand >= state.ring.count { state.hand = 0 }
            let name = state.ring[state.hand]
            guard let entry = state.entries[name] else { return false }
            if entry.wasAskedFor {
                state.entries[name]?.wasAskedFor = false
            } else if entry.breaker.isExpendable {
                state.entries[name] = nil
                state.evictions += 1
                return true
            }
            state.hand += 1
        }
        return false
    }
}
