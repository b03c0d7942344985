import Determinism
import Storage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The write lane alone, over SQLite with `synchronous=FULL` or over PostgreSQL: commands of some callers, each waiting
/// for its outcome before it sends the next. Prints one JSON object.
///
///     LaneBenchmark DIRECTORY|URL CALLERS SECONDS [LINES]
///
/// A command has three lines, of products at random. With LINES 1 all commands want the same product.
@main
struct LaneBenchmark {
    static let organization: Int64 = 7
    static let productCount = 2_000

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard (4...5).contains(arguments.count), let callers = Int(arguments[2]), let seconds = Int64(arguments[3]),
            let lines = Int(arguments.count == 5 ? arguments[4] : "3"), [1, 3].contains(lines)
        else {
            print("usage: LaneBenchmark DIRECTORY|URL CALLERS SECONDS [LINES: 1 or 3]")
            exit(64)
        }
        let time = SystemTime()
        let database = try MeasuredDatabase(at: arguments[1], time: time)
        try await database.use {
            try await prepare(database, time)
            try await measure(database, time, callers: callers, seconds: seconds, lines: lines)
        }
    }

    private static func measure(
        _ database: MeasuredDatabase, _ time: SystemTime, callers: Int, seconds: Int64, lines: Int
    ) async throws {
        let lane = WriteLane(engine: database.engine, time: time)
        async let running: Void = lane.run()
        // A database of a server is measured more than once, and remembers the keys.
        let run = String(SystemRandom().next(), radix: 36)
        let load = Load(lane: lane, time: time, callers: callers, lines: lines)

        let warm = await load.run(until: time.instant() + .seconds(1), named: "\(run)-warm")
        let (before, begin, committed) = (cpu(), time.instant(), database.commitCount)
        let latencies = await load.run(until: begin + .seconds(seconds), named: run).sorted()
        let (after, end) = (cpu(), time.instant())
        let batches = database.commitCount - committed
        lane.stop()
        await running
        let (placed, elapsed) = (latencies.count, (end - begin) / .seconds(1))
        func milliseconds(_ part: Double) -> Double {
            latencies.isEmpty ? 0 : Double(latencies[Int(Double(placed - 1) * part)]) / 1e6
        }
        print(
            """
            {"callers":\(callers),"commands":\(placed),"seconds":\(elapsed),"perSecond":\(Double(placed) / elapsed),\
            "cpuMicros":\(Double(after - before) / Double(max(placed, 1))),\
            "batch":\(Double(placed) / Double(max(batches, 1))),"withWarmUp":\(placed + warm.count),\
            "p50":\(milliseconds(0.5)),"p99":\(milliseconds(0.99))}
            """)
    }

    private static func prepare(_ database: MeasuredDatabase, _ time: SystemTime) async throws {
        _ = try await Migrator(BenchmarkSchema.migrations, dialect: database.dialect)
            .migrate(database.engine, time: time)
        try await database.engine.write { transaction in
            try await transaction.execute(
                SQLStatement(
                    "INSERT INTO fences VALUES ($1, 1, 'active', 1) ON CONFLICT DO NOTHING", [.integer(organization)]))
            for product in 0..<productCount {
                try await transaction.execute(
                    SQLStatement(
                        "INSERT INTO stock VALUES ($1, $2, $3, 0, 1) ON CONFLICT DO NOTHING",
                        [.integer(organization), .text("p-\(product)"), .integer(1 << 40)]))
            }
        }
    }

    /// Microseconds of CPU that this process has used, in user and kernel mode.
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
