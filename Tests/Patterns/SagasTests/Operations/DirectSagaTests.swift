import Determinism
import Storage
import Testing

@testable import Sagas

/// What an operator decides about a saga: every outcome, and what is written of it.
@Suite("DirectSaga and MakeSagaDue")
struct DirectSagaTests {
    private static let definition = Saga(Trip.self, "trip", version: 3)
        .compensatable("a", .local(.careful(1, to: "a")), undo: .local(.careful(-1, to: "a")))
        .pivot("p", .external { _, _ in .unknown("no answer") })
        .retriable("r", .local(.careful(1, to: "r"))).definition

    private static let registry = SagaRegistry([AnySagaDefinition(definition)])

    private func bench(
        _ statuses: [SagaProgress.Status], _ state: SagaStateMachine.State, isBackward: Bool = false,
        owner: SagaWorkerID? = nil
    ) throws -> SagaOperationsBench {
        var bench = try SagaOperationsBench(Self.definition)
        let due = bench.later(900)
        try bench.edit { record, progress in
            for (index, status) in statuses.enumerated() { progress.entries[index].status = status }
            progress.isBackward = isBackward
            (record.state, record.owner, record.dueAt) = (state, owner, due)
            record.leaseUntil = due
        }
        return bench
    }

    private func direct(
        _ directive: SagaDirective, _ bench: inout SagaOperationsBench, registry: SagaRegistry = registry
    ) -> (outcome: DirectSaga.Outcome, hasCommitted: Bool)? {
        let command = DirectSaga(
            directive, organization: 1, saga: bench.id, by: "olga", because: "called the bank", registry: registry)
        return bench.rows.decided(command, at: bench.later(10))
    }

    /// Directives that fit, with the states that they lead to.
    @Test(
        arguments: [
            (.cancel, [.done, .pending, .pending], .parked, false, .compensating, [.done, .pending, .pending], true),
            (
                .retry(step: "p"), [.done, .stuck, .pending], .stuck, false, .running, [.done, .intended, .pending],
                false
            ),
            (
                .skip(step: "p"), [.done, .stuck, .pending], .stuck, false, .running, [.done, .skipped, .pending], false
            ),
            (.force(step: "p"), [.done, .stuck, .pending], .stuck, false, .running, [.done, .done, .pending], false),
            (
                .compensate(step: "p"), [.done, .stuck, .pending], .stuck, false, .compensating,
                [.done, .void, .pending], true
            ),
            (.retry(step: "r"), [.done, .done, .stuck], .stuck, false, .running, [.done, .done, .intended], false),
            (.skip(step: "r"), [.done, .done, .stuck], .stuck, false, .running, [.done, .done, .skipped], false),
            (
                .retry(step: "a"), [.stuck, .void, .pending], .stuck, true, .compensating, [.undoing, .void, .pending],
                true
            ),
            (
                .skip(step: "a"), [.stuck, .void, .pending], .stuck, true, .compensating, [.undone, .void, .pending],
                true
            ),
            (
                .force(step: "a"), [.stuck, .void, .pending], .stuck, true, .compensating, [.undone, .void, .pending],
                true
            ),
        ]
            as [(
                SagaDirective, [SagaProgress.Status], SagaStateMachine.State, Bool, SagaStateMachine.State,
                [SagaProgress.Status], Bool
            )])
    func directiveThatFits(
        directive: SagaDirective, statuses: [SagaProgress.Status], state: SagaStateMachine.State, isBackward: Bool,
        toState: SagaStateMachine.State, toStatuses: [SagaProgress.Status], toBackward: Bool
    ) throws {
        var bench = try bench(statuses, state, isBackward: isBackward)
        let answer = direct(directive, &bench)
        #expect(answer?.outcome == .accepted && answer?.hasCommitted == true)
        let record = try #require(bench.record)
        #expect(record.state == toState)
        #expect(bench.progress?.entries.map(\.status) == toStatuses && bench.progress?.isBackward == toBackward)
        #expect(record.dueAt == bench.later(10) && record.leaseUntil == bench.later(10), "it is due at once")
        let entry = try #require(bench.rows.log.last)
        #expect(entry.kind == .directed && entry.detail == "\(directive.verb) by olga: called the bank")
        #expect(entry.entry == record.entries)
        if let step = directive.step { #expect(entry.step == step) }
    }

    /// One that a worker written by hand began, and a definition has adopted, has a progress and no outline: nothing
    /// but a retry that did nothing could be decided about it.
    @Test func adoptedSagaIsDirectedLikeAnyOther() throws {
        var bench = try bench([.done, .stuck, .pending], .stuck)
        let begun = try #require(bench.record)
        var record = SagaRecord(
            organization: 1, id: bench.id, definition: "trip", version: 3, subject: begun.subject, input: "{}",
            step: "p", now: begun.createdAt, lease: .zero)
        (record.state, record.progress, record.data) = (begun.state, begun.progress, begun.data)
        bench.rows.store(record)
        let registry = SagaRegistry([AnySagaDefinition(Self.definition.adopting { _ in nil })])
        let possible = SagaDirective.possible(for: record, registry)
        #expect(possible.contains(.skip(step: "p")) && possible.contains(.compensate(step: "p")))
        let resume = ResumeSaga(
            organization: 1, saga: bench.id, entries: record.entries, isBackward: false, by: "olga", because: "again")
        let refusal = DirectSaga.Outcome.refused("the saga has a definition that knows its steps")
        #expect(bench.rows.run(resume, at: bench.later(5)) == refusal)
        #expect(direct(.retry(step: "p"), &bench, registry: registry)?.outcome == .accepted)
        #expect(bench.progress?.entries[1].status == .intended && bench.record?.state == .running)
    }

    @Test func oneThatIsAtWorkStaysWithItsWorker() throws {
        var bench = try bench([.intended, .pending, .pending], .running, owner: SagaOperationsBench.worker)
        #expect(direct(.cancel, &bench)?.outcome == .accepted)
        #expect(bench.record?.state == .compensating && bench.record?.owner == SagaOperationsBench.worker)
        #expect(bench.record?.dueAt == bench.later(900), "its worker finds it in its next commit")
        #expect(bench.record?.reason == "olga: called the bank")
    }

    /// Directives that do not fit; nothing is written.
    @Test(
        arguments: [
            (.cancel, [.done, .intended, .pending], .running, "no way back"),
            (.cancel, [.done, .done, .pending], .running, "no way back"),
            (.cancel, [.done, .stuck, .pending], .stuck, "no way back"),
            (.retry(step: "a"), [.done, .stuck, .pending], .stuck, "“a” is done, not stuck"),
            (.skip(step: "r"), [.done, .stuck, .pending], .stuck, "“r” is pending, not stuck"),
            (.force(step: "p"), [.done, .intended, .pending], .running, "“p” is intended, not stuck"),
            (.compensate(step: "r"), [.done, .done, .stuck], .stuck, "“r” is not a pivot that is stuck"),
            (.compensate(step: "p"), [.done, .intended, .pending], .running, "“p” is not a pivot that is stuck"),
            (.retry(step: "x"), [.done, .stuck, .pending], .stuck, "no step “x”; its steps are a, p, r"),
        ] as [(SagaDirective, [SagaProgress.Status], SagaStateMachine.State, String)])
    func directiveThatDoesNotFit(
        directive: SagaDirective, statuses: [SagaProgress.Status], state: SagaStateMachine.State, reason: String
    ) throws {
        var bench = try bench(statuses, state)
        let before = bench.record
        let answer = direct(directive, &bench)
        guard case .refused(let told)? = answer?.outcome else {
            Issue.record("\(directive) was \(String(describing: answer))")
            return
        }
        #expect(told.contains(reason) && answer?.hasCommitted == false)
        #expect(bench.record == before && bench.rows.log.isEmpty)
    }

    @Test(arguments: [SagaStateMachine.State.succeeded, .compensated])
    func endedSagaIsRefused(state: SagaStateMachine.State) throws {
        var bench = try bench([.done, .done, .done], state)
        #expect(direct(.cancel, &bench)?.outcome == .refused("the saga has ended: \(state.rawValue)"))
    }

    @Test func canceledTwiceIsSaidSo() throws {
        var bench = try bench([.done, .pending, .pending], .parked)
        #expect(direct(.cancel, &bench)?.outcome == .accepted)
        #expect(direct(.cancel, &bench)?.outcome == .refused("the saga is on its way back already"))
        #expect(bench.rows.log.count == 1)
    }

    @Test func unknownSagaAndUnknownDefinitionAreDifferent() throws {
        var bench = try bench([.done, .stuck, .pending], .stuck)
        let none = SagaRegistry([])
        #expect(
            direct(.retry(step: "p"), &bench, registry: none)?.outcome
                == .refused("no definition here fits “trip” version 3"))
        let command = DirectSaga(
            .cancel, organization: 2, saga: bench.id, by: "olga", because: "", registry: Self.registry)
        #expect(bench.rows.run(command, at: bench.later(1)) == .unknown)
    }

    @Test(arguments: [nil, "", "{}", #"{"steps":[["gone","done",0,1,null,null,true]]}"#])
    func unreadableProgressIsRefused(text: String?) throws {
        var bench = try bench([.done, .stuck, .pending], .stuck)
        var record = try #require(bench.record)
        record.progress = text
        bench.rows.store(record)
        #expect(direct(.retry(step: "p"), &bench)?.outcome == .refused("the saga's progress cannot be read"))
    }

    // MARK: MakeSagaDue

    @Test(
        arguments: [SagaStateMachine.State.running, .parked, .compensating, .stuck, .succeeded, .compensated],
        [false, true])
    func unfinishedOneThatNobodyHoldsIsMadeDue(state: SagaStateMachine.State, isHeld: Bool) throws {
        var bench = try bench([.done, .pending, .pending], state, owner: isHeld ? SagaOperationsBench.worker : nil)
        let before = bench.record
        let answer = bench.rows.decided(MakeSagaDue(organization: 1, saga: bench.id), at: bench.later(10))
        let isMade = !isHeld && [.running, .parked, .compensating].contains(state)
        #expect(answer?.outcome == isMade && answer?.hasCommitted == isMade)
        if isMade { #expect(bench.record?.dueAt == bench.later(10)) } else { #expect(bench.record == before) }
    }

    @Test func whatIsDueOrGoneIsLeft() throws {
        var bench = try bench([.done, .pending, .pending], .parked)
        #expect(bench.rows.run(MakeSagaDue(organization: 1, saga: bench.id), at: bench.later(900)) == false)
        #expect(bench.rows.run(MakeSagaDue(organization: 2, saga: bench.id), at: bench.later(10)) == false)
    }
}
