import Determinism
import SQLiteDriver
import Storage
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The write lane alone over SQLite with `synchronous=FULL`: three-line commands of some callers, each waiting for its
/// outcome before it sends the next. Prints one JSON object.
///
///     LaneBenchmark DIRECTORY CALLERS SECONDS
@main
struct LaneBenchmark {
    static let organization: Int64 = 7
    static let productCount = 2_000

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let callers = Int(arguments[2]), let seconds = Int64(arguments[3]) else {
            print("usage: LaneBenchmark DIRECTORY CALLERS SECONDS")
            exit(64)
        }
        let time = SystemTime()
        let commits = Atomic<Int>(0)
        var settings = SQLiteConfiguration(name: "lane", path: "\(arguments[1])/lane.db")
        settings.commitObserver = { if $0 == .after { commits.wrappingAdd(1, ordering: .relaxed) } }
        let database = try SQLiteDatabase.open(settings, time: time)
        try await prepare(database, time)
        let lane = WriteLane(engine: database, time: time)
        async let running: Void = lane.run()

        _ = await load(lane, time, callers: callers, until: time.instant() + .seconds(1), named: "warm")
        let (before, begin, committed) = (cpu(), time.instant(), commits.load(ordering: .relaxed))
        let placed = await load(lane, time, callers: callers, until: begin + .seconds(seconds), named: "run")
        let (after, end) = (cpu(), time.instant())
        let batches = commits.load(ordering: .relaxed) - committed
        lane.stop()
        await running
        try database.close()
        let elapsed = (end - begin) / .seconds(1)
        print(
            """
            {"callers":\(callers),"commands":\(placed),"seconds":\(elapsed),"perSecond":\(Double(placed) / elapsed),\
            "cpuMicros":\(Double(after - before) / Double(max(placed, 1))),\
            "batch":\(Double(placed) / Double(max(batches, 1)))}
            """)
    }

    private static func prepare(_ database: SQLiteDatabase, _ time: SystemTime) async throws {
        _ = try await Migrator(BenchmarkSchema.migrations, dialect: .sqlite).migrate(database, time: time)
        try await database.write { transaction in
            try await transaction.execute(
                SQLStatement("INSERT INTO fences VALUES ($1, 1, 'active', 1)", [.integer(organization)]))
            for product in 0..<productCount {
                try await transaction.execute(
                    SQLStatement(
                        "INSERT INTO stock VALUES ($1, $2, $3, 0, 1)",
                        [.integer(organization), .text("p-\(product)"), .integer(1 << 40)]))
            }
        }
    }

    /// How many commands were placed; anything else than a placed one is a fault of the benchmark.
    private static func load(
        _ lane: WriteLane, _ time: SystemTime, callers: Int, until deadline: Instant, named name: String
    ) async -> Int {
        await withTaskGroup(of: Int.self) { group in
            for caller in 0..<callers {
                group.addTask { await call(lane, time, caller, until: deadline, named: name) }
            }
            return await group.reduce(0, +)
        }
    }

    private static func call(
        _ lane: WriteLane, _ time: SystemTime, _ caller: Int, until deadline: Instant, named name: String
    ) async -> Int {
        let random = SeededRandom(seed: UInt64(caller) &* 77 &+ 5)
        let tenant = Tenant(organization: organization, epoch: 1)
        var placed = 0
        while time.instant() < deadline {
            let first = Int(random.next(below: UInt64(productCount - 2)))
            let command = ThreeLineCommand(
                organization: organization, scope: "\(name)-\(caller)-\(placed)",
                id: UUIDv7(time: time.now(), slot: 1, random: random.next()),
                skus: ["p-\(first)", "p-\(first + 1)", "p-\(first + 2)"])
            do {
                let outcome = try await lane.submit(command, tenant: tenant, deadline: time.instant() + .seconds(60))
                guard case .placed = outcome else { fatalError("a command was not placed: \(outcome)") }
            } catch { fatalError("a command failed: \(error)") }
            placed += 1
        }
        return placed
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
