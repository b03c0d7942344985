import CircuitBreaking
import Determinism
import Testing

/// Settings that cannot be are refused, with the setting and what would be right.
@Suite("Configuration")
struct ConfigurationTests {
    typealias Change = @Sendable (inout CircuitBreakerConfiguration) -> Void

    private func message(_ change: Change) -> String? {
        var configuration = CircuitBreakerConfiguration()
        change(&configuration)
        do {
            try configuration.validate()
            return nil
        } catch { return "\(error)" }
    }

    private static let wrong: [(Change, String)] = [
        ({ $0.window = .calls(0) }, "window.calls is 0; it must be in 1...1000000"),
        ({ $0.window = .calls(1_000_001) }, "window.calls is 1000001; it must be in 1...1000000"),
        ({ $0.window = .calls(9) }, "failureRate.minimumCalls is 10; it must be in 1...9"),
        (
            {
                $0.window = .calls(10)
                $0.slowRate = SlowRateRule(threshold: .seconds(1), minimumCalls: 11)
            }, "slowRate.minimumCalls is 11; it must be in 1...10"
        ),
        ({ $0.window = .time(.seconds(1), slices: 0) }, "window.slices is 0; it must be in 1...1000"),
        ({ $0.window = .time(.seconds(1), slices: 1_001) }, "window.slices is 1001; it must be in 1...1000"),
        (
            { $0.window = .time(.nanoseconds(9), slices: 10) },
            "window.time is 9e-09 seconds; it must be at least 1 ns for each slice"
        ),
        ({ $0.failureRate?.percent = 0 }, "failureRate.percent is 0; it must be in 1...100"),
        ({ $0.failureRate?.percent = 101 }, "failureRate.percent is 101; it must be in 1...100"),
        ({ $0.failureRate?.minimumCalls = 0 }, "failureRate.minimumCalls is 0; it must be in 1...1000000"),
        (
            { $0.slowRate = SlowRateRule(threshold: .zero) },
            "slowRate.threshold is 0.0 seconds; it must be longer than zero"
        ),
        (
            { $0.slowRate = SlowRateRule(threshold: .seconds(1), percent: 0) },
            "slowRate.percent is 0; it must be in 1...100"
        ),
        (
            { $0.slowRate = SlowRateRule(threshold: .seconds(1), minimumCalls: 0) },
            "slowRate.minimumCalls is 0; it must be in 1...1000000"
        ),
        ({ $0.consecutiveFailures = 0 }, "consecutiveFailures is 0; it must be in 1...1000000"),
        (
            { $0.failureRate = nil },
            "failureRate is off like slowRate and consecutiveFailures, so nothing could open the circuit; set one"
        ),
        ({ $0.wait.base = .zero }, "wait.base is 0.0 seconds; it must be longer than zero"),
        ({ $0.wait.multiplier = 0.9 }, "wait.multiplier is 0.9; it must be in 1...10"),
        ({ $0.wait.multiplier = 11 }, "wait.multiplier is 11.0; it must be in 1...10"),
        ({ $0.wait.multiplier = .nan }, "wait.multiplier is nan; it must be in 1...10"),
        ({ $0.wait.longest = .seconds(1) }, "wait.longest is shorter than wait.base; make it at least that"),
        ({ $0.wait.jitter = -0.1 }, "wait.jitter is -0.1; it must be in 0...1"),
        ({ $0.wait.jitter = 1.1 }, "wait.jitter is 1.1; it must be in 0...1"),
        ({ $0.wait.jitter = .nan }, "wait.jitter is nan; it must be in 0...1"),
        ({ $0.halfOpen.permits = 0 }, "halfOpen.permits is 0; it must be in 1...1000"),
        ({ $0.halfOpen.permits = 1_001 }, "halfOpen.permits is 1001; it must be in 1...1000"),
        ({ $0.halfOpen.percent = 0 }, "halfOpen.percent is 0; it must be in 1...100"),
        ({ $0.halfOpen.percent = 101 }, "halfOpen.percent is 101; it must be in 1...100"),
        ({ $0.halfOpen.deadline = .zero }, "halfOpen.deadline is 0.0 seconds; it must be longer than zero"),
        ({ $0.longestRetryAfter = .zero }, "longestRetryAfter is 0.0 seconds; it must be longer than zero"),
        ({ $0.timeout = .seconds(-1) }, "timeout is -1.0 seconds; it must be longer than zero"),
        ({ $0.latencyWindow = .zero }, "latencyWindow is 0.0 seconds; it must be longer than zero"),
    ]

    @Test(arguments: wrong.indices)
    func whatCannotBeIsSaidToBeSo(index: Int) {
        let (change, expected) = Self.wrong[index]
        #expect(message(change) == expected)
        var configuration = CircuitBreakerConfiguration()
        change(&configuration)
        #expect(throws: CircuitBreakerConfigurationError.self) { _ = try CircuitBreaker("bank", configuration) }
    }

    private static let right: [Change] = [
        { _ in },
        { $0 = .classic },
        {
            $0.window = .calls(1)
            $0.failureRate?.minimumCalls = 1
        },
        {
            $0.window = .calls(1_000_000)
            $0.failureRate = FailureRateRule(percent: 1, minimumCalls: 1_000_000)
        },
        { $0.window = .time(.nanoseconds(1_000), slices: 1_000) },
        { $0.window = .time(.seconds(Int64.max), slices: 1) },
        {
            $0.failureRate = nil
            $0.consecutiveFailures = 1
        },
        {
            $0.failureRate = nil
            $0.slowRate = SlowRateRule(threshold: .nanoseconds(1), percent: 100, minimumCalls: 1)
        },
        { $0.wait = .constant(.nanoseconds(1)) },
        { $0.wait = OpenWait(base: .seconds(7_200), multiplier: 10, jitter: 1) },
        { $0.wait = .doubling(from: .seconds(5), upTo: .seconds(5)) },
        { $0.halfOpen = HalfOpenRule(permits: 1_000, percent: 100, deadline: .nanoseconds(1)) },
        {
            $0.longestRetryAfter = nil
            $0.latencyWindow = nil
            $0.timeout = .nanoseconds(1)
        },
    ]

    @Test(arguments: right.indices)
    func whatCanBeIsTaken(index: Int) { #expect(message(Self.right[index]) == nil) }

    @Test func theDefaultsAreThoseThatAreDocumented() {
        let defaults = CircuitBreakerConfiguration()
        #expect(defaults.window == .time(.seconds(10), slices: 10))
        #expect(defaults.failureRate == FailureRateRule(percent: 50, minimumCalls: 10))
        #expect(defaults.slowRate == nil && defaults.consecutiveFailures == nil && defaults.timeout == nil)
        #expect(defaults.wait == OpenWait(base: .seconds(30), multiplier: 1, longest: .seconds(30), jitter: 0))
        #expect(defaults.halfOpen == HalfOpenRule(permits: 3, percent: 50, deadline: .seconds(30)))
        #expect(defaults.longestRetryAfter == .seconds(300) && defaults.latencyWindow == .seconds(60))
        #expect(defaults.mode == .automatic)
    }

    @Test func theClassicOneIsWhatTheOthersStartWith() {
        let classic = CircuitBreakerConfiguration.classic
        #expect(classic.timeout == .seconds(3) && classic.failureRate?.percent == 50)
        #expect(classic.wait == .constant(.seconds(30)) && classic.halfOpen.permits == 1)
    }

    @Test(arguments: CircuitMode.allCases)
    func aBreakerBeginsInItsMode(mode: CircuitMode) throws {
        let bench = try BreakerBench { $0.mode = mode }
        #expect(bench.breaker.snapshot.mode == mode && bench.breaker.snapshot.generation == 0)
    }
}
