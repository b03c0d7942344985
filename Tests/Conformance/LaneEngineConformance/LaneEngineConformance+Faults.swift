import Determinism
import DeterminismTestKit
import Storage
import Testing

/// Commits that are made to go wrong: whatever the engine is, nothing is written twice, lost or left locked.
extension LaneEngineConformance {
    func faults() async throws {
        try await failedCommits()
        try await lostAnswer()
        for phase in [CommitPhase.before, .after] { try await pausedServer(phase) }
    }

    /// Each of three commits fails in turn, with nothing written; the other server then writes the same rows at once.
    private func failedCommits() async throws {
        let count = try await commits(of: 200) { _ in nil }.count
        #expect(count == 3)
        for failing in 1...3 {
            let base = 200 + 10 * UInt64(failing)
            let (seen, failures) = try await commits(of: base) { $0 == failing ? .failure() : nil }
            #expect(seen == 3)
            #expect(failures == [failing: .unavailable("the database is unavailable: the commit was made to fail")])
            let written = try await outsider.jars().map(\.id.low).filter { (base..<base + 10).contains($0) }
            #expect(written == (1...3 as ClosedRange<UInt64>).filter { $0 != failing }.map { base + $0 })
            try await withLane(second) { lane in
                let before = try await submit(put(Jar(base + UInt64(failing), 9)), lane)
                #expect(before == nil, "neither there nor locked")
            }
        }
    }

    /// Puts three jars, one after the other.
    private func commits(
        of base: UInt64, _ faults: @escaping @Sendable (Int) -> CommitFault?
    ) async throws -> (count: Int, failures: [Int: LaneFailure]) {
        let engine = FaultyLaneEngine(first, faults: faults)
        var failures: [Int: LaneFailure] = [:]
        try await withLane(engine) { lane in
            for index in 1...3 {
                do throws(LaneFailure) { _ = try await submit(put(Jar(base + UInt64(index), 1)), lane) } catch {
                    failures[index] = error
                }
                let absent = try await load(base, lane)
                #expect(absent == nil, "and a batch that writes nothing is no commit")
            }
        }
        return (engine.commitCount, failures)
    }

    /// The commit has happened, and its callers do not know.
    private func lostAnswer() async throws {
        let trail = CommitTrail()
        try await withLane(FaultyLaneEngine(first) { $0 == 1 ? .lostAnswer : nil }) { lane in
            await #expect(throws: LaneFailure.unknown("the answer of the commit was lost")) {
                _ = try await lane.submit(
                    put(Jar(300, 1)), tenant: nil, deadline: SystemTime().instant() + .seconds(60), trail: trail)
            }
            #expect(trail.position == nil)
            let written = try await load(300, lane)
            let replaced = try await submit(put(Jar(300, 2)), lane)
            #expect(written?.amount == 1 && replaced?.amount == 1, "the lane goes on")
        }
        #expect(try await outsider.version(ofJar: 300) == 2)
    }

    /// A server stands still before or after its commit, while the other one writes the row that both want.
    private func pausedServer(_ phase: CommitPhase) async throws {
        let number = phase == .before ? 310 : 311 as UInt64
        let paused = Notes<@Sendable () -> Void>()
        let engine = FaultyLaneEngine(first) { $0 == 1 ? .pause(phase) { paused.note($0) } : nil }
        try await withLane(engine) { one in
            try await withLane(second) { two in
                async let late = submit(add(1, to: number), one)
                await eventually("the first server stands still") { !paused.all.isEmpty }
                let other = try await submit(add(10, to: number), two)
                #expect(other == (phase == .before ? 10 : 11))
                for goOn in paused.all { goOn() }
                let own = try await late
                #expect(own == (phase == .before ? 11 : 1))
            }
        }
        #expect(paused.all.count == 1)
        #expect(try await outsider.version(ofJar: number) == 2)
    }

    private func add(_ amount: Int64, to number: UInt64) -> ClosureCommand<Int64> {
        ClosureCommand([.row(Jar.key(number))]) { work, _ in
            var jar = work[Jar.key(number)] ?? Jar(number, 0)
            jar.amount += amount
            work.put(jar)
            return .commit(jar.amount)
        }
    }
}
