import CircuitBreaking
import Determinism
import DeterminismTestKit
import Testing

@testable import PantryAssembly

/// The circuit breaker that stands before the store of the rate limits.
@Suite("Breaker as a gate")
struct BreakerGateTests {
    private let time = ManualTime()
    private let circuit: CircuitBreaker
    private let gate: BreakerGate

    init() throws {
        var rules = CircuitBreakerConfiguration()
        (rules.failureRate, rules.consecutiveFailures) = (nil, 2)
        (rules.wait, rules.halfOpen) = (.constant(.seconds(1)), HalfOpenRule(permits: 1, deadline: .seconds(1)))
        circuit = try CircuitBreaker("limits", rules, timer: CallTimer(time: time), random: SeededRandom(seed: 1))
        gate = BreakerGate(circuit)
    }

    private var state: CircuitState { circuit.snapshot.state }

    private func close() throws {
        for _ in 0..<2 { gate.failed(try #require(gate.admit())) }
        #expect(gate.admit() == nil && state == .open)
    }

    @Test func failuresCloseItAndOneCallFindsOut() throws {
        try close()
        time.advance(by: .milliseconds(999))
        #expect(gate.admit() == nil)
        time.advance(by: .milliseconds(1))
        let probe = try #require(gate.admit())
        #expect(gate.admit() == nil, "one is enough")
        gate.succeeded(probe)
        #expect(gate.admit() != nil && state == .closed)
    }

    @Test func aCallerWhoGivesUpSaysNothing() throws {
        for _ in 0..<10 { gate.abandoned(try #require(gate.admit())) }
        #expect(state == .closed && circuit.snapshot.totals.ignored == 10)
        try close()
        time.advance(by: .seconds(1))
        gate.abandoned(try #require(gate.admit()))
        #expect(state == .halfOpen && gate.admit() != nil, "another one finds out")
    }

    @Test func aCallFromBeforeItClosedSaysNothing() throws {
        let (late, later) = (try #require(gate.admit()), try #require(gate.admit()))
        try close()
        gate.succeeded(late)
        #expect(state == .open)
        time.advance(by: .seconds(1))
        let probe = try #require(gate.admit())
        gate.failed(later)
        #expect(state == .halfOpen)
        gate.succeeded(probe)
        #expect(state == .closed && circuit.snapshot.totals.stale == 2)
    }

    @Test func aPermitCountsOnce() throws {
        let permit = try #require(gate.admit())
        for _ in 0..<5 { gate.failed(permit) }
        gate.failed(12_345)
        #expect(state == .closed && circuit.snapshot.totals.failures == 1)
    }
}
