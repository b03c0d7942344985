import CallPolicies
import CircuitBreaking
import Determinism
import Logging
import PantryDomain
import RateLimiting
import RedisDriver
import SocketReactor
import Synchronization

/// The rate limits of the installation: what each plan allows, and who decides. In this process, or in Redis, with what
/// this process does while that is away.
package struct InstalledLimits: Sendable {
    /// What a plan allows; nil for no limit.
    package struct Plan: Sendable, Hashable {
        package let requests: RateLimit?
        package let orders: RateLimit?
    }
    package let plans: [String: Plan]
    /// For each address, of requests that show no valid credentials.
    package let anonymous: RateLimit?
    /// Decides about a request.
    package private(set) var decide: @Sendable (RateLimitRequest) async -> RateLimitDecision
    /// What has happened on the way to decisions.
    package let counts: RateLimitCounts
    /// Where the limits are kept: `memory` or `redis`.
    package let store: String
    /// How many processes share them, as far as this one knows.
    package let processes: @Sendable () -> Int
    /// Whether the store answers now.
    package let isReachable: @Sendable () async -> Bool
    let circuit: CircuitBreaker?
    private let background: @Sendable () async -> Void
    private let end: @Sendable () async -> Void

    /// - Parameter installation: whose limits they are, where others keep theirs as well.
    /// - Throws: ``AssemblyError`` for a limit that cannot be.
    static func open(
        _ configuration: PantryConfiguration, of installation: InstallationID, time: any TimeSource,
        random: any RandomSource, logger: Logger, observation: Observation?
    ) throws(AssemblyError) -> InstalledLimits {
        do {
            var limits = try open(configuration, RedisKeys(installation), time: time, random: random, logger: logger)
            guard let observation else { return limits }
            observation.measure(limits)
            let refusals = CounterFamily<String>("pantry_rate_limited", observation.metrics) { [("limit", $0)] }
            limits.decide = { [decide = limits.decide] request in
                let decision = await decide(request)
                if !decision.isAllowed { refusals.increment(decision.binding.name) }
                return decision
            }
            return limits
        } catch let error as AssemblyError {
            throw error
        } catch {
            throw AssemblyError("limits: \(error)")
        }
    }

    private static func open(
        _ configuration: PantryConfiguration, _ keys: RedisKeys, time: any TimeSource, random: any RandomSource,
        logger: Logger
    ) throws -> InstalledLimits {
        var plans: [String: Plan] = [:]
        for (name, plan) in configuration.limits.plans {
            plans[name] = Plan(
                requests: try plan.requests.map { try RateLimit($0, named: "requests") },
                orders: try plan.orders.map { try RateLimit($0, named: "orders") })
        }
        let anonymous = try configuration.limits.plans[PantryConfiguration.Limits.anonymousPlan]?.requests.map {
            try RateLimit($0, named: "address")
        }
        switch configuration.cache.url {
        case .memory: return try inMemory(plans, anonymous, time: time, random: random)
        case .redis(let url):
            return try inRedis(
                url, keys, plans, anonymous, configuration.limits.whenStoreIsAway, time: time, random: random,
                logger: logger)
        }
    }

    private static func inMemory(
        _ plans: [String: Plan], _ anonymous: RateLimit?, time: any TimeSource, random: any RandomSource
    ) throws -> InstalledLimits {
        let store = try InMemoryRateLimitStore(InMemoryRateLimitConfiguration(), time: time, random: random)
        return InstalledLimits(
            plans: plans, anonymous: anonymous, decide: { store.decision(for: $0, at: time.instant()) },
            counts: RateLimitCounts(), store: "memory", processes: { 1 }, isReachable: { true }, circuit: nil,
            background: {}, end: {})
    }

    private static func inRedis(
        _ url: String, _ keys: RedisKeys, _ plans: [String: Plan], _ anonymous: RateLimit?,
        _ loss: PantryConfiguration.Limits.StoreLoss, time: any TimeSource, random: any RandomSource, logger: Logger
    ) throws -> InstalledLimits {
        let client = try RedisClient(
            try RedisConfiguration(url: url), on: Reactor(time: time), random: random,
            observer: RedisLog(logger: logger))
        let census = ProcessCensus(client, key: keys.processes, time: time, random: random)
        var rules = CircuitBreakerConfiguration()
        (rules.failureRate, rules.consecutiveFailures) = (nil, 5)
        rules.wait = .doubling(from: .seconds(1), upTo: .seconds(10))
        rules.halfOpen = HalfOpenRule(permits: 1, deadline: .seconds(1))
        let circuit = try CircuitBreaker("limits", rules, timer: CallTimer.of(time), random: random)
        let counts = RateLimitCounts()
        let limiter = try ResilientRateLimiter(
            remote: RedisRateLimitStore(client, prefix: keys.limits), gate: BreakerGate(circuit),
            processes: { census.count }, time: time, observer: counts)
        return InstalledLimits(
            plans: plans, anonymous: anonymous,
            decide: { request in
                var request = request
                let isOrder = request.checks.contains { $0.limit.name == "orders" }
                request.whenStoreIsAway = isOrder ? loss.orders : loss.requests
                return await limiter.decide(request)
            },
            counts: counts, store: "redis", processes: { census.count },
            isReachable: { (try? await client.send(RedisCommand("PING"), timeout: .seconds(1))) != nil },
            circuit: circuit,
            background: {
                await withDiscardingTaskGroup { group in
                    group.addTask { await census.run() }
                    group.addTask { await limiter.run() }
                }
            },
            end: {
                // A slow Redis must not stand before the databases, whose close is what counts.
                _ = await TimeLimit(.seconds(1), time: time).run { await limiter.close() }
                await census.leave()
                client.close()
            })
    }

    /// What goes on beside the decisions, until the task is cancelled.
    func run() async { await background() }

    /// Gives back what was leased, and leaves. After ``run()``, in a task that is not cancelled.
    func close() async { await end() }
}

extension RateLimit {
    /// The rule's limit. Other numbers are counted apart from these (`RequestLimits`), so that there is nothing to say
    /// of what becomes of what was used when they change.
    /// - Throws: `RateLimitConfigurationError`.
    init(_ rule: PantryConfiguration.LimitRule, named name: String) throws(RateLimitConfigurationError) {
        switch rule {
        case .fixedWindow(let points, let duration, let block):
            self = try RateLimit(name, .fixedWindow(quota: Int64(points), window: duration), blocksFor: block)
        case .tokenBucket(let capacity, let refill):
            self = try RateLimit(
                name, .tokenBucket(capacity: Int64(capacity), refill: Int64(refill), period: .seconds(1)))
        }
    }
}

extension CallTimer {
    /// The process's own for the machine's clocks, one of its own for any other.
    static func of(_ time: any TimeSource) -> CallTimer { time is SystemTime ? .system : CallTimer(time: time) }
}

/// Writes into the log when Redis comes and goes. A failure that repeats itself is said once.
private final class RedisLog: RedisObserver {
    private let logger: Logger
    private let lastFailure = Mutex<String?>(nil)

    init(logger: Logger) { self.logger = logger }

    func connected(_ connection: Int) {
        lastFailure.withLock { $0 = nil }
        logger.notice("connected to Redis", metadata: ["connection": "\(connection)"])
    }
    func connectFailed(_ connection: Int, _ error: RedisError) {
        let failure = "\(error.code) \(error.server.map { "\($0.code)" } ?? "")"
        let isNew = lastFailure.withLock { last in
            defer { last = failure }
            return last != failure
        }
        logger.log(
            level: isNew ? .warning : .debug, "Redis cannot be reached",
            metadata: ["connection": "\(connection)", "error": "\(error)"])
    }
    func lost(_ connection: Int, _ error: RedisError) {
        logger.warning("lost Redis", metadata: ["connection": "\(connection)", "error": "\(error)"])
    }
}
