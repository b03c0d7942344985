import Determinism
import Testing

@testable import Sagas

/// Every way through small sagas, and many through larger ones: what holds in each state that can be reached.
@Suite("SagaProgressMachine, every way through")
struct SagaProgressWalkTests {
    private typealias Event = SagaProgressMachine.Event
    private static let now = Timestamp(microseconds: 1)

    /// What can become of a step that is ready: the answers of its attempt, each of which the engine may bring.
    private func answers(_ step: Int, _ machine: SagaProgressMachine) -> [Event] {
        let (outline, status) = (machine.outline.steps[step], machine.progress.entries[step].status)
        if machine.progress.isBackward {
            if outline.compensation == .external, status != .undoing { return [.intendUndo(step)] }
            return [.undo(step), .giveUpUndo(step)]
        }
        if machine.progress.entries[step].isWithdrawn { return [.renew(step)] }
        switch outline.kind {
        case .external where status == .pending: return [.intend(step)]
        case .external:
            return [.complete(step), .refuse(step), .giveUp(step, isVoid: true), .giveUp(step, isVoid: false)]
        case .local, .awaiting: return [.complete(step), .refuse(step)]
        }
    }

    private func next(_ machine: SagaProgressMachine, _ event: Event) -> SagaProgressMachine? {
        var next = machine
        return next.handle(event, at: Self.now) == .store ? next : nil
    }

    /// What holds in every state.
    private func check(_ machine: SagaProgressMachine, at location: SourceLocation = #_sourceLocation) {
        let (outline, entries) = (machine.outline, machine.progress.entries)
        let what: Comment = "\(entries.map(\.status.rawValue)) backward: \(machine.progress.isBackward)"
        #expect(machine.ready.isEmpty == (machine.ending != nil), what, sourceLocation: location)
        for step in machine.ready {
            if machine.progress.isBackward {
                #expect(outline.steps[step].compensation != nil, what, sourceLocation: location)
                let after = outline.steps.indices.filter { outline.predecessors(of: $0).contains(step) }
                for late in after where outline.steps[late].compensation != nil {
                    let isSettled = ![.done, .intended, .undoing].contains(entries[late].status)
                    #expect(isSettled, "\(what): \(step) is undone before \(late)", sourceLocation: location)
                }
            } else {
                for before in outline.predecessors(of: step) {
                    let isFinished = entries[before].status == .done || entries[before].status == .skipped
                    #expect(isFinished, "\(what): \(step) comes before \(before)", sourceLocation: location)
                }
            }
        }
        // There is no way back once the pivot is done, or may be.
        for (step, entry) in zip(outline.steps, entries) where step.category == .pivot {
            guard [.intended, .done, .skipped, .stuck].contains(entry.status) else { continue }
            // Known to have had no effect, it is none that may be done.
            if entry.status == .intended, entry.isWithdrawn { continue }
            #expect(!machine.progress.isBackward && machine.isPastReturn, what, sourceLocation: location)
            #expect(next(machine, .turnBack) == nil, what, sourceLocation: location)
        }
        for (step, entry) in zip(outline.steps, entries) where step.category == .retriable && entry.status != .pending {
            #expect(!machine.progress.isBackward, what, sourceLocation: location)
        }
        checkEnd(machine, what, location)
    }

    private func checkEnd(_ machine: SagaProgressMachine, _ what: Comment, _ location: SourceLocation) {
        let (outline, entries) = (machine.outline, machine.progress.entries)
        switch machine.ending {
        case .succeeded:
            let isWhole = entries.allSatisfy { $0.status == .done || $0.status == .skipped }
            #expect(isWhole && !machine.progress.isBackward, what, sourceLocation: location)
        case .compensated:
            #expect(machine.progress.isBackward, what, sourceLocation: location)
            for (step, entry) in zip(outline.steps, entries) where step.category == .compensatable {
                let isUndone = [.pending, .void, .undone].contains(entry.status)
                #expect(isUndone, "\(what): \(step.name) was not undone", sourceLocation: location)
            }
        case .stuck:
            #expect(entries.contains { $0.status == .stuck }, what, sourceLocation: location)
            guard machine.progress.isBackward else { return }
            // One that could not be undone keeps none of the others from it.
            for (step, entry) in zip(outline.steps, entries) where step.compensation != nil {
                let isSettled = ![.done, .intended, .undoing].contains(entry.status)
                #expect(isSettled, "\(what): \(step.name) was left", sourceLocation: location)
            }
        case nil: break
        }
    }

    /// All states that can be reached, each with those that may follow.
    private func reachable(
        _ outline: SagaOutline, _ events: (SagaProgressMachine) -> [Event]
    ) -> [SagaProgress: [SagaProgress]] {
        var followers: [SagaProgress: [SagaProgress]] = [:]
        var open = [SagaProgress(outline)]
        while let progress = open.popLast() {
            guard followers[progress] == nil else { continue }
            let machine = SagaProgressMachine(outline, progress)
            check(machine)
            let following = events(machine).compactMap { next(machine, $0)?.progress }
            followers[progress] = following
            open += following
        }
        return followers
    }

    @Test(arguments: SagaOutline.small.indices) func everyWayEnds(_ index: Int) {
        let outline = SagaOutline.small[index]
        let followers = reachable(outline) { machine in
            machine.ready.flatMap { answers($0, machine) } + [.turnBack]
        }
        // Depth first: a state that is come to again while its followers are looked at would be a circle.
        var (isDone, path): (Set<SagaProgress>, Set<SagaProgress>) = ([], [])
        func visit(_ progress: SagaProgress) {
            if isDone.contains(progress) { return }
            guard path.insert(progress).inserted else {
                Issue.record("a circle through \(progress.entries.map(\.status.rawValue))")
                return
            }
            let next = followers[progress] ?? []
            #expect(!next.isEmpty || SagaProgressMachine(outline, progress).ending != nil)
            for follower in next { visit(follower) }
            path.remove(progress)
            isDone.insert(progress)
        }
        visit(SagaProgress(outline))
        let endings = Set(followers.keys.compactMap { SagaProgressMachine(outline, $0).ending })
        #expect(endings == [.succeeded, .compensated, .stuck], "the walk has seen every end")
        #expect(followers.count > 10)
    }

    /// With operators who do anything at any time, and cancels and late answers among them.
    @Test(arguments: SagaOutline.small.indices) func nothingBreaksTheRules(_ index: Int) {
        let outline = SagaOutline.small[index]
        let followers = reachable(outline) { machine in
            let directives = outline.steps.indices.flatMap { step -> [Event] in
                [.retry(step), .skip(step), .force(step), .deny(step)]
            }
            let isUnderWay = { (step: Int) in machine.progress.entries[step].status == .intended }
            let late = outline.steps.indices.filter(isUnderWay).flatMap { step -> [Event] in
                [.complete(step), .refuse(step), .giveUp(step, isVoid: true), .giveUp(step, isVoid: false)]
            }
            return machine.ready.flatMap { answers($0, machine) } + directives + late + [.turnBack]
        }
        // From every stuck state somebody can bring the saga to an end.
        for progress in followers.keys {
            var machine = SagaProgressMachine(outline, progress)
            while machine.ending == .stuck {
                let stuck = machine.progress.entries.firstIndex { $0.status == .stuck }
                guard let stuck, machine.handle(.force(stuck), at: Self.now) == .store else {
                    Issue.record("an operator cannot go on from \(progress.entries.map(\.status.rawValue))")
                    break
                }
            }
        }
    }

    /// What was done is undone in the opposite order, whatever refuses.
    @Test func sequenceIsUndoneBackwards() {
        let steps =
            (0..<6).map { (name: "s\($0)", kind: .local, category: .compensatable, undo: .local) }
            as [SagaOutline.Short]
        let outline = SagaOutline.sequence(steps)
        for refusing in 0..<6 {
            var (machine, undone) = (SagaProgressMachine(outline, SagaProgress(outline)), [Int]())
            for step in 0..<refusing {
                #expect(machine.ready == [step])
                #expect(machine.handle(.complete(step), at: Self.now) == .store)
            }
            #expect(machine.handle(.refuse(refusing), at: Self.now) == .store)
            while let step = machine.ready.first {
                #expect(machine.ready.count == 1)
                undone.append(step)
                #expect(machine.handle(.undo(step), at: Self.now) == .store)
            }
            #expect(undone == Array((0..<refusing).reversed()))
            #expect(machine.ending == .compensated)
        }
    }

    /// Random sagas, random answers.
    @Test(arguments: 0..<200 as Range<UInt64>) func randomSagaEnds(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let outline = randomOutline(random)
        var machine = SagaProgressMachine(outline, SagaProgress(outline))
        var turns = 0
        while machine.ending == nil {
            turns += 1
            // An intent and an answer for each step, forward and back, and by chance some attempts more.
            guard turns <= 100 * outline.steps.count else {
                Issue.record("still under way after \(turns) events: \(machine.progress)")
                return
            }
            let ready = machine.ready
            let step = ready[Int(random.next(below: UInt64(ready.count)))]
            let answers = answers(step, machine)
            // Most go well, so that the walk comes far.
            let answer = random.next(below: 8) > 0 ? 0 : Int(random.next(below: UInt64(answers.count)))
            let isCalled = machine.progress.entries[step].status == .intended && !machine.progress.isBackward
            let event =
                isCalled && random.next(below: 4) == 0
                ? Event.postpone(step, until: Self.now, .withdrawal(wasSent: random.next(below: 2) == 0))
                : answers[answer]
            #expect(machine.handle(event, at: Self.now) == .store)
            if random.next(below: 24) == 0 { _ = machine.handle(.turnBack, at: Self.now) }
            check(machine)
        }
    }

    private func randomOutline(_ random: SeededRandom) -> SagaOutline {
        var (parts, count): ([SagaOutline.Part], Int) = ([], 0)
        func step(_ category: SagaOutline.Class) -> SagaOutline.Short {
            count += 1
            let kinds: [SagaOutline.Kind] = [.local, .external]
            let (kind, undo) = (kinds[Int(random.next(below: 2))], kinds[Int(random.next(below: 2))])
            return ("s\(count)", kind, category, category == .compensatable ? undo : nil)
        }
        func part(_ categories: [SagaOutline.Class]) -> SagaOutline.Part {
            (0...random.next(below: 3)).map { _ in
                (0...random.next(below: 2)).map { _ in
                    step(categories[Int(random.next(below: UInt64(categories.count)))])
                }
            }
        }
        for _ in 0...random.next(below: 3) { parts.append(part([.compensatable, .compensatable, .effectless])) }
        if random.next(below: 4) > 0 {
            parts.append([[step(.pivot)]])
            for _ in 0..<random.next(below: 3) { parts.append(part([.retriable])) }
        }
        return .of(parts)
    }
}
