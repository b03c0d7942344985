import Determinism
import Logging
import RedisDriver
import Synchronization

/// How many processes of this installation are alive: each says so in Redis now and then, and counts those that have
/// said so lately. While Redis is away the last count stands.
final class ProcessCensus: Sendable {
    /// By Redis' own clock: says that this process is alive, forgets those that have not for three intervals, and
    /// counts.
    private static let script = RedisScript(
        """
        local now = redis.call('TIME')
        local millis = now[1] * 1000 + math.floor(now[2] / 1000)
        redis.call('ZADD', KEYS[1], millis, ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', millis - 3 * ARGV[2])
        redis.call('PEXPIRE', KEYS[1], 10 * ARGV[2])
        return redis.call('ZCARD', KEYS[1])
        """)
    static let interval: Duration = .seconds(3)
    private let client: RedisClient
    private let key: String
    private let name: String
    private let time: any TimeSource
    private let last = Atomic<Int>(1)

    /// - Parameter key: where the installation's processes say so.
    init(_ client: RedisClient, key: String, time: any TimeSource, random: any RandomSource) {
        (self.client, self.key, self.time) = (client, key, time)
        name = String(random.next(), radix: 16)
    }

    /// At least one: this process.
    var count: Int { last.load(ordering: .relaxed) }

    /// Says that this process is alive until it is not.
    func run() async {
        repeat { await say() } while (try? await time.sleep(for: Self.interval)) != nil
    }

    /// Says that this process ends, so that the others need not find out.
    func leave() async { _ = try? await client.send(RedisCommand("ZREM", key, name), timeout: .milliseconds(200)) }

    private func say() async {
        let arguments: [any RedisArgument] = [name, Self.interval.inMicroseconds / 1_000]
        guard
            let count = try? await client.eval(
                Self.script, keys: [key], arguments: arguments, timeout: .seconds(1)
            ).integer()
        else { return }
        last.store(max(Int(count), 1), ordering: .relaxed)
    }
}
