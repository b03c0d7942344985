import Determinism
import RateLimiting

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Resident memory of a table with a million keys, and after a flood of ten million more.
struct Memory {
    func run() throws {
        var configuration = InMemoryRateLimitConfiguration()
        configuration.keyLimit = 1 << 20
        let limit = try RateLimit.tokenBucket("orders", capacity: 100, refill: 1, per: .seconds(3_600))
        let before = resident()
        let store = try InMemoryRateLimitStore(configuration)
        let now = Instant(nanoseconds: 0)
        for key in 0..<1_000_000 { _ = store.verdict(.consume, of: limit, for: RateLimitKey("k\(key)"), at: now) }
        let filled = resident()
        let kept = store.snapshot.keyCount
        for key in 1_000_000..<11_000_000 {
            _ = store.verdict(.consume, of: limit, for: RateLimitKey("k\(key)"), at: now)
        }
        let flooded = resident()
        print("| memory | | bar |")
        print("|---|---|---|")
        print("| keys kept of the first million | \(kept) | |")
        print("| resident bytes for each of them | \(tenths(Double(filled - before) / Double(kept))) | 64 |")
        print("| keys kept after ten million more (bound \(store.keyLimit)) | \(store.snapshot.keyCount) | |")
        print("| resident bytes that those added | \(flooded - filled) | |")
        print("")
    }

    /// Bytes of resident memory; on Darwin the most so far.
    private func resident() -> Int {
        #if canImport(Glibc)
            var fields: [Int] = []
            if let file = fopen("/proc/self/statm", "r") {
                var buffer = [CChar](repeating: 0, count: 128)
                if fgets(&buffer, 128, file) != nil {
                    let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                    fields = text.split(separator: " ").compactMap { Int($0) }
                }
                fclose(file)
            }
            return fields.count > 1 ? fields[1] * sysconf(Int32(_SC_PAGESIZE)) : 0
        #else
            var usage = rusage()
            getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss
        #endif
    }
}

/// So many decisions and nothing else, some of them refusals: two runs of different length under a `malloc` that counts
/// (`LD_PRELOAD`) show how often a decision allocates.
struct Allocations {
    func run() throws {
        let count = CommandLine.arguments.last.flatMap { Int($0) } ?? 1_000_000
        let store = try InMemoryRateLimitStore()
        let limit = try RateLimit.tokenBucket("orders", capacity: 100, refill: 10)
        let key = RateLimitKey("org-0001", "key-1")
        var admitted = 0
        for _ in 0..<count where store.consume(of: limit, for: key).isAllowed { admitted += 1 }
        for number in 0..<count {
            let key = RateLimitKey("o", number % 2 == 0 ? "a" : "b")
            if store.verdict(.consume, 2, of: limit, for: key, at: Instant(nanoseconds: Int64(number))).isAllowed {
                admitted += 1
            }
        }
        print("\(2 * count) decisions for counting allocations, \(admitted) admitted")
    }
}
