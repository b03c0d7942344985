import CircuitBreaking
import Determinism
import DeterminismTestKit

/// A breaker by a clock that only the test moves.
struct BreakerBench {
    let time = ManualTime()
    let timer: CallTimer
    let breaker: CircuitBreaker

    /// - Parameter change: what is different from: two failed calls open for 30 s, one probe with 10 s.
    init(
        classifier: CallClassifier = .standard, _ change: (inout CircuitBreakerConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = CircuitBreakerConfiguration()
        configuration.failureRate = FailureRateRule(percent: 100, minimumCalls: 2)
        configuration.halfOpen = HalfOpenRule(permits: 1, percent: 50, deadline: .seconds(10))
        change(&configuration)
        timer = CallTimer(time: time)
        breaker = try CircuitBreaker(
            "bank", configuration, classifier: classifier, timer: timer, random: SeededRandom(seed: 1))
    }

    var totals: CircuitTotals { breaker.snapshot.totals }
    var state: CircuitState { breaker.snapshot.state }

    func fail(_ count: Int = 1) async {
        for _ in 0..<count { _ = try? await breaker.runUnbounded { throw Broken() } }
    }

    /// A call that ends when the gate is opened, and notices no cancellation.
    func call(until gate: Gate) async throws -> Int {
        try await breaker.run {
            await gate.pass()
            return 7
        }
    }
}

/// What is wrong with whom is called.
struct Broken: Error {}

/// What is wrong with the caller.
struct Mistaken: Error {}
