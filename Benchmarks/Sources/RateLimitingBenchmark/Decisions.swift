import Determinism
import RateLimiting

/// One thread: a hot key with and without its clock, every algorithm, several limits, and a million keys.
struct Decisions {
    private let time = SystemTime()
    private let key = RateLimitKey("org-0001", "key-1")

    func run() throws {
        print("| decision in memory, one thread | ns: p1, p5, p50 of runs | bar |")
        print("|---|---|---|")
        row("reading the clock", nanoseconds() { _ in _ = time.instant() }, bar: "")
        let store = try InMemoryRateLimitStore()
        let open = try RateLimit.tokenBucket("orders", capacity: 1 << 40, refill: 1 << 40)
        row("hot key, with its clock", nanoseconds() { _ in _ = store.consume(of: open, for: key) }, bar: "80")
        let start = time.instant()
        func hot(_ limit: RateLimit) -> [Double] {
            nanoseconds() { index in
                _ = store.verdict(.consume, of: limit, for: key, at: start + .nanoseconds(index))
            }
        }
        row("hot key, without", hot(open), bar: "")
        row("the same, sliding window", hot(try .slidingWindow("s", quota: 1 << 40, per: .seconds(60))), bar: "")
        row("the same, fixed window", hot(try .fixedWindow("f", quota: 1 << 40, per: .seconds(60))), bar: "")
        row("hot key, refused", hot(try .tokenBucket("r", capacity: 1, refill: 1, per: .seconds(3_600))), bar: "")
        try several(store, start)
        try million(full: 1 << 20, "a million keys in a table for 1,048,576")
        try million(full: 1 << 21, "a million keys in a table for 2,097,152")
        memory(byteCount: 42 << 20)
        print("")
    }

    private func several(_ store: InMemoryRateLimitStore, _ start: Instant) throws {
        let limits = try ["org", "key", "route", "address"].map {
            try RateLimit.tokenBucket($0, capacity: 1 << 40, refill: 1 << 40)
        }
        let request = RateLimitRequest(.consume, tenant: "org-0001", limits.map { RateLimitCheck($0, subject: "x") })
        let figure = nanoseconds() { index in
            _ = store.decision(for: request, at: start + .nanoseconds(index))
        }
        row("four limits, all or none", figure, bar: "")
    }

    private func million(full: Int, _ name: String) throws {
        var configuration = InMemoryRateLimitConfiguration()
        configuration.keyLimit = full
        let store = try InMemoryRateLimitStore(configuration)
        let limit = try RateLimit.tokenBucket("orders", capacity: 1 << 40, refill: 1 << 20)
        // Names that need no memory of their own: what is measured is the table.
        let keys = (0..<1_000_000).map { RateLimitKey(short($0)) }
        for key in keys { _ = store.consume(of: limit, for: key) }
        let random = SeededRandom(seed: 1)
        var chosen = Array(keys.prefix(1_000))
        // A server has just read the name that it asks for: it is not fetched from a far place of memory.
        let figure = nanoseconds(
            before: { _ in for place in 0..<1_000 { chosen[place] = keys[Int(random.next(below: 1_000_000))] } },
            { index in _ = store.consume(of: limit, for: chosen[index % 1_000]) })
        row("\(name), at random, with its clock", figure, bar: "250")
    }

    private func memory(byteCount: Int) {
        var latency = MemoryLatency(byteCount: byteCount, random: SeededRandom(seed: 1))
        let figure = nanoseconds() { _ in latency.step() }
        precondition(latency.isInside)
        row("beside: a word at a random place of 42 MiB, without anything else", figure, bar: "")
    }

    private func short(_ number: Int) -> String { "k\(number)" }

    private func row(_ name: String, _ figure: [Double], bar: String) {
        print("| \(name) | \(figure.map(tenths).joined(separator: ", ")) | \(bar) |")
    }
}

/// Two threads at once, on one key and on keys of their own.
struct Threads {
    func run() async throws {
        print("| decisions with clock, two threads | ns for each, wall time |")
        print("|---|---|")
        let store = try InMemoryRateLimitStore()
        let limit = try RateLimit.tokenBucket("orders", capacity: 1 << 40, refill: 1 << 40)
        for (name, isShared) in [("one key", true), ("a key each", false)] {
            let time = SystemTime()
            let begin = time.instant()
            await withTaskGroup(of: Void.self) { group in
                for task in 0..<2 {
                    group.addTask {
                        let key = RateLimitKey("org", isShared ? "k" : "k\(task)")
                        for _ in 0..<2_000_000 { _ = store.consume(of: limit, for: key) }
                    }
                }
            }
            print("| \(name) | \(tenths(Double((time.instant() - begin).inNanoseconds) / 4_000_000)) |")
        }
        print("")
    }
}
