import Determinism
import Foundation
import RateLimiting
import RedisDriver
import RedisTestKit
import SocketReactor

/// Decisions by `RedisRateLimitStore`, beside `redis-benchmark` with the same script, the same arguments, as many keys
/// and the same depth on the same server, in turns.
///
/// **The depth** is how many commands are in flight at most, asked and not answered. The store's is how many tasks
/// decide; `redis-benchmark`'s is its connections times the commands that each sends together (`-c` times `-P`). One
/// depth has several shapes there, which do not differ in what is in flight, only in how much shares a packet; the
/// best of them in a round is what the store is divided by.
struct RateLimitContest: Sendable {
    let server: RedisServer
    let rounds: Int
    let seconds: Int
    /// Only contenders whose name has one of these in, parted by `|`; all if empty.
    let names: String

    func run(depth: Int) async throws {
        let reactor = try Reactor(time: SystemTime())
        defer { reactor.stop() }
        let workload = try RateLimitWorkload()
        let digest = try await server.cli("SCRIPT", "LOAD", RateLimitScript.text)
        let stores = try [(1, false), (2, false), (1, true)].map {
            try StoreContender(server, reactor, workload, connections: $0, isOnReactor: $1)
        }
        let tools = Set([depth, max(1, depth / 4), min(2, depth), 1]).sorted(by: >).map {
            ScriptToolContender(server, workload, digest: digest, clients: $0, depth: depth)
        }
        var contenders: [any Contender] = stores + tools
        let parts = names.split(separator: "|")
        if !parts.isEmpty { contenders.removeAll { each in !parts.contains { each.name.contains($0) } } }
        for contender in contenders { _ = try await contender.run(tasks: depth, seconds: 1) }
        var results = [[ServedOutcome]](repeating: [], count: contenders.count)
        for round in 0..<rounds {
            let order = round.isMultiple(of: 2) ? Array(contenders.indices) : contenders.indices.reversed()
            for index in order { results[index].append(try await measured(contenders[index], depth)) }
        }
        report(depth, contenders.map(\.name), results)
    }

    /// A run, with what the server says about it.
    private func measured(_ contender: any Contender, _ depth: Int) async throws -> ServedOutcome {
        try await server.cli("CONFIG", "RESETSTAT")
        let share = OthersShare(server)
        var outcome = try await contender.run(tasks: depth, seconds: seconds)
        outcome.others = share?.untilNow()
        let statistics = try await server.cli("INFO", "commandstats")
        guard let line = statistics.split(whereSeparator: \.isNewline).first(where: { $0.contains("evalsha:") }) else {
            throw BenchmarkFailure(what: "no script was run: \(statistics)")
        }
        var fields: [Substring: Double] = [:]
        for field in line.split(separator: ":")[1].split(separator: ",") {
            let parts = field.split(separator: "=")
            fields[parts[0]] = Double(parts[1])
        }
        guard fields["failed_calls"] == 0, fields["rejected_calls"] == 0, let micros = fields["usec_per_call"] else {
            throw BenchmarkFailure(what: "scripts failed: \(line)")
        }
        return ServedOutcome(outcome: outcome, scriptMicros: micros)
    }

    private func report(_ depth: Int, _ names: [String], _ results: [[ServedOutcome]]) {
        let best = (0..<rounds).map { round in
            zip(names, results).filter { $0.0.hasPrefix("redis-") }.map { $0.1[round].outcome.perSecond }.max() ?? .nan
        }
        print("| \(depth) in flight | decisions/s | ÷ the best `redis-benchmark` of the round | µs of script |")
        print("|---|---|---|---|")
        for (name, outcomes) in zip(names, results) {
            let rates = outcomes.map(\.outcome.perSecond)
            print(
                "| \(name) | \(spread(rates, 0)) | \(spread(zip(rates, best).map { $0 / $1 }, 2))"
                    + " | \(spread(outcomes.map(\.scriptMicros), 1)) |")
        }
        print("")
        for (name, outcomes) in zip(names, results) {
            let rates = outcomes.map(\.outcome).map { outcome in
                "\(Int(outcome.perSecond))" + (outcome.others.map { " [\(Int($0 * 100)) %]" } ?? "")
            }
            let median = outcomes.map(\.outcome).sorted { $0.perSecond < $1.perSecond }[outcomes.count / 2]
            print("- \(name): \(rates.joined(separator: ", "))\(median.details)")
        }
        print("")
    }

    /// Median, least and most.
    private func spread(_ values: [Double], _ digits: Int) -> String {
        let sorted = values.sorted()
        func text(_ value: Double) -> String { String(format: "%.\(digits)f", value) }
        return "\(text(sorted[sorted.count / 2])) (\(text(sorted[0]))–\(text(sorted[sorted.count - 1])))"
    }
}

/// How a run did, and what the server needed for one script.
private struct ServedOutcome: Sendable {
    let outcome: Outcome
    let scriptMicros: Double
}
