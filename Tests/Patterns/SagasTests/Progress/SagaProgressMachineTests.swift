import Determinism
import Testing

@testable import Sagas

/// Every event in every state, against a table that was written from the machine's documentation.
@Suite("SagaProgressMachine")
struct SagaProgressMachineTests {
    typealias Status = SagaProgress.Status
    typealias Event = SagaProgressMachine.Event
    private static let now = Timestamp(microseconds: 5_000_000)
    private static let later = Timestamp(microseconds: 9_000_000)

    /// The events of one step, by the names of the table.
    enum Name: String, CaseIterable, Sendable {
        case intend, complete, refuse, giveUpVoid, giveUpUnknown, postpone, intendUndo, undo, giveUpUndo
        case turnBack, retry, skip, force, deny, unblock, renew

        func event(_ step: Int) -> Event {
            switch self {
            case .intend: .intend(step)
            case .complete: .complete(step)
            case .refuse: .refuse(step)
            case .giveUpVoid: .giveUp(step, isVoid: true)
            case .giveUpUnknown: .giveUp(step, isVoid: false)
            case .postpone: .postpone(step, until: later)
            case .intendUndo: .intendUndo(step)
            case .undo: .undo(step)
            case .giveUpUndo: .giveUpUndo(step)
            case .turnBack: .turnBack
            case .retry: .retry(step)
            case .skip: .skip(step)
            case .force: .force(step)
            case .deny: .deny(step)
            case .unblock: .unblock(step)
            case .renew: .renew(step)
            }
        }
    }

    /// What becomes of the step. Each line: event, then `from>to`; after `<` the saga is on its way back. What is not
    /// in the table is ignored.
    private static func table(_ category: SagaOutline.Class, isBackward: Bool) -> String {
        if isBackward {
            let late = """
                complete intended>done<
                refuse intended>void<
                giveUpVoid intended>void<
                postpone intended>intended<

                """
            guard category == .compensatable else { return late }
            return late + """
                postpone done>done< undoing>undoing<
                intendUndo intended>undoing< done>undoing<
                undo intended>undone< done>undone< undoing>undone<
                giveUpUndo intended>stuck< done>stuck< undoing>stuck<
                retry stuck>undoing<
                skip stuck>undone<
                force stuck>undone<
                """
        }
        let common = """
            intend pending>intended
            complete pending>done intended>done
            postpone pending>pending intended>intended
            retry stuck>intended
            skip stuck>skipped
            force stuck>done

            """
        let own =
            switch category {
            case .compensatable:
                """
                refuse pending>void< intended>void<
                giveUpVoid pending>void< intended>void<
                giveUpUnknown pending>pending< intended>intended<
                turnBack pending>pending< intended>intended< done>done<
                """
            case .effectless:
                """
                refuse pending>void< intended>void<
                giveUpVoid pending>void< intended>void<
                giveUpUnknown pending>void< intended>void<
                turnBack pending>pending< intended>intended< done>done<
                """
            case .pivot:
                """
                refuse pending>void< intended>void<
                giveUpVoid pending>void< intended>void<
                giveUpUnknown pending>stuck intended>stuck
                turnBack pending>pending<
                deny stuck>void<
                """
            case .retriable:
                """
                refuse pending>stuck intended>stuck
                giveUpVoid pending>stuck intended>stuck
                giveUpUnknown pending>stuck intended>stuck
                """
            }
        return common + own
    }

    /// What no saga can come to, so that the table says nothing of it.
    private static func isPossible(_ category: SagaOutline.Class, _ status: Status, isBackward: Bool) -> Bool {
        switch (category, isBackward) {
        case (.compensatable, false): [.pending, .intended, .done].contains(status)
        case (.compensatable, true): status != .skipped
        case (.effectless, false): [.pending, .intended, .done].contains(status)
        case (.effectless, true): [.pending, .intended, .done, .void].contains(status)
        case (.pivot, false): ![.void, .undoing, .undone].contains(status)
        case (.pivot, true): [.pending, .void].contains(status)
        case (.retriable, false): ![.void, .undoing, .undone].contains(status)
        case (.retriable, true): status == .pending
        }
    }

    private static func expected(_ name: Name, _ status: Status, in table: String) -> (to: Status, isBack: Bool)? {
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.first.map(String.init) == name.rawValue else { continue }
            for word in words.dropFirst() where word.hasPrefix("\(status.rawValue)>") {
                let isBack = word.hasSuffix("<")
                let to = word.dropFirst(status.rawValue.count + 1).dropLast(isBack ? 1 : 0)
                return Status(rawValue: String(to)).map { ($0, isBack) }
            }
        }
        return nil
    }

    /// The step of the class, amid others that make it a saga, and its position.
    private static func outline(_ category: SagaOutline.Class) -> (SagaOutline, step: Int) {
        let pivot: SagaOutline.Short = ("p", .local, .pivot, nil)
        return switch category {
        case .compensatable: (.sequence([("s", .external, .compensatable, .external), pivot]), 0)
        case .effectless: (.sequence([("s", .external, .effectless, nil), pivot]), 0)
        case .pivot: (.sequence([("s", .external, .pivot, nil), ("r", .local, .retriable, nil)]), 0)
        case .retriable: (.sequence([pivot, ("s", .external, .retriable, nil)]), 1)
        }
    }

    @Test(arguments: SagaOutline.Class.allCases, Name.allCases)
    func everyEventInEveryState(category: SagaOutline.Class, name: Name) {
        let (outline, step) = Self.outline(category)
        for isBackward in [false, true] {
            let table = Self.table(category, isBackward: isBackward)
            for status in Status.allCases where Self.isPossible(category, status, isBackward: isBackward) {
                var progress = SagaProgress(outline)
                progress.isBackward = isBackward
                if category == .retriable, !isBackward { progress.entries[0].status = .done }
                progress.entries[step].status = status
                var machine = SagaProgressMachine(outline, progress)
                let action = machine.handle(name.event(step), at: Self.now)
                let what: Comment = "\(category) \(status) backward: \(isBackward), \(name)"
                if let (to, isBack) = Self.expected(name, status, in: table) {
                    #expect(action == .store, what)
                    #expect(machine.progress.entries[step].status == to, what)
                    #expect(machine.progress.isBackward == isBack, what)
                } else {
                    #expect(action != .store, what)
                    #expect(machine.progress == progress, what)
                    if case .ignore(let reason) = action { #expect(!reason.isEmpty, what) }
                }
                for other in outline.steps.indices where other != step {
                    #expect(machine.progress.entries[other] == progress.entries[other], what)
                }
            }
        }
    }

    @Test(arguments: [-1, 2, 99]) func stepThatIsNotThereIsIgnored(step: Int) {
        let (outline, _) = Self.outline(.compensatable)
        for name in Name.allCases where name != .turnBack {
            var machine = SagaProgressMachine(outline, SagaProgress(outline))
            #expect(machine.handle(name.event(step), at: Self.now) == .ignore("there is no step \(step)"))
            #expect(machine.progress == SagaProgress(outline))
        }
    }

    // MARK: what an entry remembers

    /// A step that has been taken up twice, and rests.
    private func tried(_ status: Status, isBackward: Bool) -> SagaProgressMachine {
        let (outline, _) = Self.outline(.compensatable)
        var progress = SagaProgress(outline)
        progress.isBackward = isBackward
        progress.entries[0].status = status
        (progress.entries[0].attempts, progress.entries[0].notBefore) = (2, Self.later)
        progress.entries[0].since = Timestamp(microseconds: 1)
        return SagaProgressMachine(outline, progress)
    }

    @Test func pauseCountsTheAttemptAndKeepsTheFirstMoment() {
        let (outline, _) = Self.outline(.compensatable)
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        _ = machine.handle(.postpone(0, until: Self.later), at: Self.now)
        #expect(machine.progress.entries[0].attempts == 1)
        #expect(machine.progress.entries[0].since == Self.now)
        _ = machine.handle(.postpone(0, until: Self.later + .seconds(1)), at: Self.later)
        #expect(machine.progress.entries[0].attempts == 2)
        #expect(machine.progress.entries[0].since == Self.now, "the first moment counts for the step's deadline")
        #expect(machine.progress.entries[0].notBefore == Self.later + .seconds(1))
    }

    /// The attempts of one direction say nothing of the other.
    @Test(arguments: [Status.pending, .intended, .done]) func turningBackForgetsTheAttempts(status: Status) {
        var machine = tried(status, isBackward: false)
        #expect(machine.handle(.turnBack, at: Self.now) == .store)
        let entry = machine.progress.entries[0]
        #expect(entry.attempts == 0 && entry.since == nil && entry.notBefore == nil && entry.status == status)
    }

    @Test(arguments: [false, true], [Name.retry, .skip, .force])
    func operatorBeginsTheCountAnew(isBackward: Bool, name: Name) {
        var machine = tried(.stuck, isBackward: isBackward)
        #expect(machine.handle(name.event(0), at: Self.now) == .store)
        let entry = machine.progress.entries[0]
        #expect(entry.attempts == 0 && entry.since == nil && entry.notBefore == nil)
    }

    /// An attempt that is known to have had no effect, of which the saga was told: the next one needs a new intent.
    @Test func withdrawnIntentIsRenewedOnce() {
        let (outline, _) = Self.outline(.compensatable)
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        _ = machine.handle(.postpone(0, until: Self.later, .withdrawal(wasSent: true)), at: Self.now)
        #expect(!machine.progress.entries[0].isWithdrawn, "there is no intent yet")
        _ = machine.handle(.intend(0), at: Self.now)
        _ = machine.handle(.postpone(0, until: Self.later), at: Self.now)
        #expect(!machine.progress.entries[0].isWithdrawn)
        #expect(machine.handle(.renew(0), at: Self.now) != .store)
        _ = machine.handle(.postpone(0, until: Self.later, .withdrawal(wasSent: true)), at: Self.now)
        #expect(machine.progress.entries[0].isWithdrawn && machine.progress.entries[0].status == .intended)
        #expect(machine.handle(.renew(0), at: Self.later) == .store)
        #expect(!machine.progress.entries[0].isWithdrawn)
        #expect(machine.handle(.renew(0), at: Self.later) != .store)
    }

    /// What never left needs nobody to take it back, and nobody who would have to answer for that.
    @Test(arguments: [false, true]) func intentThatWasWithdrawnUnsentIsVoidOnTheWayBack(wasSent: Bool) {
        let (outline, _) = Self.outline(.compensatable)
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        _ = machine.handle(.intend(0), at: Self.now)
        _ = machine.handle(.postpone(0, until: Self.later, .withdrawal(wasSent: wasSent)), at: Self.now)
        #expect(machine.progress.entries[0].isUnsent == !wasSent)
        #expect(machine.handle(.turnBack, at: Self.now) == .store)
        #expect(machine.progress.entries[0].status == (wasSent ? .intended : .void))
    }

    /// A call that may be on its way stays so, whatever becomes of later attempts.
    @Test(arguments: [SagaProgressMachine.Pause.withdrawal(wasSent: true), .failure])
    func whatWasSentOnceIsNeverUnsent(first: SagaProgressMachine.Pause) {
        let (outline, _) = Self.outline(.compensatable)
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        _ = machine.handle(.intend(0), at: Self.now)
        _ = machine.handle(.postpone(0, until: Self.later, first), at: Self.now)
        _ = machine.handle(.renew(0), at: Self.later)
        _ = machine.handle(.postpone(0, until: Self.later, .withdrawal(wasSent: false)), at: Self.later)
        #expect(machine.progress.entries[0].isWithdrawn && !machine.progress.entries[0].isUnsent)
        _ = machine.handle(.turnBack, at: Self.later)
        #expect(machine.progress.entries[0].status == .intended, "its compensation settles it")
    }

    /// An intent that is not withdrawn may be called at this moment.
    @Test func intentThatStandsIsNotVoid() {
        let (outline, _) = Self.outline(.compensatable)
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        _ = machine.handle(.intend(0), at: Self.now)
        _ = machine.handle(.postpone(0, until: Self.later, .withdrawal(wasSent: false)), at: Self.now)
        _ = machine.handle(.renew(0), at: Self.later)
        _ = machine.handle(.turnBack, at: Self.later)
        #expect(machine.progress.entries[0].status == .intended)
    }

    @Test func locksThatCameForgetTheWait() {
        var failed = tried(.pending, isBackward: false)
        #expect(failed.handle(.unblock(0), at: Self.now) != .store, "it rests after a failure, not for a lock")
        let (outline, _) = Self.outline(.compensatable)
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        _ = machine.handle(.postpone(0, until: Self.later, .blocked), at: Self.now)
        #expect(machine.progress.entries[0].isBlocked)
        #expect(machine.handle(.unblock(0), at: Self.now) == .store)
        let entry = machine.progress.entries[0]
        #expect(entry.attempts == 0 && entry.since == nil && entry.notBefore == nil && !entry.isBlocked)
    }

    @Test func whetherTheEffectWasCertainIsRememberedWithTheUndosIntent() {
        var (known, unknown) = (tried(.done, isBackward: true), tried(.intended, isBackward: true))
        _ = known.handle(.intendUndo(0), at: Self.now)
        _ = unknown.handle(.intendUndo(0), at: Self.now)
        #expect(known.progress.entries[0].isCertain && !unknown.progress.entries[0].isCertain)
    }

    @Test func placesTellTheOrderInWhichStepsWereDone() {
        let outline = SagaOutline.of([
            [[("x", .local, .compensatable, .local)], [("y", .local, .compensatable, .local)]],
            [[("p", .local, .pivot, nil)]],
        ])
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        #expect(machine.ready == [0, 1])
        for step in [1, 0] { #expect(machine.handle(.complete(step), at: Self.now) == .store) }
        #expect(machine.progress.entries.map(\.place) == [2, 1, 0])
        #expect(machine.handle(.refuse(2), at: Self.now) == .store)
        #expect(machine.ready == [0, 1], "side by side, the one that was done last first")
    }

    // MARK: what does not belong

    /// Without an undo of its own there is nothing to begin.
    @Test func stepWithoutCompensationIsNotUndone() {
        let outline = SagaOutline.sequence([("check", .local, .effectless, nil), ("p", .local, .pivot, nil)])
        var progress = SagaProgress(outline)
        (progress.isBackward, progress.entries[0].status) = (true, .done)
        for event in [.intendUndo(0), .undo(0), .giveUpUndo(0)] as [SagaProgressMachine.Event] {
            var machine = SagaProgressMachine(outline, progress)
            #expect(machine.handle(event, at: Self.now) != .store, "\(event)")
        }
    }

    /// An event of a step whose turn has not come does not belong.
    @Test func stepBeforeItsTurnIsIgnored() {
        let outline = SagaOutline.sequence([("a", .external, .compensatable, .local), ("p", .external, .pivot, nil)])
        for event in [.intend(1), .complete(1), .refuse(1)] as [SagaProgressMachine.Event] {
            var machine = SagaProgressMachine(outline, SagaProgress(outline))
            #expect(machine.handle(event, at: Self.now) != .store, "\(event)")
        }
    }

    /// A compensation that never knew whether there was anything does not know it after a retry either.
    @Test func retriedCompensationIsNoMoreCertainThanBefore() {
        let outline = SagaOutline.sequence([("a", .external, .compensatable, .local), ("p", .local, .pivot, nil)])
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        let now = Self.now
        for event in [.intend(0), .giveUp(0, isVoid: false), .giveUpUndo(0), .retry(0)]
            as [SagaProgressMachine.Event]
        {
            #expect(machine.handle(event, at: now) == .store, "\(event)")
        }
        #expect(machine.progress.entries[0].status == .undoing && !machine.progress.entries[0].isCertain)
    }

    /// A pivot that is known to have had no effect, and waits for another try, can be canceled.
    @Test func withdrawnPivotLetsTheSagaBack() {
        let outline = SagaOutline.sequence([("p", .external, .pivot, nil), ("r", .local, .retriable, nil)])
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        let now = Self.now
        _ = machine.handle(.intend(0), at: now)
        _ = machine.handle(.postpone(0, until: now, .withdrawal(wasSent: true)), at: now)
        #expect(machine.handle(.turnBack, at: now) == .store)
        #expect(machine.ending == .compensated)
    }

    // MARK: rest

    @Test func restsUntilTheEarliestPauseIsOver() {
        let outline = SagaOutline.of([
            [[("x", .local, .compensatable, .local)], [("y", .local, .compensatable, .local)]]
        ])
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        #expect(machine.restsUntil(Self.now) == nil, "something can be done")
        _ = machine.handle(.postpone(0, until: Self.later + .seconds(1)), at: Self.now)
        #expect(machine.restsUntil(Self.now) == nil, "the other branch does not rest")
        _ = machine.handle(.postpone(1, until: Self.later), at: Self.now)
        #expect(machine.restsUntil(Self.now) == Self.later)
        #expect(machine.restsUntil(Self.later) == nil, "the pause is over at its end")
        for step in [0, 1] { _ = machine.handle(.complete(step), at: Self.later) }
        #expect(machine.ending == .succeeded && machine.restsUntil(Self.now) == nil)
    }
}
