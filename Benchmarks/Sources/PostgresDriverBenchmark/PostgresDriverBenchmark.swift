import Determinism
import Foundation
import PostgresDriver
import PostgresTestKit
import ProcessTestKit

/// Selects by primary key through the driver, beside `pgbench -S -M prepared` on the same server, in turns: only what
/// comes from one run compares.
///
///     swift run -c release PostgresDriverBenchmark [ROUNDS] [SECONDS] [TASKS] [NAMES]
///
/// With NAMES, such as `1 connection|pgbench`, only contenders whose name has one of them in.
/// It starts a PostgreSQL server of its own, fills it with `pgbench -i`, and prints a table.
@main
struct PostgresDriverBenchmark {
    static let rowCount: Int64 = 500_000
    static let scale = 5

    static func main() async throws {
        let numbers = CommandLine.arguments.dropFirst().prefix(3).map { Int($0) }
        let names = CommandLine.arguments.dropFirst(4).first ?? ""
        guard CommandLine.arguments.count <= 5, !numbers.contains(nil) else {
            print("usage: PostgresDriverBenchmark [ROUNDS] [SECONDS] [TASKS] [NAMES]")
            exit(64)
        }
        let all = numbers.compactMap { $0 }
        let rounds = all.first ?? 3
        let seconds = all.count > 1 ? all[1] : 4
        let tasks = all.count > 2 ? all[2] : 64
        let options = PostgresOptions(settings: ["shared_buffers": "256MB", "max_connections": "100"])
        try await PostgresTestbed.withServer(options) { @Sendable server in
            _ = try await pgbench(server, ["-i", "-q", "-s", "\(scale)"])
            try await measure(server, rounds: rounds, seconds: seconds, tasks: tasks, only: names)
        }
    }

    private static func measure(
        _ server: PostgresServer, rounds: Int, seconds: Int, tasks: Int, only names: String
    ) async throws {
        let reactor = try PostgresReactor(time: SystemTime())
        defer { reactor.stop() }
        var contenders: [any Contender] = []
        for (connections, groups) in [(1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (4, 2), (1, 0), (2, 0), (8, 0)] {
            contenders.append(try await DriverContender(server, reactor, connections: connections, groups: groups))
        }
        for connections in [1, 2, 8] { contenders.append(try DispatchContender(server, connections: connections)) }
        for clients in [4, 8, 16, 32] { contenders.append(PgbenchContender(server, clients: clients)) }

        let parts = names.split(separator: "|")
        if !parts.isEmpty { contenders.removeAll { each in !parts.contains { each.name.contains($0) } } }
        print("\(tasks) tasks, \(rounds) rounds of \(seconds) s in turns; \(rowCount) rows; selects/s of each round")
        for contender in contenders { _ = try await contender.run(tasks: tasks, seconds: 1) }
        var results = [[Outcome]](repeating: [], count: contenders.count)
        for _ in 0..<rounds {
            for (index, contender) in contenders.enumerated() {
                results[index].append(try await contender.run(tasks: tasks, seconds: seconds))
            }
        }
        report(contenders, results, rounds)
    }

    private static func report(_ contenders: [any Contender], _ results: [[Outcome]], _ rounds: Int) {
        for (contender, outcomes) in zip(contenders, results) {
            let rates = outcomes.map { "\(Int($0.perSecond))" }.joined(separator: " ")
            let last = outcomes[outcomes.count / 2]
            print("\(contender.name): \(rates)\(last.details)")
        }
        guard contenders.contains(where: { $0 is PgbenchContender }) else { return }
        var ratios: [Double] = []
        for round in 0..<rounds {
            let best = { (isPgbench: Bool) in
                zip(contenders, results).filter { ($0.0 is PgbenchContender) == isPgbench }
                    .map { $0.1[round].perSecond }.max() ?? 0
            }
            ratios.append(best(false) / best(true))
        }
        let text = ratios.map { String(format: "%.2f", $0) }.joined(separator: " ")
        print("the best of the others over the best of pgbench, for each round: \(text)")
        print("the median of these: \(String(format: "%.2f", ratios.sorted()[rounds / 2]))")
    }

    /// Runs pgbench and returns what it prints.
    static func pgbench(_ server: PostgresServer, _ arguments: [String]) async throws -> String {
        let target = [
            "-h", "127.0.0.1", "-p", "\(server.port)", "-U", "postgres", "postgres",
        ]
        let result = try await Program.run(
            "/usr/bin/env", ["pgbench"] + arguments + target,
            environment: Program.scrubbedEnvironment(["PGPASSWORD": server.password]), within: .seconds(600))
        guard result.exit.isSuccess else { throw BenchmarkFailure(what: "pgbench failed: \(result.errors)") }
        return result.text + result.errors
    }
}

struct BenchmarkFailure: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}

/// What one round came to.
struct Outcome {
    var perSecond: Double
    /// Latency and CPU, where they are known.
    var details = ""
}

/// Somebody who selects as fast as it can.
protocol Contender {
    var name: String { get }
    func run(tasks: Int, seconds: Int) async throws -> Outcome
}

struct PgbenchContender: Contender {
    let server: PostgresServer
    let clients: Int
    var name: String { "pgbench -S -M prepared, \(clients) clients" }

    init(_ server: PostgresServer, clients: Int) { (self.server, self.clients) = (server, clients) }

    func run(tasks: Int, seconds: Int) async throws -> Outcome {
        let text = try await PostgresDriverBenchmark.pgbench(
            server, ["-n", "-S", "-M", "prepared", "-c", "\(clients)", "-j", "2", "-T", "\(seconds)"])
        let line = text.split(separator: "\n").first { $0.hasPrefix("tps = ") }
        guard let line, let rate = Double(line.dropFirst(6).prefix { $0 != " " }) else {
            throw BenchmarkFailure(what: "pgbench printed no rate: \(text)")
        }
        return Outcome(perSecond: rate)
    }
}
