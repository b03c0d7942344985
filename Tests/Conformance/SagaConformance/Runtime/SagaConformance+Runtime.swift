import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Synchronization
import Testing

/// Whole sagas in one process.
extension SagaConformance {
    static let runtime = [
        SagaBehavior("local steps are one commit each", local),
        SagaBehavior("a report says how far the database had come to whom it is of use", position),
        SagaBehavior("an external step rides between two commits", external),
        SagaBehavior("a call without an answer is made again under its key", unanswered),
        SagaBehavior("branches are worked on and undone side by side", parallel),
        SagaBehavior("a refusal undoes in reverse, and takes its own changes back", compensation),
        SagaBehavior("a signal is taken once, and may come first", signal),
        SagaBehavior("a saga whose time is up turns back", deadline),
        SagaBehavior("a saga is canceled before its pivot and not after it", cancel),
    ]

    private static func local(_ bench: SagaBench) async throws {
        let saga = Saga(Diary.self, "local", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .pivot("ticket", .local(.add(1, to: "ticket"))).retriable("mail", .local(.add(1, to: "mail"))).definition
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            let report = try await bench.outcome(of: saga, in: runtime)
            #expect(report.state == .succeeded)
            #expect(report.value(as: Diary.self)?.done == ["+seat", "+ticket", "+mail"])
            let history = try await bench.history(report.saga)
            #expect(history == ["seat began", "seat completed", "ticket completed", "mail completed", "mail ended"])
            let record = try await bench.record(report.saga)
            #expect(record.state == .succeeded && record.owner == nil && record.epoch == 1)
            #expect(bench.trouble.all == [])
        }
        for name in ["seat", "ticket", "mail"] { #expect(try await bench.count(name) == 1) }
    }

    private static func position(_ bench: SagaBench) async throws {
        let saga = Saga(Diary.self, "local", version: 1).pivot("ticket", .local(.add(1, to: "ticket"))).definition
        for reports in [false, true] {
            let runtime = bench.runtime([AnySagaDefinition(saga)], leases: nil) { $0.reportsPositions = reports }
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                let trail = CommitTrail()
                let key = Count.key(1, "ticket")
                _ = try await bench.first.lane.submit(
                    OneCommit([.row(key)]) { work, _ in work[key]?.value }, tenant: bench.tenant(),
                    deadline: SystemTime().instant() + .seconds(60), trail: trail)
                #expect((report.position != nil) == (reports && trail.position != nil))
                if let position = report.position, let later = trail.position { #expect(position <= later) }
            }
        }
    }

    private static func paying(
        _ bank: Bank, _ policy: StepPolicy = StepPolicy(),
        _ call: @escaping @Sendable (StepContext) async -> ExternalCallMachine<Void>.CallResult
    ) -> SagaDefinition<Diary> {
        Saga(Diary.self, "paying", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .compensatable(
                "pay", .external { _, context in await call(context) },
                undo: .external { _, context in bank.call(context) }, policy: policy
            )
            .pivot("ticket", .local(.add(1, to: "ticket"))).definition
    }

    private static func external(_ bench: SagaBench) async throws {
        let bank = Bank()
        let saga = paying(bank) { bank.call($0) }
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            let report = try await bench.outcome(of: saga, in: runtime)
            #expect(report.state == .succeeded)
            let history = try await bench.history(report.saga)
            #expect(
                history == [
                    "seat began", "seat completed", "pay intended", "pay completed", "ticket completed", "ticket ended",
                ])
        }
        #expect(bank.calls.all == ["pay at 1"] && bank.all.count == 1)
    }

    private static func unanswered(_ bench: SagaBench) async throws {
        let bank = Bank()
        let policy = StepPolicy {
            ($0.backoff, $0.calls.pause) = (SagaBackoff(first: .milliseconds(1), longest: .milliseconds(5)), .zero)
        }
        let saga = paying(bank, policy) { context in
            bank.book(context)
            return bank.calls.all.count < 5 ? .unknown("no answer") : .done(())
        }
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            let report = try await bench.outcome(of: saga, in: runtime)
            #expect(report.state == .succeeded)
        }
        #expect(bank.calls.all.count == 5 && bank.all.values.map { $0 } == [1], "one key, one effect")
    }

    private static func parallel(_ bench: SagaBench) async throws {
        let together = Atomic(0)
        let most = Atomic(0)
        @Sendable func call() async -> ExternalCallMachine<Void>.CallResult {
            most.max(together.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
            let deadline = SystemTime().instant() + .seconds(10)
            while most.load(ordering: .relaxed) < 3, SystemTime().instant() < deadline { await Task.yield() }
            together.subtract(1, ordering: .relaxed)
            return .done(())
        }
        func branch(_ name: String) -> SagaBranch<Diary, BeforePivot> {
            SagaBranch()
                .compensatable(
                    "call-\(name)", .external { _, _ in await call() }, undo: .local(.add(-1, to: "undone"))
                )
                .compensatable("note-\(name)", .local(.add(1, to: name)), undo: .local(.add(-1, to: name)))
        }
        let saga = Saga(Diary.self, "parallel", version: 1)
            .parallel(branch("x"), branch("y"), branch("z"))
            .pivot("end", .local(.refusing("no", touching: "end"))).definition
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            let report = try await bench.outcome(of: saga, in: runtime)
            #expect(report.state == .compensated && report.value(as: Diary.self)?.done.count == 9)
        }
        #expect(most.load(ordering: .relaxed) == 3, "the branches' calls were not under way together")
        for name in ["x", "y", "z"] { #expect(try await bench.count(name) == 0) }
        #expect(try await bench.count("undone") == -3)
    }

    private static func compensation(_ bench: SagaBench) async throws {
        let bank = Bank()
        let saga = Saga(Diary.self, "undoing", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .compensatable(
                "b", .external { _, context in bank.call(context) },
                undo: .external { _, context in bank.call(context) }
            )
            .compensatable("c", .local(.add(1, to: "c")), undo: .local(.add(-1, to: "c")))
            .pivot("d", .local(.refusing("sold out", touching: "d"))).definition
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            let report = try await bench.outcome(of: saga, in: runtime)
            #expect(report.state == .compensated && report.reason == "d: sold out")
            #expect(report.value(as: Diary.self)?.done == ["+a", "+c", "-c", "-a"])
            let undone = try await bench.history(report.saga).filter { $0.hasSuffix(" compensated") }
            #expect(undone == ["c compensated", "b compensated", "a compensated"])
        }
        #expect(bank.calls.all == ["b at 1", "b undo at 1"])
        for name in ["a", "c"] { #expect(try await bench.count(name) == 0) }
        #expect(try await bench.count("d") == nil, "what a refusing step has changed is taken back")
    }

    private static func signal(_ bench: SagaBench) async throws {
        let saga = Definitions.approval
        let (one, other) = (
            bench.runtime([AnySagaDefinition(saga)]),
            bench.runtime([AnySagaDefinition(saga)], at: bench.second)
        )
        try await bench.running(one, other) {
            let report = try await bench.outcome(of: saga, in: one)
            #expect(report.state == .parked, "it waits without a worker")
            func signal(_ saga: SagaID, _ token: String) async throws -> SignalSaga.Outcome {
                try await other.signal(saga, of: bench.tenant(), named: "approved", token: token, payload: token)
            }
            #expect(try await signal(report.saga, "anna") == .accepted(wakes: true))
            try await bench.eventually(.succeeded, report.saga)
            #expect(try await signal(report.saga, "anna") == .repeated)
            #expect(try await signal(report.saga, "ben") == .ended)
            #expect(try await signal(SagaID(bench.newID()), "anna") == .unknown)
            let misnamed = try await other.signal(
                report.saga, of: bench.tenant(), named: "approvd", token: "1")
            #expect(misnamed == .ended)
        }
        #expect(try await bench.count("granted") == 1)
    }

    private static func deadline(_ bench: SagaBench) async throws {
        let saga = Saga(Diary.self, "hasty", version: 1, deadline: .milliseconds(200))
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .awaiting("wait", .signal("go")).pivot("b", .local(.add(1, to: "b"))).definition
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            try await bench.eventually(.compensated, try await bench.begin(saga, in: runtime))
        }
        #expect(try await bench.count("a") == 0)
        #expect(try await bench.count("b") == nil)
    }

    private static func cancel(_ bench: SagaBench) async throws {
        let saga = Saga(Diary.self, "cancelable", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .awaiting("wait", .signal("go")).pivot("b", .local(.add(1, to: "b")))
            .awaiting("rest", .signal("end")).retriable("c", .local(.add(1, to: "c"))).definition
        let (one, other) = (
            bench.runtime([AnySagaDefinition(saga)]),
            bench.runtime([AnySagaDefinition(saga)], at: bench.second)
        )
        try await bench.running(one, other) {
            let first = try await bench.outcome(of: saga, in: one).saga
            let second = try await bench.outcome(of: saga, in: one).saga
            func cancel(_ saga: SagaID) async throws -> DirectSaga.Outcome {
                try await other.direct(.cancel, saga, of: bench.tenant(), by: "owner", because: "changed my mind")
            }
            #expect(try await cancel(first) == .accepted)
            try await bench.eventually(.compensated, first)
            #expect(try await bench.history(first).contains("wait directed"))
            _ = try await other.signal(second, of: bench.tenant(), named: "go", token: "1")
            try await bench.eventually("the pivot is done") { try await bench.count("b") == 1 }
            guard case .refused(let reason) = try await cancel(second) else {
                Issue.record("a saga past its pivot was canceled")
                return
            }
            #expect(reason.contains("no way back"))
            _ = try await one.signal(second, of: bench.tenant(), named: "end", token: "1")
            try await bench.eventually(.succeeded, second)
        }
        #expect(try await bench.count("a") == 1)
    }
}
