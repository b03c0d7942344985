import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// How long callers wait at a `Bulkhead`, and how they leave.
@Suite("Bulkheads: waiting", .timeLimit(.minutes(1)))
struct BulkheadWaitTests {
    private let bench = BulkheadBench()
    private let bulkhead: Bulkhead
    private let isBegun = Flag()

    init() { bulkhead = bench.bulkhead(limit: 1, queue: 4) }

    /// A call that waits, because somebody else has the place.
    private func waitingCall(under deadline: Duration? = nil) async -> WatchedCall<Void> {
        let (bulkhead, isBegun, count) = (bulkhead, isBegun, bulkhead.snapshot.waiting)
        let call = WatchedCall {
            guard let deadline else { return try await bulkhead.run { isBegun.raise() } }
            try await CallDeadline.with(Instant(nanoseconds: 0) + deadline) {
                try await bulkhead.run { isBegun.raise() }
            }
        }
        await eventually("it waits, and is watched") {
            bulkhead.snapshot.waiting == count + 1 && bench.timer.count == count + 1 && bench.time.sleeperCount > 0
        }
        return call
    }

    private func advance(to moment: Duration) {
        bench.time.advance(by: Instant(nanoseconds: 0) + moment - bench.time.instant())
    }

    private func expectRefusal(_ call: WatchedCall<Void>, _ reason: BulkheadError.Reason) async {
        let error = await #expect(throws: BulkheadError.self) { try await call.value }
        #expect(error?.reason == reason)
        #expect(!isBegun.isRaised)
    }

    @Test func nobodyWaitsLongerThanTheLongestWait() async throws {
        let holder = try await bulkhead.acquire()
        let call = await waitingCall()
        advance(to: .milliseconds(9_999))
        #expect(bulkhead.snapshot.waiting == 1)
        advance(to: .seconds(10))
        await expectRefusal(call, .waitedTooLong)
        #expect(bulkhead.snapshot.timeouts == 1)
        #expect(bulkhead.snapshot.refusals == 0)
        #expect(bulkhead.snapshot.waiting == 0)
        #expect(bench.timer.count == 0)
        holder.keep()
    }

    @Test func theCallersDeadlineBoundsTheWait() async throws {
        let holder = try await bulkhead.acquire()
        let call = await waitingCall(under: .seconds(2))
        advance(to: .seconds(2))
        await expectRefusal(call, .waitedTooLong)
        #expect(bench.timer.count == 0)
        holder.keep()
    }

    @Test func aLaterDeadlineDoesNotProlongIt() async throws {
        let holder = try await bulkhead.acquire()
        let call = await waitingCall(under: .seconds(30))
        advance(to: .seconds(10))
        await expectRefusal(call, .waitedTooLong)
        holder.keep()
    }

    @Test func oneThatWaitedTooLongMakesRoomForTheNext() async throws {
        let holder = try await bulkhead.acquire()
        let first = await waitingCall(under: .seconds(2))
        let second = await waitingCall()
        advance(to: .seconds(2))
        await expectRefusal(first, .waitedTooLong)
        #expect(bulkhead.snapshot.waiting == 1)
        _ = consume holder
        try await second.value
        #expect(isBegun.isRaised)
        #expect(bulkhead.snapshot.running == 0)
        #expect(bench.timer.count == 0)
    }

    @Test func aCancelledCallerLeavesAtOnceAndItsPlaceGoesToNobody() async throws {
        let holder = try await bulkhead.acquire()
        let call = await waitingCall()
        call.cancel()
        await expectRefusal(call, .cancelled)
        #expect(bulkhead.snapshot.waiting == 0)
        #expect(bulkhead.snapshot.timeouts == 0)
        #expect(bench.timer.count == 0)
        _ = consume holder
        #expect(bulkhead.snapshot.running == 0)
        #expect(try await bulkhead.run { 1 } == 1)
    }

    @Test func whoIsCancelledInTheMiddleLeavesTheOthersInTheirOrder() async throws {
        let holder = try await bulkhead.acquire()
        let order = Notes<Int>()
        let calls = (0..<3).map { number in
            (
                number,
                { [bulkhead] in try await bulkhead.run { order.note(number) } } as @Sendable () async throws -> Void
            )
        }
        var tasks: [WatchedCall<Void>] = []
        for (number, call) in calls {
            tasks.append(WatchedCall { try await call() })
            await eventually("\(number) waits") { bulkhead.snapshot.waiting == number + 1 }
        }
        tasks[1].cancel()
        await expectRefusal(tasks[1], .cancelled)
        _ = consume holder
        try await tasks[0].value
        try await tasks[2].value
        #expect(order.all == [0, 2])
    }

    @Test func whoIsCancelledAlreadyDoesNotWait() async throws {
        let holder = try await bulkhead.acquire()
        let (bulkhead, isBegun) = (bulkhead, isBegun)
        let call = WatchedCall {
            withUnsafeCurrentTask { $0?.cancel() }
            try await bulkhead.run { isBegun.raise() }
        }
        await expectRefusal(call, .cancelled)
        #expect(bulkhead.snapshot.waiting == 0)
        #expect(bench.timer.count == 0)
        holder.keep()
    }

    @Test func errorsReadWell() async throws {
        let holder = try await bulkhead.acquire()
        let (late, cancelled) = (await waitingCall(under: .seconds(1)), await waitingCall())
        advance(to: .seconds(1))
        let lateError = await #expect(throws: BulkheadError.self) { try await late.value }
        #expect(
            lateError?.description
                == "No place became free in bulkhead 'stock' in time (1 under way, 1 waiting)")
        cancelled.cancel()
        let error = await #expect(throws: BulkheadError.self) { try await cancelled.value }
        #expect(
            error?.description
                == "The caller was cancelled while it waited at bulkhead 'stock' (1 under way, 0 waiting)")
        holder.keep()
    }
}
