import Determinism
import Testing

@testable import PantryAssembly

@Suite("Commit timer")
struct CommitTimerTests {
    private func moment(_ milliseconds: Int) -> Instant { Instant(nanoseconds: 0) + .milliseconds(milliseconds) }

    /// The lane's commit of 50 ms was recorded with the 10 ms since a renewal of the lease had begun.
    @Test func commitsThatOverlapAreNotTakenForEachOther() {
        let timer = CommitTimer()
        timer.begin(at: moment(0))
        #expect(timer.end(at: moment(50)) == .milliseconds(50))
        timer.begin(at: moment(100))
        timer.begin(at: moment(140))
        #expect(timer.end(at: moment(150)) == nil && timer.end(at: moment(160)) == nil)
        // One that failed costs the next one's measure.
        timer.begin(at: moment(200))
        timer.begin(at: moment(300))
        #expect(timer.end(at: moment(310)) == nil)
        timer.begin(at: moment(400))
        #expect(timer.end(at: moment(405)) == .milliseconds(5))
    }
}
