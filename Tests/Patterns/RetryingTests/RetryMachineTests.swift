import CallPolicies
import Determinism
import Retrying
import Testing

/// `RetryMachine`: what is decided after a failure.
@Suite("Retries: decisions")
struct RetryMachineTests {
    private let now = Instant(nanoseconds: 5_000_000_000)

    /// Pauses of 1 s, 2 s, 4 s without jitter, so that a test can name them.
    private func configuration(
        attempts: Int = 3, _ repeats: RetryConfiguration.Repeats = .whatHadNoEffect
    ) -> RetryConfiguration {
        var configuration = RetryConfiguration()
        (configuration.attempts, configuration.repeats) = (attempts, repeats)
        configuration.backoff = Backoff(base: .seconds(1), longest: .seconds(10), jitter: .none)
        return configuration
    }

    private func decisions(
        _ advice: [RepeatAdvice], _ configuration: RetryConfiguration, deadline: Instant? = nil, draw: UInt64 = 0
    ) -> [RetryMachine.Decision] {
        var machine = RetryMachine(configuration, deadline: deadline)
        return advice.map { machine.failed($0, now: now, draw: draw) }
    }

    @Test func whatHadNoEffectIsRepeatedUntilTheAttemptsAreUsedUp() {
        #expect(
            decisions([.repeatable(), .repeatable(), .repeatable()], configuration())
                == [.pause(.seconds(1)), .pause(.seconds(2)), .giveUp(.attemptsUsedUp)])
    }

    @Test func oneAttemptIsNoRetry() {
        #expect(decisions([.repeatable()], configuration(attempts: 1)) == [.giveUp(.attemptsUsedUp)])
    }

    @Test func whatMayHaveHadAnEffectIsRepeatedOnlyForIdempotentCalls() {
        #expect(decisions([.uncertain()], configuration()) == [.giveUp(.mayHaveHadAnEffect)])
        #expect(
            decisions([.uncertain(), .repeatable()], configuration(.idempotentCalls))
                == [.pause(.seconds(1)), .pause(.seconds(2))])
    }

    @Test func whatIsPointlessIsNeverRepeated() {
        for repeats in [RetryConfiguration.Repeats.whatHadNoEffect, .idempotentCalls] {
            #expect(decisions([.pointless], configuration(repeats)) == [.giveUp(.pointless)])
        }
    }

    @Test func theLongerOfThePauseAndWhatIsAskedForCounts() {
        #expect(
            decisions([.repeatable(after: .seconds(5)), .repeatable(after: .seconds(1))], configuration())
                == [.pause(.seconds(5)), .pause(.seconds(2))])
        #expect(
            decisions([.uncertain(after: .seconds(30))], configuration(.idempotentCalls)) == [.pause(.seconds(30))],
            "exactly the longest that may be asked for")
    }

    @Test func whoAsksForTooMuchIsNotAskedAgain() {
        let asked = RepeatAdvice.repeatable(after: .seconds(30) + .nanoseconds(1))
        #expect(decisions([asked], configuration()) == [.giveUp(.askedToWaitTooLong)])
        var patient = configuration()
        patient.longestRetryAfter = .seconds(60)
        #expect(decisions([asked], patient) == [.pause(.seconds(30) + .nanoseconds(1))])
    }

    @Test func noPauseEndsAtADeadlineOrBehindIt() {
        for (ahead, decision) in [
            (Duration.milliseconds(999), RetryMachine.Decision.giveUp(.deadline)), (.seconds(1), .giveUp(.deadline)),
            (.milliseconds(1_001), .pause(.seconds(1))), (.zero, .giveUp(.deadline)),
            (.seconds(-1), .giveUp(.deadline)),
        ] {
            #expect(decisions([.repeatable()], configuration(), deadline: now + ahead) == [decision], "\(ahead)")
        }
        #expect(
            decisions([.repeatable(after: .seconds(5))], configuration(), deadline: now + .seconds(4))
                == [.giveUp(.deadline)], "the pause that was asked for counts")
    }

    @Test func aPauseThatWasAskedForDoesNotMakeTheNextOneGrow() {
        var growing = configuration(attempts: 4)
        growing.backoff.jitter = .decorrelated
        growing.backoff.longest = .seconds(1_000)
        #expect(
            decisions([.repeatable(after: .seconds(20)), .repeatable(), .repeatable()], growing, draw: .max)
                == [.pause(.seconds(20)), .pause(.seconds(9)), .pause(.seconds(27))])
    }

    @Test func failuresAreCounted() {
        var machine = RetryMachine(configuration(), deadline: nil)
        #expect(machine.failures == 0)
        for count in 1...5 {
            _ = machine.failed(.repeatable(), now: now, draw: 0)
            #expect(machine.failures == count)
        }
    }

    private static let everyAdvice: [RepeatAdvice] =
        [nil, Duration.zero, .seconds(3), .seconds(31)].flatMap {
            [RepeatAdvice.repeatable(after: $0), .uncertain(after: $0)]
        } + [.pointless]

    /// Why a failure ends the call, said once more and in another way: all reasons that hold, the one that counts
    /// first.
    private func reasons(
        _ advice: RepeatAdvice, _ configuration: RetryConfiguration, failures: Int, ahead: Duration?
    ) -> [RetryEnd] {
        var isUncertain = false
        if case .uncertain = advice { isUncertain = true }
        let pause = max(.seconds(1 << (failures - 1)), advice.pause ?? .zero)
        let reasons: [(RetryEnd, Bool)] = [
            (.pointless, advice == .pointless),
            (.mayHaveHadAnEffect, isUncertain && configuration.repeats == .whatHadNoEffect),
            (.attemptsUsedUp, failures == configuration.attempts),
            (.askedToWaitTooLong, advice.pause == .seconds(31)),
            (.deadline, ahead.map { pause >= $0 } ?? false),
        ]
        return reasons.filter(\.1).map(\.0)
    }

    @Test(arguments: everyAdvice) func everyCombination(advice: RepeatAdvice) {
        var count = 0
        for repeats in [RetryConfiguration.Repeats.whatHadNoEffect, .idempotentCalls] {
            for attempts in 1...4 {
                for ahead in [nil, Duration.milliseconds(500), .seconds(1), .milliseconds(2_500), .seconds(60)] {
                    check(advice, configuration(attempts: attempts, repeats), ahead: ahead)
                    count += 1
                }
            }
        }
        #expect(count == 40)
    }

    /// The same failure again and again, and behind the end every other one.
    private func check(_ advice: RepeatAdvice, _ configuration: RetryConfiguration, ahead: Duration?) {
        var machine = RetryMachine(configuration, deadline: ahead.map { now + $0 })
        for failures in 1...configuration.attempts {
            let decision = machine.failed(advice, now: now, draw: 7)
            let comment: Comment =
                "\(advice), failure \(failures) of \(configuration.attempts), \(String(describing: ahead))"
            guard let reason = reasons(advice, configuration, failures: failures, ahead: ahead).first else {
                let pause = max(Duration.seconds(1 << (failures - 1)), advice.pause ?? .zero)
                #expect(decision == .pause(pause), comment)
                continue
            }
            #expect(decision == .giveUp(reason), comment)
            for later in Self.everyAdvice {
                guard case .giveUp = machine.failed(later, now: now, draw: 7) else {
                    Issue.record("went on behind its end: \(comment)")
                    return
                }
            }
            return
        }
    }
}
