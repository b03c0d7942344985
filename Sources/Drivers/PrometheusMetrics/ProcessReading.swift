#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What `/proc` says of this process, read when somebody asks. Where there is no `/proc`, nothing.
struct ProcessReading: Equatable {
    var residentBytes: Double?
    var virtualBytes: Double?
    var cpuSeconds: Double?
    /// Since 1970.
    var startSeconds: Double?
    var openFiles: Double?
    var maxFiles: Double?

    static func now() -> ProcessReading {
        var reading = ProcessReading(
            stat: file("/proc/self/stat"), machine: file("/proc/stat"), limits: file("/proc/self/limits"),
            ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))), pageSize: Double(sysconf(Int32(_SC_PAGESIZE))))
        reading.openFiles = entryCount("/proc/self/fd")
        return reading
    }

    /// - Parameters:
    ///   - stat: `/proc/self/stat`, proc(5).
    ///   - machine: `/proc/stat`, for the time of the last boot.
    ///   - limits: `/proc/self/limits`.
    init(stat: String, machine: String, limits: String, ticksPerSecond: Double, pageSize: Double) {
        // The program's name, in parentheses, may hold anything; what follows it is fields from the third on.
        let rest = stat.lastIndex(of: ")").map { stat[$0...] } ?? ""
        let fields = rest.split(separator: " ").dropFirst().map(String.init)
        func field(_ number: Int) -> Double? {
            fields.indices.contains(number - 3) ? Double(fields[number - 3]) : nil
        }
        if let user = field(14), let system = field(15) { cpuSeconds = (user + system) / ticksPerSecond }
        virtualBytes = field(23)
        residentBytes = field(24).map { $0 * pageSize }
        let boot = machine.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
        if let boot, let start = field(22) { startSeconds = boot + start / ticksPerSecond }
        let open = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
        maxFiles = open?.dropFirst("Max open files".count).split(separator: " ").first.flatMap { Double($0) }
    }

    var samples: [ExpositionPage.Sample] {
        let all: [(String, MetricKind, String, Double?)] = [
            ("process_cpu_seconds_total", .counter, "User and system CPU time in seconds.", cpuSeconds),
            ("process_max_fds", .gauge, "The most file descriptors that may be open.", maxFiles),
            ("process_open_fds", .gauge, "Open file descriptors.", openFiles),
            ("process_resident_memory_bytes", .gauge, "Resident memory in bytes.", residentBytes),
            ("process_start_time_seconds", .gauge, "When the process started, in seconds since 1970.", startSeconds),
            ("process_virtual_memory_bytes", .gauge, "Virtual memory in bytes.", virtualBytes),
        ]
        return all.compactMap { name, kind, help, value in
            value.map { ExpositionPage.Sample(name: name, kind: kind, help: help, value: $0) }
        }
    }

    // MARK: Files

    /// The text of a small file; empty when it cannot be read.
    private static func file(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1_024)
        while bytes.count < 1 << 20 {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func entryCount(_ path: String) -> Double? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Less `.`, `..`, and the descriptor of the folder itself.
        return Double(max(count - 3, 0))
    }
}
