import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Testing

/// What must not go on for ever: calls that hang, and what ended long ago.
@Suite("Sagas: limits of time", .timeLimit(.minutes(1)))
struct SagaTimeLimitTests {
    private func calling(
        _ action: SagaAction<Trip>, undo: SagaAction<Trip>, _ change: (inout StepPolicy) -> Void
    ) -> SagaDefinition<Trip> {
        var policy = StepPolicy()
        policy.backoff = SagaBackoff(first: .milliseconds(1), longest: .milliseconds(2))
        // A call that is answered at once has to be over by then, on a busy machine too.
        (policy.calls.pause, policy.calls.timeout) = (.milliseconds(1), .milliseconds(500))
        change(&policy)
        return Saga(Trip.self, "trip", version: 1)
            .compensatable("pay", action, undo: undo, policy: policy)
            .pivot("ticket", .local(.add(1, to: "ticket"))).definition
    }

    /// It does not heed its cancellation either: nobody may wait for it.
    @Test func callThatHangsIsUnknownAndMadeAgainUnderItsKey() async throws {
        let (gate, keys) = (Gate(), Notes<String>())
        let saga = calling(
            .external { _, context in
                keys.note(context.key)
                if keys.all.count == 1 { await gate.pass() }
                return .done(())
            }, undo: .external { _, _ in .done(()) }
        ) { _ in }
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .succeeded)
                #expect(keys.all == Array(repeating: "\(report.saga)/pay", count: 2))
            }
            #expect(try await bench.tally("ticket") == 1)
        }
        gate.open()
    }

    /// A call that was given up may still arrive: its compensation must know that it cannot be sure.
    @Test func callThatAlwaysHangsIsGivenUpAndUndoneAsUncertain() async throws {
        let (gate, undone) = (Gate(), Notes<Bool>())
        let saga = calling(
            .external { _, _ in
                await gate.pass()
                return .done(())
            },
            undo: .external { _, context in
                undone.note(context.isCertain)
                return .done(())
            }
        ) { ($0.attemptLimit, $0.calls.callLimit) = (2, 1) }
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .compensated)
                #expect(report.reason == "pay was given up: no answer within 0.5 seconds")
            }
            #expect(undone.all == [false])
            #expect(try await bench.tally("ticket") == nil)
        }
        gate.open()
    }

    @Test func compensationThatHangsIsMadeAgainUnderItsKey() async throws {
        let (gate, undone) = (Gate(), Notes<String>())
        let policy = StepPolicy {
            $0.backoff = SagaBackoff(first: .milliseconds(1), longest: .milliseconds(2))
            ($0.calls.pause, $0.calls.timeout) = (.milliseconds(1), .milliseconds(500))
        }
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable(
                "pay", .external { _, _ in .done(()) },
                undo: .external { _, context in
                    undone.note(context.key)
                    if undone.all.count == 1 { await gate.pass() }
                    return .done(())
                }, policy: policy
            )
            .pivot("ticket", .local(.refusing("sold out", touching: "ticket"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .compensated)
                #expect(undone.all == Array(repeating: "\(report.saga)/pay/undo", count: 2))
            }
        }
        gate.open()
    }

    /// The worker waited for the step's long pause and the row for the near deadline: it wrote commit after commit
    /// until then.
    @Test func nearDeadlineDuringALongPauseIsWaitedForWithoutCommits() async throws {
        let policy = StepPolicy { $0.backoff = SagaBackoff(first: .seconds(60), longest: .seconds(60)) }
        let saga = Saga(Trip.self, "trip", version: 1, deadline: .milliseconds(300))
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .effectless("table", .local { _, _, _ in .later("none is free") }, policy: policy)
            .pivot("ticket", .local(.add(1, to: "ticket"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)]) { $0.patience = .seconds(2) }
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .compensated && report.reason == "its time was up")
            }
            let commits = try await bench.database.read(SQLStatement("SELECT version FROM sagas"), .strong)
                .first?.integer(0)
            #expect(commits.map { $0 <= 6 } == true, "\(commits as Any)")
        }
    }

    @Test func whatEndedLongAgoIsForgottenWhileARuntimeRuns() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .pivot("ticket", .local(.add(1, to: "ticket"))).definition
        try await EngineBench.with { bench in
            let keeping = bench.runtime([AnySagaDefinition(saga)])
            let ended = Notes<SagaID>()
            try await bench.running(keeping) {
                for number in 0..<3 {
                    ended.note(try await bench.outcome(of: saga, key: "\(number)", in: keeping).saga)
                }
            }
            #expect(try await keeping.archive.sagas(SagaFilter()).count == 3, "for ever, unless it is asked for")
            let forgetting = bench.runtime([AnySagaDefinition(saga)]) {
                ($0.retention, $0.pruneInterval) = (.milliseconds(1), .milliseconds(5))
            }
            try await bench.running(forgetting) {
                var kept = 3
                let end = SystemTime().instant() + .seconds(20)
                while kept > 0, SystemTime().instant() < end {
                    kept = try await forgetting.archive.sagas(SagaFilter()).count
                }
                #expect(kept == 0)
                let report = try await bench.outcome(of: saga, key: "0", in: forgetting)
                #expect(report.state == .succeeded && !ended.all.contains(report.saga), "its key is free again")
            }
        }
    }
}
