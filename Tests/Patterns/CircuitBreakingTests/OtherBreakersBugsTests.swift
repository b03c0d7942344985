import CircuitBreaking
import Determinism
import Testing

/// What other circuit breakers get wrong, by their issue lists or by trying them; each with the way it has to be.
@Suite("What other breakers get wrong")
struct OtherBreakersBugsTests {
    // MARK: - Late results

    @Test func lateSuccessesOfCallsFromBeforeDoNotCloseAHalfOpenCircuit() throws {
        let bench = MachineBench { $0.halfOpen.permits = 2 }
        let early = [try bench.begin(), try bench.begin(), try bench.begin()]
        bench.fail(2)
        bench.pass(.seconds(30))
        let probe = try bench.begin()
        #expect(probe.isProbe && early.allSatisfy { !$0.isProbe })
        for ticket in early { #expect(bench.record(ticket, .success) == .stale) }
        #expect(bench.state == .halfOpen)
        #expect(bench.totals.stale == 3 && bench.totals.successes == 3, "seen, but not decisive")
    }

    @Test func lateFailuresOfCallsFromBeforeDoNotOpenItAgain() throws {
        let bench = MachineBench()
        let early = [try bench.begin(), try bench.begin(), try bench.begin()]
        bench.fail(2)
        bench.pass(.seconds(30))
        let probe = try bench.begin()
        #expect(bench.record(early[0], .failure()) == .stale)
        #expect(bench.state == .halfOpen)
        bench.record(probe, .success)
        #expect(bench.state == .closed)
        #expect(bench.record(early[1], .failure()) == .stale)
        #expect(bench.record(early[2], .failure()) == .stale)
        #expect(bench.state == .closed && bench.generation == 3)
    }

    @Test func aProbeOfAnEarlierHalfOpenPhaseDecidesNothingInALaterOne() throws {
        let bench = MachineBench { $0.halfOpen.permits = 3 }
        bench.fail(2)
        bench.pass(.seconds(30))
        let late = try bench.begin()
        bench.fail(2)
        #expect(bench.state == .open, "two of three failed")
        bench.pass(.seconds(30))
        let probe = try bench.begin()
        #expect(bench.record(late, .success) == .stale)
        bench.record(probe, .success)
        #expect(bench.state == .halfOpen, "one success of three, not two")
    }

    // MARK: - Calls that say nothing

    @Test func ignoredProbeIsNeitherSuccessNorFailureAndFreesItsPermit() throws {
        let bench = MachineBench()
        bench.fail(2)
        bench.pass(.seconds(30))
        for _ in 0..<20 {
            let probe = try bench.begin()
            #expect(bench.admit() == nil, "the only permit is out")
            #expect(bench.record(probe, .ignored) == .ignored)
            #expect(bench.state == .halfOpen)
        }
        bench.succeed()
        #expect(bench.state == .closed)
    }

    @Test func ignoredCallsCountInNoRate() {
        let bench = MachineBench { $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 4) }
        for _ in 0..<50 { bench.call(.ignored) }
        bench.fail(3)
        #expect(bench.state == .closed, "three calls are fewer than four")
        bench.fail()
        #expect(bench.state == .open && bench.lastReason == .failureRate(percent: 100, calls: 4))
    }

    @Test func ignoredCallsNeitherBreakNorLengthenARowOfFailures() {
        let bench = MachineBench {
            $0.failureRate = nil
            $0.consecutiveFailures = 3
        }
        bench.fail(2)
        bench.call(.ignored)
        #expect(bench.state == .closed)
        bench.fail()
        #expect(bench.lastReason == .consecutiveFailures(3))
    }

    @Test func aSuccessBreaksARowOfFailures() {
        let bench = MachineBench {
            $0.failureRate = nil
            $0.consecutiveFailures = 3
        }
        bench.fail(2)
        bench.succeed()
        bench.fail(2)
        #expect(bench.state == .closed)
        bench.fail()
        #expect(bench.state == .open)
    }

    @Test func ignoredOutcomesOfLateCallsAddNoPermits() throws {
        let bench = MachineBench { $0.halfOpen.permits = 2 }
        let early = try (0..<6).map { _ in try bench.begin() }
        bench.fail(2)
        bench.pass(.seconds(30))
        _ = try bench.begin()
        _ = try bench.begin()
        for ticket in early { #expect(bench.record(ticket, .ignored) == .stale) }
        for _ in 0..<6 { #expect(bench.admit() == nil, "two permits are two permits") }
    }

    @Test func anIgnoredOutcomeThatIsReportedTwiceAddsNoPermit() throws {
        let bench = MachineBench { $0.halfOpen.permits = 2 }
        bench.fail(2)
        bench.pass(.seconds(30))
        let (first, _) = (try bench.begin(), try bench.begin())
        #expect(bench.record(first, .ignored) == .ignored)
        #expect(bench.record(first, .ignored) == .stale)
        bench.release(first)
        #expect(bench.admit() != nil)
        #expect(bench.admit() == nil)
    }

    // MARK: - Probes that never return

    @Test func aProbeThatNeverReturnsIsAFailureAtItsDeadline() throws {
        let bench = MachineBench()
        bench.fail(2)
        bench.pass(.seconds(30))
        let lost = try bench.begin()
        bench.pass(.nanoseconds(9_999_999_999))
        #expect(bench.rejection()?.retryAfter == .nanoseconds(1))
        bench.pass(.nanoseconds(1))
        #expect(bench.rejection()?.reason == .open, "it has failed: the circuit is open again")
        #expect(bench.lastReason == .probesExpired(1) && bench.totals.expiredProbes == 1)
        #expect(bench.record(lost, .success) == .stale)
        bench.pass(.seconds(30))
        bench.succeed()
        #expect(bench.state == .closed)
    }

    @Test func aProbeThatComesAfterItsDeadlineHasFailedByThen() throws {
        let bench = MachineBench()
        bench.fail(2)
        bench.pass(.seconds(30))
        let probe = try bench.begin()
        bench.pass(.seconds(10))
        #expect(bench.record(probe, .success) == .stale, "nobody has noticed before, and still")
        #expect(bench.state == .open && bench.totals.expiredProbes == 1)
    }

    @Test func probesThatNeverReturnBesideOthersThatDoLeaveTheVerdictToThose() throws {
        let bench = MachineBench { $0.halfOpen = HalfOpenRule(permits: 3, percent: 50, deadline: .seconds(10)) }
        bench.fail(2)
        bench.pass(.seconds(30))
        _ = try bench.begin()
        bench.pass(.seconds(10))
        bench.observe()
        #expect(bench.state == .halfOpen && bench.totals.expiredProbes == 1)
        bench.succeed()
        #expect(bench.state == .halfOpen)
        bench.succeed()
        #expect(bench.state == .closed, "one of three has failed")
    }

    /// An expired probe may have left open only whether it was slow. The call that finds that out goes through.
    @Test func aCallThatFindsTheCircuitClosedByAnExpiredProbeGoesThrough() throws {
        let bench = MachineBench {
            $0.slowRate = SlowRateRule(threshold: .seconds(20), percent: 50, minimumCalls: 2)
            $0.halfOpen = HalfOpenRule(permits: 2, percent: 100, deadline: .seconds(10))
        }
        bench.open()
        bench.tryNow()
        _ = try bench.begin()
        bench.succeed()
        #expect(bench.state == .halfOpen, "the other one may yet be slow")
        bench.pass(.seconds(10))
        let ticket = try bench.begin()
        #expect(bench.state == .closed && !ticket.isProbe)
    }

    // MARK: - The order of events at a boundary

    @Test func theWaitIsOverAtItsEndNotAfterIt() {
        let bench = MachineBench()
        bench.fail(2)
        bench.pass(.nanoseconds(29_999_999_999))
        #expect(bench.rejection()?.retryAfter == .nanoseconds(1))
        bench.pass(.nanoseconds(1))
        #expect(bench.admit()?.isProbe == true)
    }

    @Test func aProbeIsInTimeJustBeforeItsDeadline() throws {
        let bench = MachineBench()
        bench.fail(2)
        bench.pass(.seconds(30))
        let probe = try bench.begin()
        bench.pass(.nanoseconds(9_999_999_999))
        #expect(bench.record(probe, .success) == .counted)
        #expect(bench.state == .closed)
    }

    @Test func aCallIsSlowFromItsThresholdOn() throws {
        let bench = MachineBench { $0.slowRate = SlowRateRule(threshold: .seconds(1), percent: 100, minimumCalls: 1) }
        bench.call(.success, taking: .nanoseconds(999_999_999))
        #expect(bench.state == .closed && bench.totals.slow == 0)
        let other = MachineBench { $0.slowRate = SlowRateRule(threshold: .seconds(1), percent: 100, minimumCalls: 1) }
        other.call(.success, taking: .seconds(1))
        #expect(other.state == .open && other.totals.slow == 1)
    }

    @Test func manyCallersAtTheEndOfTheWaitGetThePermitsAndNoMore() {
        for permits in [1, 3, 10] {
            let bench = MachineBench { $0.halfOpen = HalfOpenRule(permits: permits) }
            bench.fail(2)
            bench.pass(.seconds(30))
            let admitted = (0..<50).compactMap { _ in bench.admit() }
            #expect(admitted.count == permits && admitted.allSatisfy(\.isProbe))
            #expect(Set(admitted).count == permits)
        }
    }

    // MARK: - The clock

    @Test(arguments: [Duration.milliseconds(1_001), .seconds(5), .seconds(3_600), .seconds(86_400 * 365)])
    func aClockThatIsPutBackNeitherProlongsNorEndsTheWait(step: Duration) {
        let bench = MachineBench()
        bench.fail(2)
        bench.pass(.seconds(10))
        #expect(bench.rejection()?.retryAfter == .seconds(20))
        bench.now = bench.now + (.zero - step)
        #expect(bench.rejection()?.retryAfter == .seconds(20), "no time has passed")
        bench.pass(.nanoseconds(19_999_999_999))
        #expect(bench.rejection()?.retryAfter == .nanoseconds(1))
        bench.pass(.nanoseconds(1))
        #expect(bench.admit()?.isProbe == true)
    }

    @Test func aClockThatIsPutBackDoesNotFreezeTheWindow() {
        let bench = MachineBench { $0.failureRate = FailureRateRule(percent: 50, minimumCalls: 10) }
        bench.succeed(5)
        bench.now = bench.now + .seconds(-5)
        for _ in 0..<40 {
            bench.pass(.seconds(1))
            bench.succeed(20)
        }
        bench.pass(.seconds(12))
        bench.fail(10)
        #expect(bench.lastReason == .failureRate(percent: 100, calls: 10), "the successes have left the window")
    }

    @Test func aClockThatIsPutBackLeavesAProbesDeadlineWhereItWas() throws {
        let bench = MachineBench()
        bench.fail(2)
        bench.pass(.seconds(30))
        _ = try bench.begin()
        bench.pass(.seconds(6))
        #expect(bench.admit() == nil, "that much was seen of the time before the step")
        bench.now = bench.now + .seconds(-3_600)
        #expect(bench.rejection()?.retryAfter == .seconds(4))
        bench.pass(.seconds(4))
        #expect(bench.rejection()?.reason == .open)
        #expect(bench.totals.expiredProbes == 1)
    }
}
