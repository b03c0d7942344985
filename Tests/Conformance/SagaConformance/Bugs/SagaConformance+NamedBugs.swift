import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Testing

/// What others' users have reported, each under the name of its thread.
extension SagaConformance {
    static let namedBugs = [
        SagaBehavior("DBOS #804, #805: the same executor id twice", sameExecutorTwice),
        SagaBehavior("DBOS #742: a stale list of pending work is executed again", staleList),
        SagaBehavior("Eventuate Tram #75, Seata #2861: a failed compensation blocks the rest", failedCompensation),
        SagaBehavior("Seata #6374, #7840: a call comes after its compensation (hanging)", hanging),
        SagaBehavior("Seata #5596: a compensation finds nothing to undo (empty rollback)", emptyRollback),
        SagaBehavior("Seata: every order and repetition of a call and its compensation ends alike", everyOrder),
    ]

    /// A process is restarted under its old name while the old one still hangs in a call: what that had begun is
    /// neither left behind, because “it is being worked on”, nor done twice.
    private static func sameExecutorTwice(_ bench: SagaBench) async throws {
        let (bank, gate, worker) = (Bank(), Gate(), bench.newWorker())
        let saga = Saga(Diary.self, "twice", version: 1)
            .pivot(
                "pay",
                .external { _, context in
                    if context.epoch == 1 { await gate.pass() }
                    return bank.call(context)
                }
            )
            .retriable("note", .local(.add(1, to: "noted"))).definition
        let old = bench.runtime([AnySagaDefinition(saga)], worker: worker)
        // Its own that has not moved for ten seconds a worker asks after; here it is a minute later already.
        let new = bench.runtime(
            [AnySagaDefinition(saga)], at: bench.second, worker: worker, time: ShiftedTime(shift: .seconds(60)))
        let crashed = try await bench.began(saga, by: worker)
        try await bench.running(old) {
            defer { gate.open() }
            let hanging = try await bench.begin(saga, in: old)
            await DeterminismTestKit.eventually("the call hangs") { gate.waitingCount == 1 }
            try await bench.running(new) {
                for saga in [crashed, hanging] { try await bench.eventually(.succeeded, saga) }
            }
            gate.open()
            await DeterminismTestKit.eventually("nothing is at work") { old.isIdle }
        }
        #expect(try await bench.count("noted") == 2)
        #expect(bank.all.count == 2)
    }

    /// A worker has looked for what is due, and was then stopped; meanwhile another has done all of it.
    private static func staleList(_ bench: SagaBench) async throws {
        var sagas: [SagaID] = []
        for _ in 0..<6 { sagas.append(try await bench.began(Definitions.call)) }
        let late = bench.newWorker()
        let store = bench.second.stores(Definitions.registry, late).store
        let stale = try await bench.tickets(for: late)
        #expect(Set(stale.map(\.id)) == Set(sagas))
        let runtime = bench.runtime([AnySagaDefinition(Definitions.call)])
        try await bench.running(runtime) { [sagas] in
            for saga in sagas { try await bench.eventually(.succeeded, saga) }
        }
        for ticket in stale {
            let before = (try await bench.record(ticket.id), try await bench.history(ticket.id))
            #expect(try await store.claim(ticket) == nil)
            let after = (try await bench.record(ticket.id), try await bench.history(ticket.id))
            #expect(before.0 == after.0 && before.1 == after.1)
            #expect(after.1.filter { $0 == "call completed" }.count == 1)
        }
    }

    private static func failedCompensation(_ bench: SagaBench) async throws {
        let saga = Saga(Diary.self, "failed", version: 1)
            .compensatable("c1", .local(.add(1, to: "c1")), undo: .local(.add(-1, to: "c1")))
            .compensatable(
                "c2", .local(.add(1, to: "c2")), undo: .external { _, _ in .refused(code: "closed", reason: "closed") }
            )
            .compensatable("c3", .local(.add(1, to: "c3")), undo: .local(.add(-1, to: "c3")))
            .pivot("end", .local(.refusing("no", touching: "end"))).definition
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            let report = try await bench.outcome(of: saga, in: runtime)
            #expect(report.state == .stuck && report.reason == "the compensation of “c2” was given up")
            for name in ["c1", "c3"] { #expect(try await bench.count(name) == 0) }
            let directed = try await runtime.direct(
                .force(step: "c2"), report.saga, of: bench.tenant(), by: "olga", because: "done by hand")
            #expect(directed == .accepted)
            try await bench.eventually(.compensated, report.saga)
        }
        #expect(try await bench.count("c2") == 1)
    }

    // MARK: participants

    /// A participant's own commit: its balance, behind a ``ParticipantFence``.
    private static func participate(
        _ bench: SagaBench, _ key: String, isCompensation: Bool, epoch: Int64 = 1
    ) async throws -> ParticipantFence.Admission {
        let (fence, balance) = (ParticipantFence(organization: 2, forwardKey: key), Count.key(2, key))
        return try await bench.submit(
            OneCommit([fence.need, .row(balance)]) { work, now in
                let admission =
                    isCompensation
                    ? fence.admitCompensation(epoch: epoch, in: &work, at: now)
                    : fence.admitForward(epoch: epoch, in: &work, at: now)
                if admission == .proceed {
                    var row = work[balance] ?? Count(organization: 2, name: key, value: 0)
                    row.value += isCompensation ? -1 : 1
                    work.put(row)
                }
                return admission
            }, tenant: bench.tenant(2), at: bench.second)
    }

    private static func losing(
        _ bench: SagaBench, _ delayed: Notes<StepContext>, _ undone: Notes<StepContext>
    ) -> SagaDefinition<Diary> {
        let policy = StepPolicy {
            ($0.attemptLimit, $0.backoff) = (1, SagaBackoff(first: .milliseconds(1), longest: .milliseconds(1)))
            ($0.calls.callLimit, $0.calls.pause) = (1, .milliseconds(1))
        }
        return Saga(Diary.self, "losing", version: 1)
            .compensatable(
                "pay",
                .external { _, context in
                    delayed.note(context)
                    return .unknown("no answer")
                },
                undo: .external { _, context in
                    undone.note(context)
                    do {
                        _ = try await participate(
                            bench, context.forwardKey, isCompensation: true, epoch: context.epoch)
                        return .done(())
                    } catch { return .unknown("\(error)") }
                }, policy: policy
            )
            .pivot("end", .local(.add(1, to: "ended"))).definition
    }

    private static func hanging(_ bench: SagaBench) async throws {
        let (delayed, undone) = (Notes<StepContext>(), Notes<StepContext>())
        let saga = losing(bench, delayed, undone)
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            let report = try await bench.outcome(of: saga, in: runtime)
            #expect(report.state == .compensated)
        }
        // The network gives the calls back, when everybody thinks that it is over.
        try #require(!delayed.all.isEmpty)
        for call in delayed.all {
            let admission = try await participate(bench, call.key, isCompensation: false, epoch: call.epoch)
            #expect(admission == .late)
        }
        #expect(try await bench.count(delayed.all[0].key, of: 2) == nil, "nobody would ever have undone it")
    }

    private static func emptyRollback(_ bench: SagaBench) async throws {
        let (delayed, undone) = (Notes<StepContext>(), Notes<StepContext>())
        let saga = losing(bench, delayed, undone)
        let runtime = bench.runtime([AnySagaDefinition(saga)])
        try await bench.running(runtime) {
            let report = try await bench.outcome(of: saga, in: runtime)
            #expect(report.state == .compensated, "a compensation that finds nothing is done, not tried for ever")
        }
        #expect(undone.all.map(\.isCertain) == [false])
        #expect(undone.all.map(\.forwardKey) == [delayed.all[0].key])
        #expect(try await bench.count(delayed.all[0].key, of: 2) == nil, "what was never paid was not paid back")
        let again = try await participate(bench, delayed.all[0].key, isCompensation: true)
        #expect(again == .nothingToUndo)
    }

    private static func everyOrder(_ bench: SagaBench) async throws {
        for length in 1...4 {
            for order in 0..<(1 << length) {
                let isCompensation = (0..<length).map { order >> $0 & 1 == 1 }
                let key = "\(length)-\(order)"
                for step in isCompensation { _ = try await participate(bench, key, isCompensation: step, epoch: 5) }
                let balance = try await bench.count(key, of: 2) ?? 0
                #expect(balance == (isCompensation.contains(true) ? 0 : 1), "\(isCompensation)")
                // Whoever comes with a lower epoch is told that somebody else has the saga by now.
                for step in [false, true] {
                    #expect(try await participate(bench, key, isCompensation: step, epoch: 4) == .overtaken)
                }
                #expect(try await bench.count(key, of: 2) ?? 0 == balance)
            }
        }
    }
}
