import Determinism
import Foundation
import RedisDriver

/// Tasks that each wait for their answer before they ask for the next: as many commands are in flight as there are
/// tasks.
struct ClientLoad: Sendable {
    let client: RedisClient
    let tasks: Int
    let seconds: Int

    /// - Parameter ask: one question and its answer, which it checks.
    func run(_ ask: @escaping @Sendable (SeededRandom) async throws -> Void) async throws -> Outcome {
        let time = SystemTime()
        let (begin, before, start) = (time.instant(), Self.cpu(), client.statistics)
        let deadline = begin + .seconds(seconds)
        let latencies = try await withThrowingTaskGroup(of: [Int32].self) { group in
            for task in 0..<tasks {
                group.addTask {
                    let random = SeededRandom(seed: UInt64(task) &* 7_919 &+ 1)
                    var latencies: [Int32] = []
                    var start = time.instant()
                    while start < deadline {
                        try await ask(random)
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
