import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// Handing a place over while who waits for it is cancelled, or has waited too long: the place is never lost, and never
/// given twice.
@Suite("Bulkheads: races", .timeLimit(.minutes(2)))
struct BulkheadRaceTests {
    /// How many are in at a time.
    private actor Gauge {
        private(set) var (count, most, total) = (0, 0, 0)
        func enter() {
            count += 1
            total += 1
            most = max(most, count)
        }
        func leave() { count -= 1 }
    }

    @Test(arguments: [Duration.microseconds(30), .seconds(60)]) func noPlaceIsLost(longestWait: Duration) async throws {
        let timer = CallTimer(time: SystemTime())
        let bulkhead = Bulkhead(limit: 3, queue: 6, longestWait: longestWait, timer: timer)
        let (gauge, refusals) = (Gauge(), Notes<BulkheadError.Reason>())
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 as Range<UInt64> {
                group.addTask {
                    let random = SeededRandom(seed: worker)
                    for _ in 0..<400 {
                        await Self.callAndPerhapsCancel(bulkhead, random, gauge, refusals)
                    }
                }
            }
        }
        let (most, total) = (await gauge.most, await gauge.total)
        #expect(most <= 3)
        #expect(total + refusals.all.count == 8 * 400, "each call either ran or was refused")
        #expect(total > 0)
        #expect(bulkhead.snapshot.running == 0)
        #expect(bulkhead.snapshot.waiting == 0)
        #expect(timer.count == 0)
        let first = try await bulkhead.acquire()
        let second = try await bulkhead.acquire()
        let third = try await bulkhead.acquire()
        #expect(bulkhead.snapshot.running == 3, "all three places are there")
        first.keep()
        second.keep()
        third.keep()
    }

    private static func callAndPerhapsCancel(
        _ bulkhead: Bulkhead, _ random: SeededRandom, _ gauge: Gauge, _ refusals: Notes<BulkheadError.Reason>
    ) async {
        let (work, patience) = (random.next(below: 4), random.next(below: 8))
        let call = Task {
            do {
                try await bulkhead.run {
                    await gauge.enter()
                    for _ in 0..<work { await Task.yield() }
                    await gauge.leave()
                }
            } catch let error as BulkheadError {
                refusals.note(error.reason)
            }
        }
        for _ in 0..<patience { await Task.yield() }
        if random.next(below: 2) == 0 { call.cancel() }
        _ = await call.result
    }
}
