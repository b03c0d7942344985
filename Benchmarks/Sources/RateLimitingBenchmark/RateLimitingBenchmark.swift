import Determinism
import RateLimiting

/// What a decision in memory costs, how much memory a key takes, and how many trips leases save, beside the figures
/// that the limiter is meant to keep to. Prints Markdown tables.
///
///     RateLimitingBenchmark [decisions] [threads] [memory] [leases]     all without an argument
///     RateLimitingBenchmark allocations COUNT                           only runs decisions, for a counting malloc
@main
struct RateLimitingBenchmark {
    static func main() async throws {
        let parts = CommandLine.arguments.dropFirst()
        func wants(_ part: String) -> Bool { parts.isEmpty || parts.contains(part) }
        if wants("decisions") { try Decisions().run() }
        if wants("threads") { try await Threads().run() }
        if wants("memory") { try Memory().run() }
        if parts.first == "allocations" { try Allocations().run() }
        if wants("leases") { try await Leases().run() }
    }
}

/// Nanoseconds for each call, over runs of a thousand calls: the first percentile, the fifth and the median of the
/// runs. A run is shorter than a time slice: on a machine that others use the low percentiles are runs that nobody
/// disturbed.
func nanoseconds(_ runs: Int = 2_000, before: (Int) -> Void = { _ in }, _ body: (Int) -> Void) -> [Double] {
    let time = SystemTime()
    var figures: [Double] = []
    for run in 0..<runs {
        before(run)
        let begin = time.instant()
        for index in run * 1_000..<(run + 1) * 1_000 { body(index) }
        figures.append(Double((time.instant() - begin).inNanoseconds) / 1_000)
    }
    figures.sort()
    return [figures[runs / 100], figures[runs / 20], figures[runs / 2]]
}

func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
