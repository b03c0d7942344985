import CBenchmarkSQLite
import Foundation

/// What the statements of orders cost by themselves: SQLite's own interface, each statement prepared once, its
/// parameters at hand, and nothing else in the process. No server that executes them can take less of a processor.
///
///     StatementFloor SCHEDULE SHARD BOOKS
///
/// The schedule is what `bench/floor.py` writes; see ``Schedule``. Prints the microseconds of CPU that it took.
@main
enum StatementFloor {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4 else {
            throw FloorFailure(what: "usage: StatementFloor SCHEDULE SHARD BOOKS")
        }
        let schedule = try Schedule(bytes: [UInt8](Data(contentsOf: URL(fileURLWithPath: arguments[1]))))
        let databases = try arguments[2...3].map(FloorDatabase.init)
        // Prepared, and all of the schedule's pages touched, before anything is measured.
        for database in databases { try database.prepare(schedule.statements) }
        let begin = processorMicros()
        try schedule.run(on: databases)
        print(processorMicros() - begin)
    }

    /// User's and kernel's.
    private static func processorMicros() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func micros(_ time: timeval) -> Double { Double(time.tv_sec) * 1e6 + Double(time.tv_usec) }
        return micros(usage.ru_utime) + micros(usage.ru_stime)
    }
}

struct FloorFailure: Error {
    let what: String
}
