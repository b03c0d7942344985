import Determinism

/// What a ``ConnectionPool`` may do, and when. Every default can be used as it is; ``hosts`` must be given.
public struct PoolConfiguration: Sendable {
    /// Where connections go. A new one goes to the reachable host that has the fewest. One to 1,000,
    /// each once.
    public var hosts: [HostKey] = []
    /// The most connections at any moment, those that are being opened or closed included. `1...10_000`; 20 by default.
    /// More is rarely faster: a database server works best with a few connections for each of its cores.
    public var limit = 20
    /// How many connections are kept open, also without demand: `0...limit`; 0 by default.
    public var minimum = 0
    /// The longest that a caller waits, whatever its own deadline; 10 s by default.
    public var acquireTimeout: Duration = .seconds(10)
    /// How long a connection idles before it is closed, above the minimum; 60 s by default, nil for never.
    public var idleTimeout: Duration? = .seconds(60)
    /// How old a connection becomes; 30 min by default, nil for no limit. It is closed when it is next idle.
    public var maximumLifetime: Duration? = .seconds(1_800)
    /// By how much a connection's own lifetime differs from ``maximumLifetime``, either way, so that connections opened
    /// together do not expire together: a fraction in `0...0.5`; 0.1 by default.
    public var lifetimeJitter = 0.1
    /// A connection that has not proved itself alive for this long is validated before it is handed out; 500 ms by
    /// default. Zero validates each time.
    public var validateAfter: Duration = .milliseconds(500)
    /// How long a validation may take; 1 s by default.
    public var validationTimeout: Duration = .seconds(1)
    /// How long bringing back a dirty connection may take; 2 s by default.
    public var resetTimeout: Duration = .seconds(2)
    /// How long opening a connection may take; 5 s by default.
    public var connectTimeout: Duration = .seconds(5)
    /// How long closing a connection may take before its place is used again; 2 s by default.
    public var closeTimeout: Duration = .seconds(2)
    /// How many connects, how often, and when to stop trying.
    public var connecting = Connecting()
    /// The most callers that wait; `1...1_000_000`, 1,000 by default.
    public var queueLimit = 1_000
    /// When waiting callers are refused because the queue only grows older; nil to let them wait for their deadline.
    public var shedding: Shedding? = Shedding()
    /// How tenants share the pool; nil for one queue, first come, first served.
    public var fairShares: FairShares? = FairShares()
    /// A connection that is held longer is reported, once; 60 s by default, nil for never. Nothing is taken away.
    public var leakThreshold: Duration? = .seconds(60)

    /// The defaults, without a host.
    public init() {}

    /// The defaults, for these hosts.
    public init(hosts: [HostKey]) { self.hosts = hosts }

    /// The limits of connecting.
    public struct Connecting: Sendable {
        /// The most connects at a time; `1...1_000`, 4 by default. A spike of callers is served by returning
        /// connections and these, not by a connection for each.
        public var concurrency = 4
        /// After how many failures in a row a host is left alone for a while; `1...1_000`, 5 by default.
        public var failureThreshold = 5
        /// The pause after the first failure; doubles with each further one. 100 ms by default.
        public var pause: Duration = .milliseconds(100)
        /// The longest pause; 10 s by default.
        public var longestPause: Duration = .seconds(10)
        /// The defaults.
        public init() {}

        /// The pause after that many failures in a row, half of it fixed and half of it drawn.
        /// - Parameter draw: 64 random bits.
        public func pause(afterFailures count: Int, draw: UInt64) -> Duration {
            let whole = min(pause * (1 << min(max(count - 1, 0), 20)), longestPause).inNanoseconds
            let drawn = draw.multipliedFullWidth(by: UInt64(max(whole, 0) / 2 + 1)).high
            return .nanoseconds(whole - whole / 2 + Int64(drawn))
        }
    }

    /// When a queue is one that only makes everybody wait. For each tenant's own queue: if nobody in it waited less
    /// than ``target`` for a whole ``interval``, those who have waited more than twice the target are refused when
    /// their turn comes. The last one who waits is never refused.
    public struct Shedding: Sendable {
        /// 1 s by default.
        public var target: Duration = .seconds(1)
        /// 1 s by default.
        public var interval: Duration = .seconds(1)
        /// The defaults.
        public init() {}
    }

    /// How many connections a tenant may count on when others want them too. See ``PoolStateMachine`` for the policy
    /// and its bound.
    public struct FairShares: Sendable {
        /// The weight of a tenant that is not in ``weights``; `1...1_000`, 1 by default.
        public var defaultWeight = 1
        /// Weights of tenants that count for more or less than others; `1...1_000` each, at most 100,000 of them.
        public var weights: [TenantKey: Int] = [:]
        /// The defaults.
        public init() {}
    }
}

/// A setting that cannot be, and what would be right.
public struct PoolConfigurationError: Error, Hashable, CustomStringConvertible {
    /// The name of the setting, such as `limit`.
    public let setting: String
    /// What is wrong with it, and what would be right.
    public let problem: String

    /// Such as `limit is 0; it must be in 1...10000`.
    public var description: String { "\(setting) \(problem)" }
}

extension PoolConfiguration {
    /// - Throws: the first setting that cannot be.
    public func validate() throws(PoolConfigurationError) {
        if hosts.isEmpty { throw PoolConfigurationError(setting: "hosts", problem: "is empty; name at least one host") }
        if hosts.count > 1_000 {
            throw PoolConfigurationError(setting: "hosts", problem: "has \(hosts.count) hosts; name at most 1000")
        }
        if Set(hosts).count < hosts.count {
            throw PoolConfigurationError(setting: "hosts", problem: "names a host twice; name each once")
        }
        try check(limit, "limit", in: 1...10_000)
        try check(minimum, "minimum", in: 0...limit)
        try check(queueLimit, "queueLimit", in: 1...1_000_000)
        try check(connecting.concurrency, "connecting.concurrency", in: 1...1_000)
        try check(connecting.failureThreshold, "connecting.failureThreshold", in: 1...1_000)
        if !(0...0.5).contains(lifetimeJitter) {
            throw PoolConfigurationError(
                setting: "lifetimeJitter", problem: "is \(lifetimeJitter); it must be in 0...0.5")
        }
        for (name, duration) in positiveDurations { try checkPositive(duration, name) }
        if validateAfter < .zero {
            throw PoolConfigurationError(setting: "validateAfter", problem: "is negative; zero validates each time")
        }
        if connecting.longestPause < connecting.pause {
            throw PoolConfigurationError(
                setting: "connecting.longestPause", problem: "is shorter than connecting.pause; make it at least that")
        }
        guard let fairShares else { return }
        try check(fairShares.defaultWeight, "fairShares.defaultWeight", in: 1...1_000)
        try check(fairShares.weights.count, "fairShares.weights.count", in: 0...100_000)
        for weight in fairShares.weights.values { try check(weight, "fairShares.weights", in: 1...1_000) }
    }

    private var positiveDurations: [(String, Duration)] {
        var all = [
            ("acquireTimeout", acquireTimeout), ("validationTimeout", validationTimeout),
            ("resetTimeout", resetTimeout), ("connectTimeout", connectTimeout), ("closeTimeout", closeTimeout),
            ("connecting.pause", connecting.pause),
        ]
        if let idleTimeout { all.append(("idleTimeout", idleTimeout)) }
        if let maximumLifetime { all.append(("maximumLifetime", maximumLifetime)) }
        if let leakThreshold { all.append(("leakThreshold", leakThreshold)) }
        if let shedding {
            all += [("shedding.target", shedding.target), ("shedding.interval", shedding.interval)]
        }
        return all
    }

    private func check(_ value: Int, _ setting: String, in range: ClosedRange<Int>) throws(PoolConfigurationError) {
        if !range.contains(value) {
            throw PoolConfigurationError(
                setting: setting, problem: "is \(value); it must be in \(range.lowerBound)...\(range.upperBound)")
        }
    }

    private func checkPositive(_ value: Duration, _ setting: String) throws(PoolConfigurationError) {
        if value <= .zero {
            throw PoolConfigurationError(setting: setting, problem: "is \(value); it must be longer than zero")
        }
    }
}
