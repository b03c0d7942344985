import Determinism
import RateLimiting
import RedisDriver
import RedisTestKit
import SocketReactor
import Synchronization

/// What both sides decide: one limit for one of some thousand tenants, which never refuses.
struct RateLimitWorkload: Sendable {
    static let tenantCount = 10_000
    let limit: RateLimit
    /// As `redis-benchmark` names them.
    let tenants = (0..<tenantCount).map { String(repeating: "0", count: 12 - "\($0)".count) + "\($0)" }

    init() throws { limit = try .tokenBucket("orders", capacity: 1_000_000, refill: 1_000_000) }

    func request(_ tenant: String) -> RateLimitRequest {
        RateLimitRequest(.consume, RateLimitKey(tenant, "key-1"), limit)
    }
}

/// Tasks that decide by `RedisRateLimitStore`.
struct StoreContender: Contender {
    private let client: RedisClient
    private let workload: RateLimitWorkload
    /// Where its tasks run, if not where tasks run by default.
    private let executor: ReactorExecutor?
    var name: String {
        let place = executor == nil ? "" : ", tasks on the reactor's thread"
        return "store, \(client.configuration.connectionCount) connection(s)\(place)"
    }

    init(
        _ server: RedisServer, _ reactor: Reactor, _ workload: RateLimitWorkload, connections: Int,
        isOnReactor: Bool = false
    ) throws {
        executor = isOnReactor ? reactor.executor : nil
        var configuration = try RedisConfiguration(url: server.url())
        configuration.connectionCount = connections
        client = try RedisClient(configuration, on: reactor)
        self.workload = workload
    }

    func run(tasks: Int, seconds: Int) async throws -> Outcome {
        let (store, workload) = (RedisRateLimitStore(client), workload)
        return try await withTaskExecutorPreference(executor) {
            try await ClientLoad(client: client, tasks: tasks, seconds: seconds).run { random in
                let tenant = workload.tenants[Int(random.next(below: UInt64(RateLimitWorkload.tenantCount)))]
                guard try await store.decide(workload.request(tenant)).isAllowed else {
                    throw BenchmarkFailure(what: "a decision was a refusal")
                }
            }
        }
    }
}

/// `redis-benchmark` with the script and arguments of the same decision: the key varies, `__rand_int__` in its name.
final class ScriptToolContender: Contender {
    private let server: RedisServer
    private let command: [String]
    private let clients: Int
    /// How many calls took about a second the last time: it is told a number, not a time.
    private let pace = Mutex(20_000.0)
    let name: String

    /// - Parameters:
    ///   - digest: the name of the script, which the server knows already.
    ///   - clients: how many connections; each has its share of the calls in flight.
    init(_ server: RedisServer, _ workload: RateLimitWorkload, digest: String, clients: Int, depth: Int) {
        (self.server, self.clients) = (server, clients)
        let call = RateLimitScriptCall(workload.request("__rand_int__"))
        command = ["EVALSHA", digest, "\(call.keys.count)"] + call.keys + call.arguments
        name = "redis-benchmark -c \(clients) -P \(depth / clients)"
    }

    func run(tasks: Int, seconds: Int) async throws -> Outcome {
        let count = Int(pace.withLock { $0 }) * seconds
        let options = [
            "-c", "\(clients)", "-P", "\(tasks / clients)", "-n", "\(count)", "-r", "\(RateLimitWorkload.tenantCount)",
            "--csv",
        ]
        let text = try await server.benchmark(options + command)
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix("\"EVALSHA") }),
            let rate = Double(line.split(separator: ",")[1].filter { $0 != "\"" })
        else { throw BenchmarkFailure(what: "redis-benchmark printed no rate: \(text)") }
        pace.withLock { $0 = rate }
        return Outcome(perSecond: rate)
    }
}
