import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// `CallTimeout`: whose patience is over, and what becomes of the operation.
@Suite("Timeouts", .timeLimit(.minutes(1)))
struct CallTimeoutTests {
    private let time = ManualTime()
    private let timer: CallTimer
    private let timeout: CallTimeout
    private let gate = Gate()

    init() {
        timer = CallTimer(time: time)
        timeout = CallTimeout(.seconds(3), timer: timer)
    }

    private func instant(_ after: Duration) -> Instant { Instant(nanoseconds: 0) + after }

    /// Begins a call that notices nothing until the gate opens.
    private func deafCall(under deadline: Duration? = nil) -> WatchedCall<Int> {
        let call: @Sendable () async throws -> Int = { [timeout, gate] in
            try await timeout.call {
                await gate.pass()
                return 1
            }
        }
        return WatchedCall {
            guard let deadline else { return try await call() }
            return try await CallDeadline.with(instant(deadline), call)
        }
    }

    private func advance(by duration: Duration) async {
        await eventually("the call is under way") { gate.waitingCount == 1 && time.sleeperCount == 1 }
        time.advance(by: duration)
    }

    @Test func anAnswerInTimeIsTheCallers() async throws {
        let answer = try await timeout.call { "yes" }
        #expect(answer == "yes")
        #expect(timer.count == 0)
    }

    @Test func anErrorInTimeIsTheCallers() async {
        await #expect(throws: ForeignError(code: 4)) { try await timeout.call { throw ForeignError(code: 4) } }
        #expect(timer.count == 0)
    }

    @Test func anAnswerJustBeforeTheLimitIsInTime() async throws {
        let call = deafCall()
        await advance(by: .milliseconds(2_999))
        gate.open()
        #expect(try await call.value == 1)
        #expect(timer.count == 0)
    }

    @Test func nobodyWaitsForADeafOperationBeyondTheLimit() async {
        let call = deafCall()
        await advance(by: .seconds(3))
        await #expect(throws: CallTimeoutError(.limit, limit: .seconds(3), wasBegun: true)) { try await call.value }
        #expect(gate.waitingCount == 1, "it goes on by itself")
        #expect(timer.count == 0)
        gate.open()
    }

    @Test func anEarlierDeadlineOfTheCallerIsItsOwnFault() async {
        let call = deafCall(under: .seconds(1))
        await advance(by: .seconds(1))
        let error = await #expect(throws: CallTimeoutError.self) { try await call.value }
        #expect(error == CallTimeoutError(.callerDeadline, limit: .seconds(1), wasBegun: true))
        #expect(error?.repeatAdvice == .pointless)
        gate.open()
    }

    @Test(arguments: [Duration.seconds(3), .seconds(4)]) func aLaterDeadlineLeavesTheLimit(deadline: Duration) async {
        let call = deafCall(under: deadline)
        await advance(by: .seconds(3))
        let error = await #expect(throws: CallTimeoutError.self) { try await call.value }
        #expect(error == CallTimeoutError(.limit, limit: .seconds(3), wasBegun: true))
        #expect(error?.repeatAdvice == .uncertain())
        gate.open()
    }

    @Test(arguments: [Duration.seconds(9), .seconds(10)])
    func nothingIsBegunBehindTheCallersDeadline(deadline: Duration) async {
        time.advance(by: .seconds(10))
        let isBegun = Flag()
        await #expect(throws: CallTimeoutError(.callerDeadline, limit: .zero, wasBegun: false)) {
            try await CallDeadline.with(instant(deadline)) { try await timeout.call { isBegun.raise() } }
        }
        #expect(!isBegun.isRaised)
        #expect(timer.count == 0)
    }

    @Test func theOperationIsCancelledAtTheLimit() async {
        let ended = Notes<Bool>()
        let call = WatchedCall { [timeout, time] in
            try await timeout.call {
                do { try await time.sleep(for: .seconds(60)) } catch { ended.note(error is CancellationError) }
            }
        }
        await eventually("the operation and the watch sleep") { time.sleeperCount == 2 }
        time.advance(by: .seconds(3))
        await #expect(throws: CallTimeoutError(.limit, limit: .seconds(3), wasBegun: true)) { try await call.value }
        await eventually("the operation has noticed") { ended.all == [true] }
    }

    @Test func cancellationReachesTheOperation() async {
        let call = WatchedCall { [timeout, time] in try await timeout.call { try await time.sleep(for: .seconds(60)) } }
        await eventually("the operation and the watch sleep") { time.sleeperCount == 2 }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(timer.count == 0)
    }

    @Test func acallerThatIsCancelledAlreadyBeginsACancelledOperation() async throws {
        let isCancelled = try await WatchedCall { [timeout] in
            withUnsafeCurrentTask { $0?.cancel() }
            return try await timeout.call { Task.isCancelled }
        }.value
        #expect(isCancelled)
    }

    @Test func theOperationSeesItsCallersDeadline() async throws {
        let seen = try await CallDeadline.with(instant(.seconds(2))) { try await timeout.call { CallDeadline.current } }
        #expect(seen == instant(.seconds(2)))
    }

    @Test(arguments: [true, false]) func ofTwoTimeoutsTheShorterOneEndsTheCall(isOuterShorter: Bool) async {
        let (short, long) = (CallTimeout(.seconds(1), timer: timer), CallTimeout(.seconds(5), timer: timer))
        let (outer, inner) = isOuterShorter ? (short, long) : (long, short)
        let (time, wasCancelled) = (time, Flag())
        let call = WatchedCall {
            try await outer.call {
                try await inner.call {
                    do { try await time.sleep(for: .seconds(60)) } catch { wasCancelled.raise() }
                }
            }
        }
        await eventually("both are under way") { timer.count == 2 && time.earliestDeadline == instant(.seconds(1)) }
        time.advance(by: .seconds(1))
        await #expect(throws: CallTimeoutError(.limit, limit: .seconds(1), wasBegun: true)) { try await call.value }
        await eventually("the operation has noticed, and nothing is left") { wasCancelled.isRaised && timer.count == 0 }
    }

    @Test func errorsReadWell() {
        #expect(
            CallTimeoutError(.limit, limit: .seconds(3), wasBegun: true).description == "No answer within 3.0 seconds")
        #expect(CallTimeout(.seconds(2)).limit == .seconds(2))
    }
}
