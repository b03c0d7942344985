import CircuitBreaking
import Determinism
import Testing

/// What the rates are made of, and when they open the circuit.
@Suite("Rates")
struct RateTests {
    @Test func exactlyHalfOfTheCallsOpens() {
        let bench = MachineBench { $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 10) }
        bench.succeed(5)
        bench.fail(4)
        #expect(bench.state == .closed)
        bench.fail()
        #expect(bench.state == .open && bench.lastReason == .failureRate(percent: 50, calls: 10))
    }

    @Test func oneLessThanHalfDoesNot() {
        let bench = MachineBench { $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 10) }
        bench.succeed(6)
        bench.fail(5)
        #expect(bench.state == .closed, "45 percent")
        bench.fail()
        #expect(bench.state == .open, "six of twelve")
    }

    @Test func theCallThatReachesTheMinimumMayBeASuccess() {
        let bench = MachineBench { $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 4) }
        bench.fail(3)
        #expect(bench.state == .closed)
        bench.succeed()
        #expect(bench.lastReason == .failureRate(percent: 75, calls: 4))
    }

    @Test func callsThatRunAreNotInTheDenominator() throws {
        let bench = MachineBench { $0.failureRate = FailureRateRule(percent: 100, minimumCalls: 2) }
        let tickets = try (0..<10).map { _ in try bench.begin() }
        bench.record(tickets[0], .failure())
        #expect(bench.state == .closed)
        bench.record(tickets[1], .failure())
        #expect(bench.state == .open, "two calls have ended, and both failed")
    }

    @Test func rejectedCallsAreNotInTheDenominator() {
        let bench = MachineBench { $0.failureRate = FailureRateRule(percent: 100, minimumCalls: 10) }
        bench.fail(10)
        for _ in 0..<500 { #expect(bench.admit() == nil) }
        bench.pass(.seconds(30))
        bench.succeed()
        #expect(bench.state == .closed)
        bench.fail(9)
        #expect(bench.state == .closed)
        bench.fail()
        #expect(bench.state == .open && bench.totals.rejections == 500)
    }

    @Test func theWindowBeginsAnewWhenTheCircuitCloses() {
        let bench = MachineBench { $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 4) }
        bench.fail(4)
        bench.pass(.seconds(30))
        bench.succeed()
        bench.fail(3)
        #expect(bench.state == .closed, "three calls of four")
        bench.succeed()
        #expect(bench.lastReason == .failureRate(percent: 75, calls: 4))
        #expect(bench.totals.failures == 7, "totals go on")
    }

    @Test func theRowOfFailuresBeginsAnewWhenTheCircuitCloses() {
        let bench = MachineBench {
            $0.failureRate = nil
            $0.consecutiveFailures = 2
        }
        bench.fail()
        bench.close()
        bench.fail()
        #expect(bench.state == .closed)
        bench.fail()
        #expect(bench.state == .open)
    }

    @Test func slowCallsHaveAMinimumOfTheirOwn() {
        let bench = MachineBench {
            $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 4)
            $0.slowRate = SlowRateRule(threshold: .seconds(1), percent: 50, minimumCalls: 20)
        }
        for _ in 0..<19 { bench.call(.success, taking: .seconds(1)) }
        #expect(bench.state == .closed)
        let reverse = MachineBench {
            $0.window = .calls(100)
            $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 20)
            $0.slowRate = SlowRateRule(threshold: .seconds(1), percent: 50, minimumCalls: 4)
        }
        reverse.fail(3)
        for _ in 0..<3 { reverse.call(.failure(), taking: .seconds(1)) }
        #expect(reverse.lastReason == .slowRate(percent: 50, calls: 6))
    }

    @Test func slowSuccessesOpenTheCircuit() {
        let bench = MachineBench {
            $0.window = .calls(10)
            $0.slowRate = SlowRateRule(threshold: .seconds(1), percent: 50, minimumCalls: 4)
        }
        bench.succeed(2)
        bench.call(.success, taking: .seconds(2))
        bench.call(.success, taking: .seconds(2))
        #expect(bench.lastReason == .slowRate(percent: 50, calls: 4) && bench.totals.slow == 2)
    }

    @Test func ignoredCallsAreNotSlow() {
        let bench = MachineBench {
            $0.window = .calls(10)
            $0.slowRate = SlowRateRule(
                threshold: .seconds(1), percent: 1, minimumCalls: 1, countsRunningCalls: false)
        }
        for _ in 0..<5 { bench.call(.ignored, taking: .seconds(5)) }
        #expect(bench.state == .closed && bench.totals.slow == 0)
    }

    @Test func oldCallsLeaveATimeWindow() {
        let bench = MachineBench {
            $0.window = .time(.seconds(10), slices: 10)
            $0.failureRate = FailureRateRule(percent: 100, minimumCalls: 3)
        }
        bench.fail(2)
        bench.pass(.seconds(10))
        bench.fail(2)
        #expect(bench.state == .closed, "the first two are gone")
        bench.fail()
        #expect(bench.state == .open)
    }

    @Test func oldCallsLeaveAWindowOfCalls() {
        let bench = MachineBench {
            $0.window = .calls(4)
            $0.failureRate = FailureRateRule(percent: 75, minimumCalls: 4)
        }
        bench.fail(2)
        bench.succeed(4)
        bench.fail(2)
        #expect(bench.state == .closed, "two of the last four")
        bench.fail()
        #expect(bench.lastReason == .failureRate(percent: 75, calls: 4))
    }
}
