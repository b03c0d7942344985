import Determinism
import Testing

@testable import CircuitBreaking

/// Calls that are slow while they still run.
@Suite("Running calls")
struct RunningCallsTests {
    private func bench(countsRunningCalls: Bool = true) -> MachineBench {
        MachineBench {
            $0.window = .calls(10)
            $0.failureRate = nil
            $0.slowRate = SlowRateRule(
                threshold: .seconds(2), percent: 50, minimumCalls: 4, countsRunningCalls: countsRunningCalls)
        }
    }

    @Test func callsThatHangOpenTheCircuitWhileTheyHang() throws {
        let bench = bench()
        let tickets = try (0..<4).map { _ in try bench.begin() }
        bench.pass(.nanoseconds(1_999_999_999))
        bench.observe()
        #expect(bench.state == .closed)
        bench.pass(.nanoseconds(1))
        bench.observe()
        #expect(bench.lastReason == .slowRate(percent: 100, calls: 4))
        #expect(bench.totals.overdue == 4 && bench.totals.slow == 0)
        for ticket in tickets { #expect(bench.record(ticket, .success) == .stale) }
        #expect(bench.totals.slow == 4)
    }

    @Test func theNextCallNotices() throws {
        let bench = bench()
        for _ in 0..<4 { _ = try bench.begin() }
        bench.pass(.seconds(2))
        #expect(bench.rejection()?.reason == .open)
    }

    @Test func theNextOutcomeNotices() throws {
        for outcome in [CallOutcome.success, .failure(), .ignored] {
            let bench = bench()
            for _ in 0..<4 { _ = try bench.begin() }
            bench.pass(.seconds(1))
            let ticket = try bench.begin()
            bench.pass(.seconds(1))
            bench.record(ticket, outcome)
            #expect(bench.state == .open, "\(outcome)")
        }
    }

    @Test func aCallThatWasCountedWhileItRanIsNotCountedAgain() throws {
        let bench = bench()
        let hanging = try (0..<3).map { _ in try bench.begin() }
        bench.pass(.seconds(2))
        bench.observe()
        #expect(bench.totals.overdue == 3 && bench.state == .closed, "three are fewer than four")
        for ticket in hanging { #expect(bench.record(ticket, .success) == .counted) }
        #expect(bench.state == .closed, "they would be six")
        bench.call(.success)
        #expect(bench.lastReason == .slowRate(percent: 75, calls: 4))
    }

    @Test func aCallThatIsBackInTimeIsNotCountedLater() throws {
        let bench = bench()
        for _ in 0..<4 { bench.record(try bench.begin(), .ignored) }
        for _ in 0..<4 { bench.release(try bench.begin()) }
        bench.pass(.seconds(100))
        bench.observe()
        #expect(bench.totals.overdue == 0 && bench.state == .closed)
    }

    @Test func ifSaidSoCallsCountWhenTheyEnd() throws {
        let bench = bench(countsRunningCalls: false)
        let tickets = try (0..<4).map { _ in try bench.begin() }
        bench.pass(.seconds(100))
        bench.observe()
        #expect(bench.state == .closed && bench.totals.overdue == 0)
        for ticket in tickets.prefix(3) { #expect(bench.record(ticket, .success) == .counted) }
        #expect(bench.state == .closed)
        bench.record(tickets[3], .success)
        #expect(bench.state == .open)
    }

    @Test func callsFromBeforeAChangeAreNotWatchedAnyMore() throws {
        let bench = bench()
        for _ in 0..<8 { _ = try bench.begin() }
        bench.close()
        bench.pass(.seconds(100))
        bench.observe()
        #expect(bench.state == .closed && bench.totals.overdue == 0)
    }

    /// What is beyond the limit is not watched, and counts when it ends.
    @Test func asManyAsTheLimitAreWatched() throws {
        let bench = MachineBench {
            $0.window = .calls(10_000)
            $0.failureRate = nil
            $0.slowRate = SlowRateRule(threshold: .seconds(2), percent: 50, minimumCalls: 4_098)
        }
        let tickets = try (0..<4_098).map { _ in try bench.begin() }
        bench.pass(.seconds(2))
        bench.observe()
        #expect(bench.totals.overdue == 4_096 && bench.state == .closed)
        for ticket in tickets.prefix(4_097) { bench.record(ticket, .success) }
        #expect(bench.state == .closed)
        bench.record(tickets[4_097], .success)
        #expect(bench.lastReason == .slowRate(percent: 100, calls: 4_098))
    }

    // MARK: - The ring, beside a dictionary

    @Test(arguments: UInt64(0)..<60)
    func doesWhatADictionaryDoes(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var ring = RunningCalls()
        var model: [UInt64: Instant] = [:]
        var given: [UInt64] = []
        var (now, refused) = (Instant(nanoseconds: 0), 0)
        // Some let calls pile up until there is no place.
        let isGreedy = seed % 4 == 0
        let appetite: UInt64 = isGreedy ? 8 : 5
        for _ in 0..<(isGreedy ? 8_000 : 1_000) {
            now = now + .nanoseconds(Int64(random.next(below: 3)))
            switch random.next(below: 10) {
            case 0..<appetite:
                if let number = ring.begin(at: now) {
                    #expect(model.updateValue(now, forKey: number) == nil, "a number was given twice")
                    given.append(number)
                } else {
                    refused += 1
                    // The ring reaches from the oldest that runs to the newest; only if that is too far, one is
                    // refused.
                    let oldest = model.keys.min() ?? 0
                    #expect(given.last.map { $0 + 1 - oldest } == UInt64(RunningCalls.mostWatched))
                }
            case appetite..<9:
                guard let number = given.randomOne(random) else { continue }
                let (ended, wasThere) = (ring.end(number), model.removeValue(forKey: number) != nil)
                #expect(ended == wasThere)
            default:
                let limit = now + .nanoseconds(-Int64(random.next(below: 400)) - (isGreedy ? 6_000 : 0))
                let due = model.filter { $0.value <= limit }.keys
                var taken = 0
                while ring.takeOverdue(startedBy: limit) { taken += 1 }
                #expect(taken == due.count)
                for number in due { model[number] = nil }
            }
        }
        #expect(isGreedy == (refused > 0), "the limit was never met")
        var left = 0
        while ring.takeOverdue(startedBy: now) { left += 1 }
        #expect(left == model.count)
    }
}
