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
        let (client, keys) = (client, RedisDriverBenchmark.keys)
        return try await ClientLoad(client: client, tasks: tasks, seconds: seconds).run { random in
            let key = keys[Int(random.next(below: UInt64(keys.count)))]
            guard case .bulk(let bytes) = try await client.send(.get(key)), bytes.count == 16 else {
                throw BenchmarkFailure(what: "a GET had no value")
            }
        }
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
