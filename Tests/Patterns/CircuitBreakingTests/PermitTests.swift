import CircuitBreaking
import Determinism
import DeterminismTestKit
import Testing

/// Permits that are held by hand.
@Suite("Permits", .timeLimit(.minutes(1)))
struct PermitTests {
    private func drop(_ permit: consuming CircuitPermit) {}

    @Test func areUsedUpByAnOutcome() throws {
        let bench = try BreakerBench()
        let permit = try bench.breaker.acquire()
        #expect(!permit.ticket.isProbe && permit.ticket.generation == 0)
        let standing = permit.record(.success)
        #expect(standing == .counted)
        #expect(bench.totals.successes == 1 && bench.totals.dropped == 0)
    }

    @Test func oneThatIsDroppedSaysNothingAndIsCounted() throws {
        let bench = try BreakerBench()
        drop(try bench.breaker.acquire())
        #expect(bench.totals.dropped == 1 && bench.totals.ignored == 1 && bench.state == .closed)
    }

    @Test func aProbesPermitThatIsDroppedIsFreeAgain() throws {
        let bench = try BreakerBench()
        bench.breaker.open()
        bench.breaker.tryNow()
        for _ in 0..<5 {
            let permit = try bench.breaker.acquire()
            #expect(permit.ticket.isProbe)
            #expect(throws: CircuitOpenError.self) { _ = try bench.breaker.acquire() }
            drop(permit)
        }
        #expect(bench.state == .halfOpen && bench.totals.dropped == 5)
        try bench.breaker.acquire().record(.success)
        #expect(bench.state == .closed)
    }

    @Test func lateOutcomesAreSaidToBeStale() throws {
        let bench = try BreakerBench()
        let permit = try bench.breaker.acquire()
        bench.breaker.open()
        let standing = permit.record(.failure())
        #expect(standing == .stale && bench.totals.stale == 1)
    }

    @Test func operatorsDecideAtOnce() throws {
        let bench = try BreakerBench()
        bench.breaker.open(for: .seconds(5))
        #expect(throws: CircuitOpenError.self) { _ = try bench.breaker.acquire() }
        bench.time.advance(by: .seconds(5))
        try bench.breaker.acquire().record(.success)
        #expect(bench.state == .closed)
        bench.breaker.setMode(.forcedOpen)
        #expect(throws: CircuitOpenError.self) { _ = try bench.breaker.acquire() }
        bench.breaker.setMode(.disabled)
        for _ in 0..<10 { try bench.breaker.acquire().record(.failure()) }
        #expect(bench.state == .closed)
        bench.breaker.setMode(.observing)
        for _ in 0..<10 { try bench.breaker.acquire().record(.failure()) }
        #expect(bench.state == .open && bench.totals.wouldHaveRejected == 8 && bench.totals.rejections == 2)
    }

    /// Eight tasks at a half-open circuit: whatever they do, no more probes are out at once, and no more come to an
    /// end, than there are permits.
    @Test(arguments: [1, 3, 7])
    func manyTasksNeverGetMoreThanThereAre(permits: Int) async throws {
        let bench = try BreakerBench {
            $0.halfOpen = HalfOpenRule(permits: permits, percent: 100, deadline: .seconds(10))
        }
        let (time, breaker) = (bench.time, bench.breaker)
        for round in 0..<30 {
            breaker.close()
            breaker.open(for: .seconds(1))
            // The wait ends while they are at it.
            let out = Notes<(generation: UInt64, isOut: Bool)>()
            let counts = await withTaskGroup(of: [UInt64: Int].self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        let random = SeededRandom(seed: UInt64(round * 8 + worker))
                        var kept: [UInt64: Int] = [:]
                        for step in 0..<60 {
                            if worker == 0, step == 5 { time.advance(by: .seconds(1)) }
                            guard let permit = try? breaker.acquire() else { continue }
                            guard permit.ticket.isProbe else {
                                permit.record(.success)
                                continue
                            }
                            let generation = permit.ticket.generation
                            out.note((generation, true))
                            if random.next(below: 4) == 0 { await Task.yield() }
                            // Most say nothing, so that permits go around.
                            if random.next(below: 8) > 0 {
                                out.note((generation, false))
                                permit.record(.ignored)
                            } else {
                                kept[generation, default: 0] += 1
                                permit.record(.failure())
                            }
                        }
                        return kept
                    }
                }
                return await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
            }
            for (generation, count) in counts {
                #expect(count <= permits, "\(count) came to an end in generation \(generation)")
            }
            // Noted as out after it was given, and as in before it was given back: never more than permits at once.
            var present: [UInt64: Int] = [:]
            for note in out.all {
                present[note.generation, default: 0] += note.isOut ? 1 : -1
                #expect(present[note.generation, default: 0] <= permits)
            }
            #expect(!out.all.isEmpty, "nobody got through")
        }
        let totals = bench.totals
        #expect(totals.dropped == 0 && totals.stale == 0 && totals.expiredProbes == 0)
    }
}
