import CallPolicies
import Determinism
import Testing

/// What errors say about making the same call again.
@Suite("Repeat advice")
struct RepeatAdviceTests {
    private struct Unknown: Error {}
    private struct Advising: RepeatAdvising { let repeatAdvice: RepeatAdvice }

    @Test func errorsThatDoNotKnowAreUncertain() {
        #expect(RepeatAdvice(of: Unknown()) == .uncertain())
        #expect(RepeatAdvice(of: CancellationError()) == .pointless)
        for advice in [RepeatAdvice.repeatable(after: .seconds(2)), .uncertain(), .pointless] {
            #expect(RepeatAdvice(of: Advising(repeatAdvice: advice)) == advice)
        }
    }

    @Test func pausesAreThoseThatWereAskedFor() {
        #expect(RepeatAdvice.repeatable(after: .seconds(2)).pause == .seconds(2))
        #expect(RepeatAdvice.uncertain(after: .seconds(3)).pause == .seconds(3))
        #expect(RepeatAdvice.repeatable().pause == nil && RepeatAdvice.pointless.pause == nil)
    }

    @Test func aTimeoutMayHaveHadItsEffect() {
        #expect(CallTimeoutError(.limit, limit: .seconds(1), wasBegun: true).repeatAdvice == .uncertain())
        #expect(CallTimeoutError(.callerDeadline, limit: .seconds(1), wasBegun: true).repeatAdvice == .pointless)
    }
}
