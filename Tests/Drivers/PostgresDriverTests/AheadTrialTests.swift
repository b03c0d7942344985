import Determinism
import Testing

@testable import PostgresDriver

/// Which of the two ways a crowd is written is kept.
@Suite("AheadTrial")
struct AheadTrialTests {
    /// A trial on a lane where batches take so long.
    private struct Lane {
        var trial = AheadTrial(.whereItPays)
        var now = Instant(nanoseconds: 0)
        let (whole, ahead): (Duration, Duration)

        /// Ends a batch as the trial wants it: 64 commands together, or halves.
        mutating func batch() {
            now = now + (trial.decidesAhead ? ahead : whole)
            trial.batchEnded(trial.decidesAhead ? 32 : 64, at: now)
        }

        /// How many batches it takes until the trial changes its mind.
        mutating func batchesUntilChange() -> Int {
            let before = trial.decidesAhead
            for count in 1...10_000 {
                batch()
                if trial.decidesAhead != before { return count }
            }
            return .max
        }
    }

    @Test("the way by which more commands come through is kept for a term, then both are tried again")
    func kept() {
        let trial = AheadTrial.settling + AheadTrial.length
        var quick = Lane(whole: .milliseconds(4), ahead: .milliseconds(1))
        // The first batch has none before it.
        #expect(quick.batchesUntilChange() == 1 + trial && quick.trial.decidesAhead)
        #expect(quick.batchesUntilChange() == trial + AheadTrial.term && !quick.trial.decidesAhead)
        #expect(quick.batchesUntilChange() == trial)

        var slow = Lane(whole: .milliseconds(8), ahead: .milliseconds(6))
        #expect(slow.batchesUntilChange() == 1 + trial && slow.trial.decidesAhead)
        #expect(slow.batchesUntilChange() == trial && !slow.trial.decidesAhead)
        #expect(slow.batchesUntilChange() == AheadTrial.term + trial)
    }

    @Test("a pause between crowds, and batches of few, count for neither")
    func pauses() {
        var lane = Lane(whole: .milliseconds(4), ahead: .milliseconds(1))
        for _ in 0..<500 {
            lane.now = lane.now + .seconds(60)
            lane.trial.batchEnded(1, at: lane.now)
            lane.trial.batchEnded(AheadTrial.crowd, at: lane.now)
        }
        #expect(!lane.trial.decidesAhead)
        for _ in 0..<200 where !lane.trial.decidesAhead { lane.batch() }
        for _ in 0..<20 {
            lane.now = lane.now + .seconds(60)
            lane.trial.batchEnded(1, at: lane.now)
            for _ in 0..<3 { lane.batch() }
        }
        #expect(lane.trial.decidesAhead, "a minute without a crowd is no slow batch")
    }

    @Test("who is told how to do it tries nothing")
    func told() {
        for (choice, decides) in [(PostgresLaneConfiguration.DecidesAhead.always, true), (.never, false)] {
            var trial = AheadTrial(choice)
            for count in 0..<5_000 as Range<Int64> {
                #expect(trial.decidesAhead == decides)
                trial.batchEnded(64, at: Instant(nanoseconds: count * (decides ? 1_000 : 1)))
            }
        }
    }
}
