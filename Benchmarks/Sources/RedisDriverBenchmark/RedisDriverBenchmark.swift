import Determinism
import Foundation
import RedisDriver
import RedisTestKit
import SocketReactor

/// GETs through the driver, beside `redis-benchmark -t get` on the same server, in turns: only what comes from one run
/// compares.
///
///     swift run -c release RedisDriverBenchmark [ROUNDS] [SECONDS] [TASKS] [NAMES]
///
/// With NAMES, such as `2 connection|-P 16`, only contenders whose name has one of them in.
/// It starts a Redis server of its own and prints a table.
///
///     swift run -c release RedisDriverBenchmark limits [ROUNDS] [SECONDS] [DEPTH] [NAMES]
///
/// Rate limits instead of GETs: see ``RateLimitContest``.
@main
struct RedisDriverBenchmark {
    /// How many keys there are, with 16 bytes each.
    static let keyCount = 10_000
    /// As `redis-benchmark` names them.
    static let keys = (0..<keyCount).map { "key:" + String(repeating: "0", count: 12 - "\($0)".count) + "\($0)" }

    static func main() async throws {
        if CommandLine.arguments.dropFirst().first == "limits" { return try await limits() }
        let numbers = CommandLine.arguments.dropFirst().prefix(3).map { Int($0) }
        let names = CommandLine.arguments.dropFirst(4).first ?? ""
        guard CommandLine.arguments.count <= 5, !numbers.contains(nil) else {
            print("usage: RedisDriverBenchmark [ROUNDS] [SECONDS] [TASKS] [NAMES]")
            exit(64)
        }
        let all = numbers.compactMap { $0 }
        let rounds = all.first ?? 5
        let seconds = all.count > 1 ? all[1] : 3
        let tasks = all.count > 2 ? all[2] : 64
        try await RedisServer.with { @Sendable server in
            try await measure(server, rounds: rounds, seconds: seconds, tasks: tasks, only: names)
        }
    }

    private static func limits() async throws {
        let words = CommandLine.arguments.dropFirst(2)
        let numbers = words.prefix(3).map { Int($0) }
        guard words.count <= 4, !numbers.contains(nil) else {
            print("usage: RedisDriverBenchmark limits [ROUNDS] [SECONDS] [DEPTH] [NAMES]")
            exit(64)
        }
        let all = numbers.compactMap { $0 }
        let names = words.dropFirst(3).first ?? ""
        try await RedisServer.with { @Sendable server in
            let contest = RateLimitContest(
                server: server, rounds: all.first ?? 5, seconds: all.count > 1 ? all[1] : 2, names: names)
            for depth in all.count > 2 ? [all[2]] : [1, 16, 64] { try await contest.run(depth: depth) }
        }
    }

    private static func measure(
        _ server: RedisServer, rounds: Int, seconds: Int, tasks: Int, only names: String
    ) async throws {
        let reactor = try Reactor(time: SystemTime())
        defer { reactor.stop() }
        var contenders: [any Contender] = []
        for connections in [1, 2, 4] {
            contenders.append(try DriverContender(server, reactor, connections: connections, groups: 2))
        }
        contenders.append(try DriverContender(server, reactor, connections: 1, groups: 1))
        contenders.append(try DriverContender(server, reactor, connections: 1, groups: 1_000_000))
        for depth in [1, 16] { contenders.append(ToolContender(server: server, clients: tasks, depth: depth)) }
        let parts = names.split(separator: "|")
        if !parts.isEmpty { contenders.removeAll { each in !parts.contains { each.name.contains($0) } } }
        try await fill(server, reactor)
        print("\(tasks) tasks, \(rounds) rounds of about \(seconds) s in turns; GETs/s of each round")
        for contender in contenders { _ = try await contender.run(tasks: tasks, seconds: 1) }
        var results = [[Outcome]](repeating: [], count: contenders.count)
        for round in 0..<rounds {
            let order = round.isMultiple(of: 2) ? Array(contenders.indices) : contenders.indices.reversed()
            for index in order {
                let share = OthersShare(server)
                var outcome = try await contenders[index].run(tasks: tasks, seconds: seconds)
                outcome.others = share?.untilNow()
                results[index].append(outcome)
            }
        }
        report(contenders, results)
    }

    /// Each round's rate with, in brackets, the percentage of the cores that others had; the round of the median rate
    /// in detail.
    private static func report(_ contenders: [any Contender], _ results: [[Outcome]]) {
        for (contender, outcomes) in zip(contenders, results) {
            let rates = outcomes.map { outcome in
                "\(Int(outcome.perSecond))" + (outcome.others.map { " [\(Int($0 * 100)) %]" } ?? "")
            }
            let median = outcomes.sorted { $0.perSecond < $1.perSecond }[outcomes.count / 2]
            print(
                "\(contender.name): \(rates.joined(separator: ", ")); median \(Int(median.perSecond))\(median.details)")
        }
    }

    private static func fill(_ server: RedisServer, _ reactor: Reactor) async throws {
        let client = try RedisClient(RedisConfiguration(url: server.url()), on: reactor)
        let sets = keys.map { RedisCommand.set($0, [UInt8](repeating: 65, count: 16)) }
        for result in await client.pipeline(sets, timeout: .seconds(30)) { _ = try result.get() }
    }
}

/// Something that reads.
protocol Contender: Sendable {
    var name: String { get }
    func run(tasks: Int, seconds: Int) async throws -> Outcome
}

/// How it did.
struct Outcome: Sendable {
    let perSecond: Double
    var details = ""
    /// The share of the cores that other processes had.
    var others: Double?
}

/// Why there is no result.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
