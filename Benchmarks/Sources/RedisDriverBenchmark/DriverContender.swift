import Determinism
import Foundation
import RedisDriver
import RedisTestKit
import SocketReactor

/// The driver: tasks that each wait for their value before they ask for the next.
struct DriverContender: Contender {
    let client: RedisClient
    var name: String {
        let groups = client.configuration.groupLimit
        let style = groups > 1_000 ? "a write for each command" : "\(groups) group(s) under way"
        return "driver, \(client.configuration.connectionCount) connection(s), \(style)"
    }

    init(_ server: RedisServer, _ reactor: Reactor, connections: Int, groups: Int) throws {
        var configuration = try RedisConfiguration(url: server.url())
        (configuration.connectionCount, configuration.groupLimit) = (connections, groups)
        client = try RedisClient(configuration, on: reactor)
    }

    func run(tasks: Int, seconds: Int) async throws -> Outcome {
        let time = SystemTime()
        let (begin, before, start) = (time.instant(), Self.cpu(), client.statistics)
        let keys = RedisDriverBenchmark.keys
        let deadline = begin + .seconds(seconds)
        let latencies = try await withThrowingTaskGroup(of: [Int32].self) { group in
            for task in 0..<tasks {
                group.addTask {
                    let random = SeededRandom(seed: UInt64(task) &* 7_919 &+ 1)
                    var latencies: [Int32] = []
                    var start = time.instant()
                    while start < deadline {
                        let key = keys[Int(random.next(below: UInt64(keys.count)))]
                        guard case .bulk(let bytes) = try await client.send(.get(key)), bytes.count == 16 else {
                            throw BenchmarkFailure(what: "a GET had no value")
                        }
                        let end = time.instant()
                        latencies.append(Int32(clamping: end.nanoseconds - start.nanoseconds))
                        start = end
                    }
                    return latencies
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let elapsed = (time.instant() - begin) / .seconds(1)
        let sorted = latencies.sorted()
        let statistics = client.statistics
        func milliseconds(_ part: Double) -> String {
            String(format: "%.2f", Double(sorted[Int(Double(sorted.count - 1) * part)]) / 1e6)
        }
        let micros = String(format: "%.2f", Double(Self.cpu() - before) / Double(sorted.count))
        let commands = String(
            format: "%.1f", Double(statistics.commands - start.commands) / Double(statistics.writes - start.writes))
        return Outcome(
            perSecond: Double(sorted.count) / elapsed,
            details: " (p50 \(milliseconds(0.5)) ms, p99 \(milliseconds(0.99)) ms, \(micros) µs of CPU, "
                + "\(commands) commands in a write)")
    }

    /// Microseconds of CPU that this process has used.
    private static func cpu() -> Int64 {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        func micros(_ time: timeval) -> Int64 { Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_usec) }
        return micros(usage.ru_utime) + micros(usage.ru_stime)
    }
}

/// `redis-benchmark`, with a connection for each client and as many commands in a write as the depth says.
struct ToolContender: Contender {
    let server: RedisServer
    let clients: Int
    let depth: Int
    var name: String { "redis-benchmark -t get -c \(clients) -P \(depth)" }

    func run(tasks: Int, seconds: Int) async throws -> Outcome {
        // It is told a number, not a time: this many take about as long on the machine that this was written on.
        let count = seconds * (depth > 1 ? 700_000 : 80_000)
        let text = try await server.benchmark(
            [
                "-t", "get", "-c", "\(clients)", "-P", "\(depth)", "-n", "\(count)", "-r",
                "\(RedisDriverBenchmark.keyCount)", "--csv",
            ])
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix("\"GET\"") }),
            let rate = Double(line.split(separator: ",")[1].filter { $0 != "\"" })
        else { throw BenchmarkFailure(what: "redis-benchmark printed no rate: \(text)") }
        return Outcome(perSecond: rate)
    }
}
