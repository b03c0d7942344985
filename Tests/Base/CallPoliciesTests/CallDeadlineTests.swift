import CallPolicies
import Determinism
import DeterminismTestKit
import Testing

/// The caller's deadline, and the bound that is made of it.
@Suite("Call deadlines", .timeLimit(.minutes(1)))
struct CallDeadlineTests {
    private let time = ManualTime()
    private let timer: CallTimer

    init() { timer = CallTimer(time: time) }

    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test func thereIsNoneUnlessSomebodySetsOne() async {
        #expect(CallDeadline.current == nil)
        let inside = await CallDeadline.with(at(5)) { CallDeadline.current }
        #expect(inside == at(5) && CallDeadline.current == nil)
    }

    @Test func theEarlierOneHolds() async {
        let seen = await CallDeadline.with(at(5)) {
            let later = await CallDeadline.with(at(9)) { CallDeadline.current }
            let earlier = await CallDeadline.with(at(2)) { CallDeadline.current }
            return [later, earlier, CallDeadline.current]
        }
        #expect(seen == [at(5), at(2), at(5)])
    }

    @Test func errorsComeThrough() async {
        struct Broken: Error {}
        await #expect(throws: Broken.self) { try await CallDeadline.with(at(1)) { throw Broken() } }
    }

    @Test func childTasksInheritIt() async {
        let seen = await CallDeadline.with(at(5)) {
            async let child = CallDeadline.current
            return await child
        }
        #expect(seen == at(5))
    }

    // MARK: - The bound

    @Test func withoutADeadlineTheLimitIsTheBound() async throws {
        let bound = try CallBound(.seconds(3), timer: timer)
        #expect(bound.error == CallTimeoutError(.limit, limit: .seconds(3), wasBegun: true))
    }

    /// The caller's deadline in seconds from now, and whose patience ends first.
    @Test(
        arguments: [
            (1, .callerDeadline, 1), (2, .callerDeadline, 2), (3, .limit, 3), (4, .limit, 3),
        ] as [(Int64, CallTimeoutError.Cause, Int64)])
    func whicheverComesFirst(deadline: Int64, cause: CallTimeoutError.Cause, limit: Int64) async throws {
        time.advance(by: .seconds(100))
        let bound = try await CallDeadline.with(at(100 + deadline)) { try CallBound(.seconds(3), timer: timer) }
        #expect(bound.error == CallTimeoutError(cause, limit: .seconds(limit), wasBegun: true))
    }

    @Test(arguments: [Int64(100), 99, 0])
    func aDeadlineThatHasPassedBeginsNothing(deadline: Int64) async throws {
        time.advance(by: .seconds(100))
        let error = await #expect(throws: CallTimeoutError.self) {
            _ = try await CallDeadline.with(at(deadline)) { try CallBound(.seconds(3), timer: timer) }
        }
        #expect(error == CallTimeoutError(.callerDeadline, limit: .zero, wasBegun: false))
    }

    @Test func theBoundIsKept() async throws {
        let (gate, timer) = (Gate(), timer)
        async let outcome = {
            let bound = try await CallDeadline.with(at(2)) { try CallBound(.seconds(3), timer: timer) }
            let answer: Int? = try await bound.run {
                await gate.pass()
                return 1
            }
            return answer
        }()
        await eventually("it is under way") { gate.waitingCount == 1 && time.sleeperCount == 1 }
        #expect(time.earliestDeadline == at(2))
        time.advance(by: .seconds(2))
        #expect(try await outcome == nil, "it was not waited for")
        gate.open()
    }

    @Test func errorsInsideOfTheBoundAreThrown() async throws {
        struct Broken: Error {}
        let bound = try CallBound(.seconds(3), timer: timer)
        await #expect(throws: Broken.self) { _ = try await bound.run { () -> Int in throw Broken() } }
        #expect(time.sleeperCount <= 1 && timer.count == 0)
    }

    @Test func theErrorSaysWhosePatienceItWas() {
        let texts = [
            CallTimeoutError(.limit, limit: .seconds(3), wasBegun: true),
            CallTimeoutError(.callerDeadline, limit: .seconds(1), wasBegun: true),
            CallTimeoutError(.callerDeadline, limit: .zero, wasBegun: false),
        ].map(\.description)
        #expect(
            texts == [
                "No answer within 3.0 seconds",
                "No answer before the caller's deadline, 1.0 seconds after the call began",
                "The caller's deadline had passed before the call could begin",
            ])
    }
}
