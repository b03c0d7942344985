import Determinism
import DeterminismTestKit
import Testing

@testable import CircuitBreaking

/// Those who listen to a breaker's changes.
@Suite("Listeners", .timeLimit(.minutes(1)))
struct ListenerTests {
    private func next(_ count: Int, of stream: AsyncStream<CircuitChange>) async -> [CircuitChange] {
        var changes: [CircuitChange] = []
        for await change in stream {
            changes.append(change)
            if changes.count == count { break }
        }
        return changes
    }

    @Test func hearOfEachChangeInItsOrder() async throws {
        let bench = try BreakerBench()
        let stream = bench.breaker.changes()
        await bench.fail(2)
        bench.time.advance(by: .seconds(30))
        try bench.breaker.acquire().record(.success)
        bench.breaker.setMode(.observing)
        let changes = await next(4, of: stream)
        #expect(changes.map(\.sequence) == [1, 2, 3, 4])
        #expect(changes.map(\.from) == [.closed, .open, .halfOpen, .closed])
        #expect(changes.map(\.to) == [.open, .halfOpen, .closed, .closed])
        #expect(
            changes.map(\.reason) == [
                .failureRate(percent: 100, calls: 2), .waitOver, .probesSucceeded, .operatorDecision,
            ])
        #expect(changes.map(\.mode) == [.automatic, .automatic, .automatic, .observing])
        #expect(changes.map(\.generation) == [1, 2, 3, 4])
        let start = Instant(nanoseconds: 0)
        #expect(changes.map(\.at) == [start] + Array(repeating: start + .seconds(30), count: 3))
        #expect(changes.map(\.retryAt) == [start + .seconds(30), nil, nil, nil])
    }

    @Test func allHearTheSameFromWhenTheyBegan() async throws {
        let bench = try BreakerBench()
        let early = bench.breaker.changes()
        bench.breaker.open()
        let late = bench.breaker.changes()
        bench.breaker.close()
        #expect(await next(2, of: early).map(\.sequence) == [1, 2])
        #expect(await next(1, of: late).map(\.sequence) == [2])
    }

    @Test func aSlowOneSeesAGap() async throws {
        let bench = try BreakerBench()
        let (slow, quick) = (bench.breaker.changes(bufferingNewest: 3), bench.breaker.changes())
        for _ in 0..<5 {
            bench.breaker.open()
            bench.breaker.close()
        }
        #expect(await next(3, of: slow).map(\.sequence) == [8, 9, 10], "the newest are kept")
        #expect(await next(10, of: quick).map(\.sequence) == Array(1...10), "which is nobody else's loss")
    }

    @Test(arguments: [0, -5])
    func oneThatKeepsNothingKeepsOne(limit: Int) async throws {
        let bench = try BreakerBench()
        let stream = bench.breaker.changes(bufferingNewest: limit)
        bench.breaker.open()
        bench.breaker.close()
        #expect(await next(1, of: stream).map(\.sequence) == [2])
    }

    @Test func oneThatLeavesIsForgottenAndTheOthersStay() async throws {
        let bench = try BreakerBench()
        let stays = bench.breaker.changes()
        do {
            let leaves = bench.breaker.changes()
            bench.breaker.open()
            #expect(await next(1, of: leaves).count == 1)
        }
        let breaker = bench.breaker
        let heard = Notes<UInt64>()
        let cancelled = Task { for await change in breaker.changes() { heard.note(change.sequence) } }
        await eventually("it listens") {
            breaker.close()
            return !heard.all.isEmpty
        }
        cancelled.cancel()
        await cancelled.value
        let count = heard.all.count
        breaker.open()
        #expect(heard.all.count == count)
        let sequence = breaker.snapshot.generation
        var last: UInt64 = 0
        for await change in stays {
            last = change.sequence
            if last == sequence { break }
        }
        #expect(last == sequence)
    }

    /// However many come and go: nothing of them stays.
    @Test func thoseWhoHaveLeftAreNotKept() async {
        let listeners = CircuitListeners()
        for _ in 0..<100 { _ = listeners.listen(bufferingNewest: 1) }
        #expect(listeners.count == 0)
        let stays = listeners.listen(bufferingNewest: 1)
        #expect(listeners.count == 1)
        withExtendedLifetime(stays) {}
    }

    /// The call that goes through tells; nobody waits for its outcome.
    @Test func hearOfAChangeByTheCallThatMakesIt() async throws {
        let bench = try BreakerBench()
        bench.breaker.open()
        let heard = Notes<CircuitState>()
        let stream = bench.breaker.changes()
        let listener = Task { for await change in stream { heard.note(change.to) } }
        bench.time.advance(by: .seconds(30))
        let permit = try bench.breaker.acquire()
        await eventually("it is told", within: .seconds(10)) { heard.all == [.halfOpen] }
        permit.record(.ignored)
        listener.cancel()
        await listener.value
    }

    @Test func theyHearTheEndWhenTheBreakerIsGone() async throws {
        var bench: BreakerBench? = try BreakerBench()
        let stream = try #require(bench).breaker.changes()
        bench?.breaker.open()
        bench = nil
        var changes = 0
        for await _ in stream { changes += 1 }
        #expect(changes == 1)
    }

    /// Eight tasks change it; each listener hears every change, in the order of its sequence.
    @Test func orderIsKeptWhoeverMakesTheChanges() async throws {
        let bench = try BreakerBench()
        let breaker = bench.breaker
        let streams = (0..<3).map { _ in breaker.changes(bufferingNewest: 10_000) }
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for step in 0..<200 { (worker + step) % 2 == 0 ? breaker.open() : breaker.close() }
                }
            }
        }
        for stream in streams {
            let changes = await next(1_600, of: stream)
            #expect(changes.map(\.sequence) == Array(1...1_600))
            #expect(zip(changes, changes.dropFirst()).allSatisfy { $0.to == $1.from })
        }
    }
}
