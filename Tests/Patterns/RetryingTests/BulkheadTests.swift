import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// `Bulkhead`: who gets in, and when a place is free again.
@Suite("Bulkheads", .timeLimit(.minutes(1)))
struct BulkheadTests {
    private let bench = BulkheadBench()

    @Test func thereIsRoomForSoMany() async throws {
        let bulkhead = bench.bulkhead(limit: 2)
        let first = try await bulkhead.acquire()
        let second = try await bulkhead.acquire()
        #expect(bulkhead.snapshot.running == 2)
        let error = await #expect(throws: BulkheadError.self) { try await bulkhead.run { 1 } }
        #expect(error?.reason == .full)
        #expect(error?.running == 2 && error?.waiting == 0)
        #expect(error?.repeatAdvice == .pointless)
        #expect(bulkhead.snapshot.refusals == 1)
        _ = consume first
        #expect(bulkhead.snapshot.running == 1)
        #expect(try await bulkhead.run { 1 } == 1)
        second.keep()
        _ = consume second
        #expect(bulkhead.snapshot.running == 0)
    }

    @Test func aPlaceIsFreeAgainWhateverTheCallCameTo() async throws {
        let bulkhead = bench.bulkhead(limit: 1)
        let running = try await bulkhead.run { bulkhead.snapshot.running }
        #expect(running == 1)
        #expect(bulkhead.snapshot.running == 0)
        await #expect(throws: ForeignError()) { try await bulkhead.run { throw ForeignError() } }
        #expect(bulkhead.snapshot.running == 0)
        let time = bench.time
        let call = WatchedCall { try await bulkhead.run { try await time.sleep(for: .seconds(9)) } }
        await eventually("the call is under way") { time.sleeperCount == 1 }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(bulkhead.snapshot.running == 0)
    }

    @Test func whoCameFirstIsServedFirst() async throws {
        let bulkhead = bench.bulkhead(limit: 1, queue: 5)
        let holder = try await bulkhead.acquire()
        let order = Notes<Int>()
        var calls: [WatchedCall<Void>] = []
        for number in 0..<5 {
            calls.append(
                WatchedCall {
                    try await bulkhead.run {
                        order.note(number)
                        #expect(bulkhead.snapshot.running == 1)
                    }
                })
            await eventually("\(number) waits") { bulkhead.snapshot.waiting == number + 1 }
        }
        _ = consume holder
        for call in calls { try await call.value }
        #expect(order.all == [0, 1, 2, 3, 4])
        #expect(bulkhead.snapshot.running == 0)
        #expect(bench.timer.count == 0)
    }

    @Test func theQueueIsBounded() async throws {
        let bulkhead = bench.bulkhead(limit: 1, queue: 2)
        let holder = try await bulkhead.acquire()
        let calls = (0..<2).map { _ in WatchedCall { try await bulkhead.run {} } }
        await eventually("two wait") { bulkhead.snapshot.waiting == 2 }
        let error = await #expect(throws: BulkheadError.self) { try await bulkhead.run {} }
        #expect(error?.reason == .full)
        #expect(error?.description == "Bulkhead 'stock' is full (1 under way, 2 waiting)")
        _ = consume holder
        for call in calls { try await call.value }
    }

    @Test func aPlaceThatWasWaitedForIsLeftAgain() async throws {
        let bulkhead = bench.bulkhead(limit: 1, queue: 1)
        let holder = try await bulkhead.acquire()
        let call = WatchedCall { try await bulkhead.run { throw ForeignError() } }
        await eventually("one waits") { bulkhead.snapshot.waiting == 1 }
        _ = consume holder
        await #expect(throws: ForeignError()) { try await call.value }
        #expect(bulkhead.snapshot.running == 0)
    }

    @Test func defaultsAreTheDocumentedOnes() async throws {
        let bulkhead = Bulkhead(limit: 1)
        #expect(bulkhead.name == "calls")
        let holder = try await bulkhead.acquire()
        let error = await #expect(throws: BulkheadError.self, "nobody waits") { try await bulkhead.run {} }
        #expect(error?.reason == .full)
        holder.keep()
    }
}
