import Determinism
import Testing

@testable import CircuitBreaking

/// The probes' verdict: by ratio, and as soon as those that are out cannot change it.
@Suite("Half-open trial")
struct HalfOpenTrialTests {
    private let now = Instant(nanoseconds: 0)

    /// Permits, percent, failures and successes so far, and the verdict.
    @Test(
        arguments: [
            (1, 50, 0, 0, nil), (1, 50, 1, 0, "open"), (1, 50, 0, 1, "close"), (1, 1, 0, 1, "close"),
            (1, 100, 1, 0, "open"),
            (2, 50, 1, 0, "open"), (2, 50, 0, 1, nil), (2, 50, 0, 2, "close"), (2, 100, 1, 0, nil),
            (2, 100, 0, 1, "close"),
            (3, 50, 1, 0, nil), (3, 50, 2, 0, "open"), (3, 50, 0, 1, nil), (3, 50, 0, 2, "close"), (3, 50, 1, 1, nil),
            (3, 50, 1, 2, "close"), (3, 50, 2, 1, "open"), (3, 34, 1, 1, nil), (3, 33, 1, 0, "open"),
            (10, 50, 4, 5, nil),
            (10, 50, 4, 6, "close"), (10, 50, 5, 0, "open"), (10, 50, 0, 5, nil), (10, 50, 0, 6, "close"),
            (10, 1, 1, 0, "open"), (10, 1, 0, 9, nil), (10, 1, 0, 10, "close"), (10, 100, 9, 0, nil),
            (10, 100, 0, 1, "close"),
        ] as [(Int, Int, Int, Int, String?)])
    func verdictIsGivenAsSoonAsItIsCertain(
        permits: Int, percent: Int, failures: Int, successes: Int, expected: String?
    ) {
        var trial = HalfOpenTrial(HalfOpenRule(permits: permits, percent: percent), slowPercent: nil)
        for index in 0..<(failures + successes) {
            guard let (place, deadline) = trial.begin(now: now) else {
                Issue.record("no permit \(index)")
                return
            }
            let counted = trial.end(place: place, deadline: deadline, isFailure: index < failures, isSlow: true)
            #expect(counted)
        }
        switch trial.verdict {
        case nil: #expect(expected == nil)
        case .close: #expect(expected == "close")
        case .open(let reason):
            #expect(expected == "open")
            #expect(reason == .probesFailed(failures, of: failures + successes))
        }
    }

    /// Whatever comes after it: an early verdict is the one that all results together would have come to.
    @Test func earlyVerdictIsTheFinalOne() {
        for permits in 1...7 {
            for percent in [1, 10, 33, 34, 50, 66, 67, 99, 100] {
                for outcomes in 0..<(1 << permits) {
                    let failures = (0..<permits).count { outcomes >> $0 & 1 == 1 }
                    let isBad = failures * 100 >= percent * permits
                    var trial = HalfOpenTrial(HalfOpenRule(permits: permits, percent: percent), slowPercent: nil)
                    var verdict: String?
                    for index in 0..<permits where verdict == nil {
                        guard let (place, deadline) = trial.begin(now: now) else { break }
                        _ = trial.end(
                            place: place, deadline: deadline, isFailure: outcomes >> index & 1 == 1, isSlow: false)
                        verdict = trial.verdict.map { $0 == .close ? "close" : "open" }
                    }
                    #expect(verdict == (isBad ? "open" : "close"), "\(permits), \(percent), \(outcomes)")
                }
            }
        }
    }

    @Test func slowProbesOpenByTheirOwnPercentage() {
        var trial = HalfOpenTrial(HalfOpenRule(permits: 4, percent: 50), slowPercent: 25)
        guard let (place, deadline) = trial.begin(now: now) else {
            Issue.record("no permit")
            return
        }
        #expect(trial.verdict == nil)
        _ = trial.end(place: place, deadline: deadline, isFailure: false, isSlow: true)
        #expect(trial.verdict == .open(.probesSlow(1, of: 1)))
    }

    @Test func aVerdictWaitsForThoseThatMayBeSlow() {
        var trial = HalfOpenTrial(HalfOpenRule(permits: 3, percent: 100), slowPercent: 67)
        for expected in [nil, HalfOpenTrial.Verdict.close] {
            guard let (place, deadline) = trial.begin(now: now) else {
                Issue.record("no permit")
                return
            }
            _ = trial.end(place: place, deadline: deadline, isFailure: false, isSlow: expected == nil)
            // One of three may be slow; two may not be.
            if expected == nil { #expect(trial.verdict == nil) }
        }
        guard let (place, deadline) = trial.begin(now: now) else {
            Issue.record("no permit")
            return
        }
        _ = trial.end(place: place, deadline: deadline, isFailure: false, isSlow: true)
        #expect(trial.verdict == .close, "two of three are 66 percent")
    }

    @Test func earliestDeadlineIsThatOfTheOldestProbe() {
        var trial = HalfOpenTrial(HalfOpenRule(permits: 3, percent: 100, deadline: .seconds(10)), slowPercent: nil)
        #expect(trial.earliestDeadline == nil)
        let first = trial.begin(now: now)
        _ = trial.begin(now: now + .seconds(3))
        #expect(trial.earliestDeadline == now + .seconds(10))
        guard let first else {
            Issue.record("no permit")
            return
        }
        let released = trial.release(place: first.place, deadline: first.deadline)
        #expect(released)
        #expect(trial.earliestDeadline == now + .seconds(13))
    }
}
