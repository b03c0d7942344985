import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Synchronization
import Testing

/// Sagas by their definitions, on a database: forward, back, side by side, waiting.
@Suite("SagaEngine", .timeLimit(.minutes(1)))
struct SagaEngineTests {
    @Test func localStepsAreOneCommitEach() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .pivot("ticket", .local(.add(1, to: "ticket")))
            .retriable("mail", .local(.add(1, to: "mail")))
            .definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .succeeded)
                #expect(report.value(as: Trip.self)?.done == ["+seat", "+ticket", "+mail"])
                let history = try await bench.history(report.saga)
                #expect(
                    history == ["seat began", "seat completed", "ticket completed", "mail completed", "mail ended"])
            }
            #expect(try await bench.tally("mail") == 1)
            #expect(bench.trouble.all == [])
        }
    }

    @Test func refusalUndoesInReverseAndTakesItsOwnChangesBack() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .compensatable("b", .local(.add(1, to: "b")), undo: .local(.add(-1, to: "b")))
            .pivot("c", .local(.refusing("sold out", touching: "c")))
            .definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .compensated && report.reason == "c: sold out")
                #expect(report.value(as: Trip.self)?.done == ["+a", "+b", "why", "-b", "-a"])
            }
            #expect(try await bench.tally("a") == 0)
            #expect(try await bench.tally("b") == 0)
            #expect(try await bench.tally("c") == nil, "what a refusing step has changed is taken back")
        }
    }

    /// The other side of an external step, as it really keeps its books.
    final class Bank: Sendable {
        private let books = Mutex<[String: String]>([:])
        let calls = Notes<String>()
        var all: [String: String] { books.withLock { $0 } }

        func book(_ key: String, _ what: String) { books.withLock { $0[key] = what } }
        func has(_ key: String) -> Bool { books.withLock { $0[key] != nil } }
    }

    private func paying(
        _ bank: Bank, undoing: @escaping @Sendable (StepContext) -> ExternalCallMachine<Void>.CallResult,
        _ call: @escaping @Sendable (StepContext) -> ExternalCallMachine<Void>.CallResult
    ) -> SagaDefinition<Trip> {
        let policy = StepPolicy {
            ($0.attemptLimit, $0.backoff) = (2, SagaBackoff(first: .milliseconds(1), longest: .milliseconds(2)))
            ($0.calls.callLimit, $0.calls.pause) = (2, .milliseconds(1))
        }
        return Saga(Trip.self, "trip", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .compensatable(
                "pay",
                .external { _, context in
                    bank.calls.note("pay \(context.key == context.forwardKey) \(context.isCompensation)")
                    return call(context)
                },
                undo: .external { _, context in
                    bank.calls.note("undo certain: \(context.isCertain)")
                    return undoing(context)
                }, policy: policy
            )
            .pivot("ticket", .local(.add(1, to: "ticket"))).definition
    }

    @Test func externalStepRidesBetweenTwoCommits() async throws {
        let bank = Bank()
        let saga = paying(bank, undoing: { _ in .done(()) }) { context in
            bank.book(context.key, "paid")
            return .done(())
        }
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .succeeded)
                let history = try await bench.history(report.saga)
                #expect(
                    history == [
                        "seat began", "seat completed", "pay intended", "pay completed", "ticket completed",
                        "ticket ended",
                    ])
            }
            #expect(bank.calls.all == ["pay true false"] && bank.all.count == 1)
        }
    }

    @Test func refusedCallIsNotUndoneButWhatWasBeforeItIs() async throws {
        let bank = Bank()
        let saga = paying(bank, undoing: { _ in .done(()) }) { _ in .refused(code: "declined", reason: "no money") }
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .compensated && report.reason == "pay: declined: no money")
            }
            #expect(bank.calls.all == ["pay true false"])
            #expect(try await bench.tally("seat") == 0)
        }
    }

    /// Seata's empty rollback: whoever gives up an unknown call undoes it, without knowing whether there is anything.
    @Test func unknownCallIsCompensatedThoughNobodyKnowsWhetherItWas() async throws {
        let bank = Bank()
        let saga = paying(bank, undoing: { _ in .done(()) }) { _ in .unknown("no answer") }
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .compensated)
            }
            #expect(bank.calls.all.last == "undo certain: false")
            #expect(try await bench.tally("seat") == 0)
        }
    }

    /// Eventuate Tram #75, Seata #2861: a failed compensation blocks the rest.
    @Test func failedCompensationDoesNotKeepTheOthersFromRunning() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .compensatable(
                "pay", .local(.add(1, to: "pay")),
                undo: .external { _, _ in .refused(code: "closed", reason: "the account is closed") }
            )
            .pivot("ticket", .local(.refusing("sold out", touching: "ticket"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .stuck && report.reason == "the compensation of “pay” was given up")
                #expect(try await bench.tally("seat") == 0, "the step before it is undone all the same")
                // An operator has given the money back by hand.
                let directed = try await runtime.direct(
                    .force(step: "pay"), report.saga, of: bench.tenant, by: "olga", because: "paid in cash")
                #expect(directed == .accepted)
                await eventuallyState(.compensated, of: report.saga, bench)
                #expect(try await bench.history(report.saga).contains("pay directed"))
            }
        }
    }

    private func eventuallyState(_ state: SagaStateMachine.State, of saga: SagaID, _ bench: EngineBench) async {
        let archive = SQLSagaArchive(database: bench.database)
        let deadline = SystemTime().instant() + .seconds(20)
        while SystemTime().instant() < deadline {
            if let record = try? await archive.saga(saga, of: 1), record.state == state { return }
            await Task.yield()
        }
        let record = try? await archive.saga(saga, of: 1)
        Issue.record("the saga is \(record?.state.rawValue ?? "gone"), not \(state.rawValue)")
    }

    @Test func branchesAreWorkedOnAndUndoneSideBySide() async throws {
        let policy = StepPolicy { $0.backoff = SagaBackoff(first: .milliseconds(1), longest: .milliseconds(1)) }
        let together = Mutex(0)
        let most = Mutex(0)
        @Sendable func call(_ context: StepContext) async -> ExternalCallMachine<Void>.CallResult {
            let now = together.withLock { count in
                count += 1
                return count
            }
            most.withLock { $0 = max($0, now) }
            // For as long as a busy machine may take to begin all three.
            let deadline = SystemTime().instant() + .seconds(5)
            while most.withLock({ $0 }) < 3, SystemTime().instant() < deadline { await Task.yield() }
            together.withLock { $0 -= 1 }
            return .done(())
        }
        func branch(_ name: String) -> SagaBranch<Trip, BeforePivot> {
            SagaBranch()
                .compensatable(
                    "call-\(name)", .external { _, context in await call(context) },
                    undo: .local(.add(-1, to: "undone")), policy: policy
                )
                .compensatable("note-\(name)", .local(.add(1, to: name)), undo: .local(.add(-1, to: name)))
        }
        let saga = Saga(Trip.self, "trip", version: 1)
            .parallel(branch("x"), branch("y"), branch("z"))
            .pivot("end", .local(.refusing("no", touching: "end"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .compensated)
                #expect(most.withLock { $0 } == 3, "the branches' calls were not under way together")
                let done = report.value(as: Trip.self)?.done ?? []
                #expect(done.count == 10, "\(done)")
            }
            for name in ["x", "y", "z"] { #expect(try await bench.tally(name) == 0) }
            #expect(try await bench.tally("undone") == -3)
        }
    }

    @Test func signalWakesTheSagaAndMayComeFirst() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .awaiting("approval", .signal("approved", within: .seconds(60)) { $1.done.append("by \($0)") })
            .pivot("b", .local(.add(1, to: "b"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .parked, "it waits without a worker")
                func signal(_ token: String) async throws -> SignalSaga.Outcome {
                    try await runtime.signal(
                        report.saga, of: bench.tenant, named: "approved", token: token, payload: "anna")
                }
                #expect(try await signal("1") == .accepted(wakes: true))
                await eventuallyState(.succeeded, of: report.saga, bench)
                #expect(try await signal("1") == .repeated)
                #expect(try await signal("2") == .ended)
                #expect(try await bench.tally("b") == 1)
            }
        }
    }

    @Test func signalThatDoesNotComeTurnsTheSagaBack() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .awaiting("approval", .signal("approved", within: .milliseconds(50)))
            .pivot("b", .local(.add(1, to: "b"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let id = try await bench.begin(saga, in: runtime)
                await eventuallyState(.compensated, of: id, bench)
                #expect(try await bench.tally("a") == 0)
            }
        }
    }

    @Test func semanticLockIsHandedOnInOrder() async throws {
        let policy = StepPolicy { $0.lockPatience = .seconds(30) }
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable(
                "edit", .local(.add(1, to: "edits")), undo: .local(.add(-1, to: "edits")), policy: policy,
                locks: { _ in ["document"] }
            )
            .awaiting("saved", .signal("saved"))
            .pivot("publish", .local(.add(1, to: "published"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let first = try await bench.begin(saga, in: runtime)
                await eventuallyState(.parked, of: first, bench)
                let second = try await bench.begin(saga, in: runtime)
                let third = try await bench.begin(saga, in: runtime)
                let archive = SQLSagaArchive(database: bench.database)
                let deadline = SystemTime().instant() + .seconds(10)
                while try await archive.locks(["document"], of: 1).first?.waiting != [second, third] {
                    try #require(SystemTime().instant() < deadline)
                }
                #expect(try await archive.locks(["document"], of: 1).first?.holder == first)
                #expect(try await bench.tally("edits") == 1)
                for saga in [first, second, third] {
                    _ = try await runtime.signal(saga, of: bench.tenant, named: "saved", token: "s")
                    await eventuallyState(.succeeded, of: saga, bench)
                }
                #expect(try await bench.tally("edits") == 3)
                #expect(try await archive.locks(["document"], of: 1) == [], "nobody holds it any more")
            }
        }
    }

    @Test func sameKeyIsTheSameSaga() async throws {
        let saga = Saga(Trip.self, "trip", version: 1).pivot("a", .local(.add(1, to: "a"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let first = try await bench.begin(saga, key: "k", in: runtime)
                let second = try await bench.begin(saga, key: "k", in: runtime)
                let other = try await bench.begin(saga, key: "l", in: runtime)
                #expect(first == second && first != other)
                #expect(try await bench.tally("a") == 2)
            }
        }
    }

    @Test func cancelUndoesBeforeThePivotAndIsRefusedAfterIt() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .awaiting("wait", .signal("go"))
            .pivot("b", .local(.add(1, to: "b")))
            .awaiting("rest", .signal("end"))
            .retriable("c", .local(.add(1, to: "c"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let first = try await bench.outcome(of: saga, in: runtime).saga
                let second = try await bench.outcome(of: saga, in: runtime).saga
                func cancel(_ id: SagaID) async throws -> DirectSaga.Outcome {
                    try await runtime.direct(.cancel, id, of: bench.tenant, by: "owner", because: "changed my mind")
                }
                #expect(try await cancel(first) == .accepted)
                await eventuallyState(.compensated, of: first, bench)
                _ = try await runtime.signal(second, of: bench.tenant, named: "go", token: "1")
                let deadline = SystemTime().instant() + .seconds(10)
                while try await bench.tally("b") != 1 { try #require(SystemTime().instant() < deadline) }
                guard case .refused(let reason) = try await cancel(second) else {
                    Issue.record("a saga past its pivot was canceled")
                    return
                }
                #expect(reason.contains("no way back"))
                _ = try await runtime.signal(second, of: bench.tenant, named: "end", token: "1")
                await eventuallyState(.succeeded, of: second, bench)
            }
        }
    }

    /// A trap: what a step needs was looked up as of the row's last change, when its pause was not over yet.
    @Test func localStepThatIsPutOffIsTakenUpAgainWithItsRows() async throws {
        let isOpen = Flag()
        let policy = StepPolicy {
            $0.backoff = SagaBackoff(first: .milliseconds(20), longest: .milliseconds(20), jitter: 0)
        }
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .pivot(
                "b",
                .local(needing: { _, _, context in [.row(TallyRecord.key(context.organization, "b"))] }) {
                    work, trip, context in
                    guard isOpen.isRaised else {
                        isOpen.raise()
                        return .later("closed")
                    }
                    let key = TallyRecord.key(context.organization, "b")
                    work.put(TallyRecord(organization: context.organization, name: "b", value: work[key]?.value ?? 1))
                    return .done
                }, policy: policy
            ).definition
        try await EngineBench.with { bench in
            // Without patience the saga is put aside and taken up by a commit that decides the step.
            let runtime = bench.runtime([AnySagaDefinition(saga)]) { $0.patience = .zero }
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .parked)
                await eventuallyState(.succeeded, of: report.saga, bench)
                #expect(try await bench.tally("b") == 1)
            }
        }
    }
}
