import Determinism
import DeterminismTestKit
import Testing

@testable import Retrying

/// `BulkheadWaiter`, where two come to one who waits at the same time.
@Suite("Bulkheads: one who waits", .timeLimit(.minutes(1)))
struct BulkheadWaiterTests {
    private let bench = BulkheadBench()

    private func isIn(_ waiter: BulkheadWaiter) async throws -> Bool {
        try await WatchedCall {
            guard case .entered = await withCheckedContinuation({ waiter.wait($0) }) else { return false }
            return true
        }.value
    }

    /// It has left the queue by being handed a place; that it is cancelled, or that its time is up, comes too late.
    @Test func whoIsHandedAPlaceHasIt() async throws {
        let (cancelled, late) = (
            BulkheadWaiter(0, of: bench.bulkhead(limit: 1)), BulkheadWaiter(0, of: bench.bulkhead(limit: 1))
        )
        cancelled.abandon(.cancelled)
        late.deadlinePassed()
        cancelled.settle(.entered)
        late.settle(.entered)
        cancelled.abandon(.cancelled)
        late.deadlinePassed()
        #expect(try await isIn(cancelled))
        #expect(try await isIn(late))
    }

    @Test func whoLeftTheQueueIsNotKept() async throws {
        weak var gone: Bulkhead?
        do {
            let bulkhead = bench.bulkhead(limit: 1, queue: 2, longestWait: .seconds(1))
            gone = bulkhead
            let holder = try await bulkhead.acquire()
            let calls = [WatchedCall { try await bulkhead.run {} }, WatchedCall { try await bulkhead.run {} }]
            await eventually("both wait, and are watched") {
                bulkhead.snapshot.waiting == 2 && bench.timer.count == 2 && bench.time.sleeperCount == 1
            }
            calls[0].cancel()
            await calls[0].end()
            bench.time.advance(by: .seconds(1))
            await calls[1].end()
            #expect(bulkhead.snapshot.waiting == 0)
            holder.keep()
        }
        await eventually("nobody holds on to the bulkhead") { gone == nil }
    }
}
