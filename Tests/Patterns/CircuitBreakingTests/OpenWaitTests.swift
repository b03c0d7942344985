import CircuitBreaking
import Determinism
import Testing

/// How long a circuit stays open: the growing wait, its jitter, and what failures ask for.
@Suite("Open wait")
struct OpenWaitTests {
    @Test func doublesUpToItsLongest() {
        let wait = OpenWait.doubling(from: .seconds(1), upTo: .seconds(10), jitter: 0)
        let waits = (1...6).map { wait.duration(opening: $0, draw: .max) }
        #expect(waits == [.seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(10), .seconds(10)])
    }

    @Test func aConstantWaitDoesNotGrow() {
        let wait = OpenWait.constant(.seconds(30))
        for opening in [0, 1, 2, 1_000_000_000] {
            #expect(wait.duration(opening: opening, draw: 7) == .seconds(30))
        }
    }

    @Test func aWaitThatGrewForEverIsItsLongest() {
        let wait = OpenWait(base: .nanoseconds(1), multiplier: 1.5, longest: .seconds(3_600), jitter: 0)
        #expect(wait.duration(opening: .max, draw: 0) == .seconds(3_600))
        let long = OpenWait(base: .seconds(1), multiplier: 10, longest: .seconds(Int64.max), jitter: 0)
        #expect(long.duration(opening: 100, draw: 0) == .nanoseconds(Int64(1) << 62), "146 years are enough")
    }

    @Test func jitterTakesAwayUpToItsShare() {
        let wait = OpenWait(base: .seconds(10), jitter: 0.2)
        #expect(wait.duration(opening: 1, draw: 0) == .seconds(10))
        let shortest = wait.duration(opening: 1, draw: .max)
        #expect(shortest >= .seconds(8) && shortest < .milliseconds(8_001))
        let random = SeededRandom(seed: 3)
        let drawn = (0..<1_000).map { _ in wait.duration(opening: 1, draw: random.next()) }
        #expect(drawn.allSatisfy { $0 >= .seconds(8) && $0 <= .seconds(10) })
        #expect(drawn.contains { $0 < .milliseconds(8_200) } && drawn.contains { $0 > .milliseconds(9_800) })
    }

    // MARK: - In the machine

    private func bench(_ change: (inout CircuitBreakerConfiguration) -> Void = { _ in }) -> MachineBench {
        MachineBench {
            $0.wait = .doubling(from: .seconds(1), upTo: .seconds(6), jitter: 0)
            change(&$0)
        }
    }

    @Test func eachOpeningInARowWaitsLongerAndClosingBeginsAnew() {
        let bench = bench()
        for expected in [Duration.seconds(1), .seconds(2), .seconds(4), .seconds(6), .seconds(6)] {
            if bench.state == .closed { bench.fail(2) } else { bench.fail() }
            #expect(bench.rejection()?.retryAfter == expected)
            bench.pass(expected)
        }
        bench.succeed()
        #expect(bench.state == .closed)
        bench.fail(2)
        #expect(bench.rejection()?.retryAfter == .seconds(1))
    }

    @Test func theWaitOfEachSeedIsItsOwn() {
        let waits = (UInt64(0)..<50).map { seed in
            let bench = MachineBench(seed: seed) { $0.wait = .doubling(from: .seconds(10), upTo: .seconds(60)) }
            bench.fail(2)
            return bench.rejection()?.retryAfter ?? .zero
        }
        #expect(Set(waits).count == 50, "a fleet does not try in the same moment")
        #expect(waits.allSatisfy { $0 >= .seconds(8) && $0 <= .seconds(10) })
    }

    @Test func theWaitsOfOneBreakerAreDrawnAnew() {
        let bench = MachineBench { $0.wait = OpenWait(base: .seconds(10), jitter: 1) }
        var waits: Set<Duration> = []
        for _ in 0..<20 {
            bench.close()
            bench.fail(2)
            waits.insert(bench.rejection()?.retryAfter ?? .zero)
        }
        #expect(waits.count == 20)
    }

    // MARK: - What failures ask for

    @Test func theFailureThatOpensTheCircuitSaysForHowLong() {
        let bench = bench()
        bench.fail()
        bench.call(.failure(retryAfter: .seconds(90)))
        #expect(bench.rejection()?.retryAfter == .seconds(90))
        bench.pass(.seconds(90))
        bench.call(.failure(retryAfter: .seconds(5)))
        #expect(bench.rejection()?.retryAfter == .seconds(5), "also a shorter one")
    }

    @Test func aFailureThatDidNotOpenItDoesNot() {
        let bench = bench()
        bench.call(.failure(retryAfter: .seconds(90)))
        bench.fail()
        #expect(bench.rejection()?.retryAfter == .seconds(1))
    }

    @Test func aLateFailureDoesNot() throws {
        let bench = bench { $0.halfOpen.permits = 2 }
        let late = try bench.begin()
        bench.fail(2)
        bench.record(late, .failure(retryAfter: .seconds(90)))
        #expect(bench.rejection()?.retryAfter == .seconds(1))
        bench.pass(.seconds(1))
        let expired = try bench.begin()
        bench.pass(.seconds(10))
        bench.record(expired, .failure(retryAfter: .seconds(90)))
        #expect(bench.rejection()?.retryAfter == .seconds(2), "its probe had failed before it came")
    }

    @Test func nobodyMayAskForMoreThanTheLongest() {
        let bench = bench { $0.longestRetryAfter = .seconds(60) }
        bench.fail()
        bench.call(.failure(retryAfter: .seconds(86_400)))
        #expect(bench.rejection()?.retryAfter == .seconds(60))
    }

    @Test(arguments: [Duration.zero, .seconds(-5)])
    func whatIsNoTimeIsNotAskedFor(pause: Duration) {
        let bench = bench()
        bench.fail()
        bench.call(.failure(retryAfter: pause))
        #expect(bench.rejection()?.retryAfter == .seconds(1))
    }

    @Test func withoutALongestNobodyIsAsked() {
        let bench = bench { $0.longestRetryAfter = nil }
        bench.fail()
        bench.call(.failure(retryAfter: .seconds(90)))
        #expect(bench.rejection()?.retryAfter == .seconds(1))
    }

    @Test func anOperatorsWaitIsTaken() {
        let bench = bench()
        bench.open(for: .seconds(77))
        #expect(bench.rejection()?.retryAfter == .seconds(77))
        bench.open()
        #expect(bench.rejection()?.retryAfter == .seconds(2), "the second opening in a row, by the settings")
    }

    @Test func theErrorSaysWhy() {
        let bench = bench()
        bench.fail(2)
        expect(bench.rejection(), .open, retryAfter: .seconds(1), generation: 1)
        bench.pass(.seconds(1))
        #expect(bench.admit() != nil)
        bench.pass(.seconds(4))
        expect(bench.rejection(), .probing, retryAfter: .seconds(6), generation: 2)
        bench.setMode(.forcedOpen)
        expect(bench.rejection(), .forcedOpen, retryAfter: nil, generation: 3)
    }

    private func expect(
        _ rejection: CircuitRejection?, _ reason: CircuitRejectionReason, retryAfter: Duration?, generation: UInt64,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(rejection?.reason == reason, sourceLocation: sourceLocation)
        #expect(rejection?.retryAfter == retryAfter, sourceLocation: sourceLocation)
        #expect(rejection?.generation == generation, sourceLocation: sourceLocation)
    }
}
