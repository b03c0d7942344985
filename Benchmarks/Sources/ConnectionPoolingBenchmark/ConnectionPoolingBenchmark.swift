import ConnectionPooling
import Determinism
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a lease and its return cost, next to a bare `Mutex<[T]>` and an actor that keeps a free list, in one run:
/// one task alone; two tasks on two threads; 64 tasks that share eight connections and hold each for a moment. Prints a
/// table, nanoseconds of wall time for each lease and return, and what the process's CPU time came to.
///
///     ConnectionPoolingBenchmark [LEASES [TASKS [NAME]]]
///
/// With a number of tasks and a name only those rows are measured, for a profiler.
@main
struct ConnectionPoolingBenchmark {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let leases = arguments.first.flatMap { Int($0) } ?? 2_000_000
        let onlyTasks = arguments.count > 1 ? Int(arguments[1]) : nil
        let onlyName = arguments.count > 2 ? arguments[2] : nil
        let rivals: [any Lender] = [
            BareMutex(connections: 8), ActorFreeList(connections: 8),
            try PoolLender(connections: 8, name: "ConnectionPool", usesTenants: false, usesLeases: false),
            try PoolLender(connections: 8, name: "ConnectionPool, lease()", usesTenants: false, usesLeases: true),
            try PoolLender(connections: 8, name: "ConnectionPool, tenants", usesTenants: true, usesLeases: false),
        ]
        print("| free list | tasks | ns per lease and return | CPU ns | leases/s |")
        print("|---|---|---|---|---|")
        for (tasks, work) in [(1, 0), (2, 0), (64, 0), (64, 200)] where onlyTasks ?? tasks == tasks {
            for rival in rivals where onlyName ?? rival.name == rival.name {
                try await rival.begin()
                _ = await measure(rival, tasks: tasks, leases: leases / 10, work: work)
                let result = await measure(rival, tasks: tasks, leases: leases, work: work)
                let label = work == 0 ? "\(tasks)" : "\(tasks), \(work) steps of work"
                print(
                    "| \(rival.name) | \(label) | \(whole(result.wall)) | \(whole(result.cpu)) "
                        + "| \(whole(1e9 / result.wall)) |")
            }
        }
        for rival in rivals { await rival.end() }
    }

    private static func whole(_ value: Double) -> Int { Int(value.rounded()) }

    /// Nanoseconds of wall and of CPU time for each lease.
    private static func measure(
        _ lender: any Lender, tasks: Int, leases: Int, work: Int
    ) async -> (wall: Double, cpu: Double) {
        let time = SystemTime()
        let each = leases / tasks
        let start = StartLine(runners: tasks)
        let (begin, cpuBegin) = (time.instant(), processorTime())
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    start.wait()
                    await lender.lend(times: each, work: work, tenant: UInt64(task))
                }
            }
        }
        let (end, cpuEnd) = (time.instant(), processorTime())
        let count = Double(each * tasks)
        return (Double((end - begin).inNanoseconds) / count, Double(cpuEnd - cpuBegin) * 1_000 / count)
    }

    /// Microseconds of CPU that this process has used, in user and kernel mode.
    private static func processorTime() -> Int64 {
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

/// Two tasks begin together, each on a thread of its own, or one would be done before the other begins. More than
/// that are more than there may be threads, and do not wait.
private final class StartLine: Sendable {
    private let missing: Atomic<Int>

    init(runners: Int) { missing = Atomic(runners == 2 ? 2 : 0) }

    func wait() {
        guard missing.load(ordering: .relaxed) > 0 else { return }
        missing.subtract(1, ordering: .relaxed)
        while missing.load(ordering: .relaxed) > 0 {}
    }
}
