import Determinism
import Sagas
import Testing

/// Branches whose calls take semantic locks.
@Suite("Sagas, branches that wait for locks", .timeLimit(.minutes(1)))
struct SagaBranchLockTests {
    /// Each look that was made for such a step took it for somebody else's, and left its intent unwritten: looks
    /// without end, and a runtime that did not stop.
    @Test func callsSideBySideBeginOnceTheirLocksAreFree() async throws {
        let holder = Saga(Trip.self, "holder", version: 1)
            .effectless("hold", .local(.add(1, to: "held")), locks: { _ in ["a", "b"] })
            .awaiting("go", .signal("go", within: .seconds(60)) { _, _ in })
            .pivot("end", .local(.add(1, to: "ended"))).definition
        func branch(_ lock: String) -> SagaBranch<Trip, BeforePivot> {
            SagaBranch().effectless("call-\(lock)", .external { _, _ in .done(()) }, locks: { _ in [lock] })
        }
        let waiting = Saga(Trip.self, "waiting", version: 1)
            .parallel(branch("a"), branch("b"))
            .pivot("note", .local(.add(1, to: "noted"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(holder), AnySagaDefinition(waiting)])
            try await bench.running(runtime) {
                let first = try await bench.outcome(of: holder, in: runtime)
                #expect(first.state == .parked, "it holds both locks and waits")
                let second = try await bench.begin(waiting, in: runtime)
                try await poll(bench, second, "both branches wait") { $0.count { $0.hasSuffix(" waiting") } >= 2 }
                _ = try await runtime.signal(first.saga, of: bench.tenant, named: "go", token: "1", payload: "")
                try await poll(bench, second, "it ends") { $0.last?.hasSuffix(" ended") == true }
                let noted = try await bench.tally("noted")
                let history = try await bench.history(second)
                #expect(noted == 1, "\(history)")
            }
        }
    }

    /// Asks for the saga's history until it is as it should be.
    private func poll(
        _ bench: EngineBench, _ saga: SagaID, _ what: Comment, _ holds: ([String]) -> Bool
    ) async throws {
        let time = SystemTime()
        let deadline = time.instant() + .seconds(20)
        while try await !holds(bench.history(saga)) {
            guard time.instant() < deadline else {
                Issue.record(what)
                return
            }
            await Task.yield()
        }
    }
}
