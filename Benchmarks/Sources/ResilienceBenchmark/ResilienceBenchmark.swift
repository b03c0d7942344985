import CAllocationCount
import CallPolicies
import CircuitBreaking
import Determinism
import Retrying

/// What a guarded call costs, in nanoseconds with the call itself, beside the bare call and what others reach for: an
/// actor, a task group that races a sleep. Rounds of all rows, one after the other, so that whatever changes meanwhile
/// meets all of them.
///
///     ResilienceBenchmark [ROUNDS [CALLS [NAME]]]
///
/// With a name only the rows that contain it are measured, for a profiler.
@main
struct ResilienceBenchmark {
    @concurrent static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let rounds = arguments.first.flatMap { Int($0) } ?? 7
        let calls = arguments.count > 1 ? Int(arguments[1]) ?? 0 : 1_000_000
        let only = arguments.count > 2 ? arguments[2] : ""
        let rows = try GuardedCalls.rows().filter { only.isEmpty || $0.name.contains(only) }
        var readings = rows.map { _ in [Reading]() }
        for _ in 0..<rounds {
            for (index, row) in rows.enumerated() {
                let count = calls / row.divisor
                _ = try await measure(row, calls: count / 10)
                readings[index].append(try await measure(row, calls: count))
            }
        }
        print("| | ns for each, median (least–most) of \(rounds) rounds | allocations for each | bar |")
        print("|---|---|---|---|")
        for (row, readings) in zip(rows, readings) {
            let times = readings.map(\.nanoseconds).sorted()
            let allocations = readings.map(\.allocations).min() ?? 0
            let (median, least, most) = (times[times.count / 2], times[0], times[times.count - 1])
            print(
                "| \(row.name) | \(oneDigit(median)) (\(oneDigit(least))–\(oneDigit(most)))"
                    + " | \(oneDigit(allocations)) | \(row.bar) |")
            // What the whole process allocates meanwhile is counted: a few over a million calls are not the row's.
            let isLean = allocations < 0.01
            precondition(isLean || !row.isLean, "\(row.name): \(allocations) allocations for each")
        }
    }

    private struct Reading {
        let nanoseconds: Double
        let allocations: Double
    }

    private static func measure(_ row: GuardedCalls.Row, calls: Int) async throws -> Reading {
        let time = SystemTime()
        let (allocations, begin) = (allocation_count(), time.instant())
        try await row.run(calls)
        let (end, allocated) = (time.instant(), allocation_count())
        return Reading(
            nanoseconds: Double((end - begin).inNanoseconds) / Double(calls),
            allocations: Double(allocated - allocations) / Double(calls))
    }

    private static func oneDigit(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
