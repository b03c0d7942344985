import Storage
import Testing

/// How far a request's writes had come.
@Suite("CommitTrail")
struct CommitTrailTests {
    private func position(_ timeline: UInt32, _ offset: UInt64) -> CommitPosition {
        CommitPosition(timeline: timeline, offset: offset)
    }

    @Test func theFurthestCounts() {
        let trail = CommitTrail()
        #expect(trail.position == nil)
        trail.note(position(1, 20))
        trail.note(position(1, 10))
        trail.note(nil)
        #expect(trail.position == position(1, 20))
        trail.note(position(2, 5))
        #expect(trail.position == position(2, 5))
    }

    /// A confirmed order's token was that of the commit before, where nobody could be asked about the last one.
    @Test func aTrailThatWasLostVouchesForNothing() {
        let trail = CommitTrail()
        trail.note(position(1, 20))
        trail.lose()
        #expect(trail.position == nil)
        trail.note(position(1, 30))
        #expect(trail.position == nil)
    }
}
