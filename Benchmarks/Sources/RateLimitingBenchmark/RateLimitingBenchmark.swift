import Determinism
import RateLimiting

@main
struct RateLimitingBenchmark {
    static func main() async throws {
        let time = SystemTime()
        let limit = try RateLimit.tokenBucket("orders", capacity: 1_000_000_000, refill: 1_000_000_000)
        let store = try InMemoryRateLimitStore()
        let key = RateLimitKey("org-0001", "key-1")
        for _ in 0..<3 {
            let n = 5_000_000
            var s = time.instant()
            var ok = 0
            for _ in 0..<n { if store.consume(of: limit, for: key).isAllowed { ok += 1 } }
            var d = (time.instant() - s).inNanoseconds
            print("hot with clock", Double(d) / Double(n), ok)
            s = time.instant()
            var at = time.instant()
            for _ in 0..<n {
                at.nanoseconds += 10; if store.verdict(.consume, of: limit, for: key, at: at).isAllowed { ok += 1 }
            }
            d = (time.instant() - s).inNanoseconds
            print("hot without clock", Double(d) / Double(n), ok)
            s = time.instant()
            for _ in 0..<n { at = time.instant() }
            d = (time.instant() - s).inNanoseconds
            print("clock", Double(d) / Double(n))
        }
        if CommandLine.arguments.count > 1 { return }
        var c = InMemoryRateLimitConfiguration()
        c.keyLimit = 1 << 20
        let big = try InMemoryRateLimitStore(c)
        let slow = try RateLimit.tokenBucket("orders", capacity: 100, refill: 1, per: .seconds(1000))
        let keys = (0..<1_000_000).map { RateLimitKey("org-\($0)", "k") }
        let random = SeededRandom(seed: 1)
        for _ in 0..<3 {
            var s = time.instant()
            for k in keys { _ = big.consume(of: slow, for: k) }
            print("million in order", Double((time.instant() - s).inNanoseconds) / 1e6)
            let order = (0..<1_000_000).map { _ in Int(random.next(below: 1_000_000)) }
            s = time.instant()
            for i in order { _ = big.consume(of: slow, for: keys[i]) }
            print("million random", Double((time.instant() - s).inNanoseconds) / 1e6, big.snapshot)
        }
    }
}
