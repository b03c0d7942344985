import CallPolicies
import CircuitBreaking
import Determinism
import Retrying
import Synchronization

/// The same small call, guarded in different ways.
enum GuardedCalls {
    struct Row: Sendable {
        let name: String
        let bar: String
        /// Whether it must not allocate.
        let isLean: Bool
        /// How many times fewer calls than others it makes, being slower.
        let divisor: Int
        let run: @Sendable (Int) async throws -> Void

        init(
            _ name: String, bar: String = "", isLean: Bool = false, divisor: Int = 1,
            run: @escaping @Sendable (Int) async throws -> Void
        ) {
            (self.name, self.bar, self.isLean, self.divisor, self.run) = (name, bar, isLean, divisor, run)
        }
    }

    static func rows() throws -> [Row] { try clocks() + breakers() + timeouts() + chains() }

    @inline(never) static func work(_ number: Int) async throws -> Int {
        if number < 0 { throw CancellationError() }
        return number &+ 1
    }

    private static func clocks() -> [Row] {
        let time = SystemTime()
        let source: any TimeSource = time
        let section = Section()
        return [
            Row("a bare call") { for number in 0..<$0 { _ = try await work(number) } },
            Row("a section under a Mutex") { for _ in 0..<$0 { section.add() } },
            Row("two readings of the clock") {
                var sum: Int64 = 0
                for _ in 0..<$0 { sum &+= source.instant().nanoseconds &+ source.instant().nanoseconds }
                keep(sum)
            },
        ]
    }

    private static func breakers() throws -> [Row] {
        let plain = try CircuitBreaker("plain")
        var configuration = CircuitBreakerConfiguration()
        configuration.window = .calls(100)
        configuration.slowRate = SlowRateRule(threshold: .seconds(1))
        let full = try CircuitBreaker("every rule", configuration)
        let open = try CircuitBreaker("open")
        open.open(for: .seconds(3_600))
        let actor = ActorBreaker()
        return [
            Row("closed: acquire, record", bar: "150", isLean: true) {
                for _ in 0..<$0 { try plain.acquire().record(.success) }
            },
            Row("closed: run around the call", bar: "150 over the bare call", isLean: true) {
                for number in 0..<$0 { _ = try await plain.runUnbounded { try await work(number) } }
            },
            Row("closed, count window, slow and running calls too") {
                for _ in 0..<$0 { try full.acquire().record(.success) }
            },
            Row("open: acquire", bar: "100", isLean: true) {
                var refused = 0
                for _ in 0..<$0 {
                    do throws(CircuitOpenError) { try open.acquire().record(.success) } catch { refused += 1 }
                }
                keep(Int64(refused))
            },
            Row("open: run") {
                var refused = 0
                for number in 0..<$0 {
                    do { _ = try await open.runUnbounded { try await work(number) } } catch { refused += 1 }
                }
                keep(Int64(refused))
            },
            Row("beside: a count of failures in an actor, before and after the call") {
                for number in 0..<$0 {
                    guard await actor.mayBegin() else { return }
                    let value = try await work(number)
                    await actor.ended(well: value > 0)
                }
            },
        ]
    }

    private static func timeouts() throws -> [Row] {
        let timeout = CallTimeout(.seconds(3))
        let breaker = try CircuitBreaker("classic", .classic)
        return [
            Row("timeout around a call that needs not wait", bar: "2000", divisor: 4) {
                for number in 0..<$0 { _ = try await timeout.call { try await work(number) } }
            },
            Row("a call that waits once (Task.yield), bare", divisor: 4) {
                for number in 0..<$0 {
                    await Task.yield()
                    _ = try await work(number)
                }
            },
            Row("timeout around a call that waits once", bar: "2000 over the line above", divisor: 4) {
                for number in 0..<$0 {
                    _ = try await timeout.call {
                        await Task.yield()
                        return try await work(number)
                    }
                }
            },
            Row("the classic breaker with its timeout", divisor: 4) {
                for number in 0..<$0 { _ = try await breaker.run { try await work(number) } }
            },
            Row("beside: a task group that races a sleep", divisor: 100) {
                let time = SystemTime()
                for number in 0..<$0 {
                    try await withThrowingTaskGroup(of: Int?.self) { group in
                        group.addTask { try await work(number) }
                        group.addTask {
                            try await time.sleep(for: .seconds(3))
                            return nil
                        }
                        _ = try await group.next()
                        group.cancelAll()
                    }
                }
            },
        ]
    }

    private static func chains() throws -> [Row] {
        let (retry, bulkhead) = (Retry(attempts: 3, budget: RetryBudget()), Bulkhead(limit: 100))
        let breaker = try CircuitBreaker("in a chain")
        let unbounded = callPolicies {
            retry
            bulkhead
            breaker
        }
        let all = callPolicies {
            retry
            bulkhead
            breaker
            CallTimeout(.seconds(3))
        }
        return [
            Row("retry with its budget") {
                for number in 0..<$0 { _ = try await retry.run { try await work(number) } }
            },
            Row("bulkhead") { for number in 0..<$0 { _ = try await bulkhead.run { try await work(number) } } },
            Row("retry, bulkhead, breaker") {
                for number in 0..<$0 { _ = try await unbounded.call { try await work(number) } }
            },
            Row("retry, bulkhead, breaker, timeout", divisor: 4) {
                for number in 0..<$0 { _ = try await all.call { try await work(number) } }
            },
        ]
    }

    private static let sink = Atomic<Int64>(0)
    /// So that the compiler does not leave it out.
    private static func keep(_ value: Int64) { sink.wrappingAdd(value, ordering: .relaxed) }
}

/// What all that is guarded by one lock pays at least once.
private final class Section: Sendable {
    private let number = Mutex(0)
    @inline(never) func add() { number.withLock { $0 &+= 1 } }
}

/// The breaker that is written first: failures in a row, in an actor.
private actor ActorBreaker {
    private var failures = 0
    private var openUntil = Instant(nanoseconds: .min)
    private let time = SystemTime()

    func mayBegin() -> Bool { time.instant() >= openUntil }
    func ended(well: Bool) {
        failures = well ? 0 : failures + 1
        if failures >= 5 { openUntil = time.instant() + .seconds(30) }
    }
}
