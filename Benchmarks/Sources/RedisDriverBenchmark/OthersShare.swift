import Foundation
import RedisTestKit

/// How much of the machine's cores other processes had meanwhile: what makes a round worth nothing. Linux only; nil
/// elsewhere.
struct OthersShare {
    private let (busy, total, own): (Double, Double, Double)
    private let server: RedisServer

    /// What was used up to now.
    init?(_ server: RedisServer) {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let line = text.split(separator: "\n").first
        else { return nil }
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
        guard ticks.count == 8 else { return nil }
        total = ticks.reduce(0, +)
        busy = total - ticks[3] - ticks[4]
        own = Self.ticks(of: RUSAGE_SELF) + Self.ticks(of: RUSAGE_CHILDREN) + Self.ticks(of: server)
        self.server = server
    }

    /// The share of all cores since then, from 0 to 1.
    func untilNow() -> Double? {
        guard let now = OthersShare(server), now.total > total else { return nil }
        return max(0, (now.busy - busy) - (now.own - own)) / (now.total - total)
    }

    /// A hundredth of a second each, as in `/proc`.
    private static func ticks(of server: RedisServer) -> Double {
        guard let pid = server.pid, let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return 0 }
        let fields = text[end...].split(separator: " ")
        return (Double(fields[12]) ?? 0) + (Double(fields[13]) ?? 0)
    }

    #if canImport(Glibc)
        private static func ticks(of who: __rusage_who) -> Double { ticks(who.rawValue) }
    #else
        private static func ticks(of who: Int32) -> Double { ticks(who) }
    #endif
    private static func ticks(_ who: Int32) -> Double {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(__rusage_who_t(who), &usage)
        #else
            getrusage(who, &usage)
        #endif
        func ticks(_ time: timeval) -> Double { Double(time.tv_sec) * 100 + Double(time.tv_usec) / 10_000 }
        return ticks(usage.ru_utime) + ticks(usage.ru_stime)
    }
}
