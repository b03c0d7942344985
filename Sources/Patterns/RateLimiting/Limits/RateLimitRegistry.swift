import Synchronization

/// The limits of each plan (or route, or whatever names them), changed while they are in use. The next decision goes by
/// the new ones; each limit says by ``RateLimit/onChange`` what becomes of what is used.
public final class RateLimitRegistry: Sendable {
    /// The most plans.
    public static let greatestPlanCount = 10_000

    private struct State {
        var plans: [String: [RateLimit]] = [:]
        var version = 0
    }
    private let state = Mutex(State())

    /// No plans.
    public init() {}

    /// Counts the changes.
    public var version: Int { state.withLock { $0.version } }

    /// The limits of a plan, in the order in which they were given; empty if there is no such plan.
    public func limits(of plan: String) -> [RateLimit] { state.withLock { $0.plans[plan] ?? [] } }

    /// Replaces the limits of a plan; with none, removes it.
    /// - Throws: when there are too many plans, too many limits, or two limits of one name.
    public func replace(_ plan: String, with limits: [RateLimit]) throws(RateLimitConfigurationError) {
        if limits.count > RateLimitRequest.greatestCheckCount {
            throw RateLimitConfigurationError(
                setting: plan, problem: "has \(limits.count) limits; a decision has at most 16")
        }
        if Set(limits.map(\.name)).count < limits.count {
            throw RateLimitConfigurationError(setting: plan, problem: "has two limits of one name; name each once")
        }
        let isDone = state.withLock { state in
            if state.plans[plan] == nil, state.plans.count >= Self.greatestPlanCount { return limits.isEmpty }
            state.plans[plan] = limits.isEmpty ? nil : limits
            state.version += 1
            return true
        }
        if !isDone {
            throw RateLimitConfigurationError(
                setting: plan, problem: "is one plan more than \(Self.greatestPlanCount); remove another one first")
        }
    }
}
