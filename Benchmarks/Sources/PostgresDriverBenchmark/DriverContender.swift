import Determinism
import Foundation
import PostgresDriver
import PostgresTestKit
import Storage

/// The driver itself: tasks that each wait for their row before they ask for the next, over some connections.
struct DriverContender: Contender {
    let connections: [PostgresConnection]
    /// How many groups of reads are on their way at the same time; 0 for a Sync for each.
    let groups: Int
    var name: String {
        let style = groups > 0 ? "a Sync for many, \(groups) group(s) under way" : "a Sync for each"
        return "driver, \(connections.count) connection(s), \(style)"
    }
    static let statement = PostgresStatement("SELECT abalance FROM pgbench_accounts WHERE aid = $1")

    init(
        _ server: PostgresServer, _ reactor: PostgresReactor, connections count: Int, groups: Int
    ) async throws {
        var configuration = try PostgresConfiguration(url: server.url())
        configuration.tls = .disable
        if groups > 0 { configuration.sharedReadGroupLimit = groups }
        var connections: [PostgresConnection] = []
        for _ in 0..<count { connections.append(try await PostgresConnection.connect(configuration, on: reactor)) }
        (self.connections, self.groups) = (connections, groups)
    }

    func run(tasks: Int, seconds: Int) async throws -> Outcome {
        // What is no read gets a Sync of its own.
        let effect: PostgresBatch.Effect = groups > 0 ? .reads : .uncommitted
        return try await ClosedLoop.run(tasks: tasks, seconds: seconds) { task, key in
            var parameters = PostgresParameters()
            parameters.append(key)
            let batch = PostgresBatch([PostgresBatch.Item(Self.statement, parameters)], effect: effect)
            let reply = try await connections[task % connections.count].submit(batch)
            _ = try reply.first.reader().integer()
        }
    }
}

/// Tasks that go on until the time is up.
enum ClosedLoop {
    static func run(
        tasks: Int, seconds: Int, _ select: @escaping @Sendable (_ task: Int, _ key: Int64) async throws -> Void
    ) async throws -> Outcome {
        let time = SystemTime()
        let (begin, before) = (time.instant(), cpu())
        let deadline = begin + .seconds(seconds)
        let latencies = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for task in 0..<tasks {
                group.addTask {
                    let random = SeededRandom(seed: UInt64(task) &* 7_919 &+ 1)
                    var latencies: [Int64] = []
                    var start = time.instant()
                    while start < deadline {
                        let key = 1 + Int64(random.next(below: UInt64(PostgresDriverBenchmark.rowCount)))
                        try await select(task, key)
                        let end = time.instant()
                        latencies.append((end - start).inNanoseconds)
                        start = end
                    }
                    return latencies
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let elapsed = (time.instant() - begin) / .seconds(1)
        let sorted = latencies.sorted()
        func milliseconds(_ part: Double) -> String {
            String(format: "%.2f", Double(sorted[Int(Double(sorted.count - 1) * part)]) / 1e6)
        }
        let micros = String(format: "%.1f", Double(cpu() - before) / Double(sorted.count))
        let details = " (p50 \(milliseconds(0.5)) ms, p99 \(milliseconds(0.99)) ms, \(micros) µs of CPU)"
        return Outcome(perSecond: Double(sorted.count) / elapsed, details: details)
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
