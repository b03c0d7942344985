import Determinism
import DeterminismTestKit
import Testing

@testable import Storage

/// Every event in every state: an action, no trap, and exactly one answer for each command.
@Suite("BatchMachine: events")
struct BatchMachineEventTests {
    private static let now = Timestamp(microseconds: 1)

    enum Stage: CaseIterable { case opening, loading, writing, committed, failed }
    enum Kind: Hashable {
        case load, write
        /// Ended; how many answers were given, and how many batches are to be run again.
        case end(answers: Int, again: Int)
    }

    private static func deposits(_ count: Int, _ answers: Notes<Int>, _ failures: Notes<LaneFailure>) -> BatchMachine {
        BatchMachine(
            (0..<count).map { index in
                Submission.of(
                    Deposit(name: "a", amount: 1), tenant: nil, deadline: Instant(nanoseconds: 0)
                ) { result in
                    answers.note(index)
                    if case .failure(let failure) = result { failures.note(failure) }
                }
            })
    }

    private static let found: BatchMachine.Event = .loaded([[RecordBox(Account("a", 1))]])

    private func kind(_ action: BatchMachine.Action, _ answers: Notes<Int>) -> Kind {
        switch action {
        case .load: return .load
        case .write: return .write
        case .end(let ending):
            ending.settle()
            return .end(answers: answers.all.count, again: ending.again.count)
        }
    }

    private static let events: [(name: String, event: BatchMachine.Event)] = [
        ("begun", .begun), ("loaded nothing", .loaded([])), ("loaded", found),
        ("loaded too much", .loaded([[], []])), ("held", .loaded([[]], held: [0])), ("committed", .committed),
        ("blocked", .blocked), ("another row", .loaded([[RecordBox(Account("b", 1))]])),
        ("another table's row", .loaded([[RecordBox(FenceRecord(organization: 1, epoch: 1, state: .active))]])),
        ("held elsewhere", .loaded([[RecordBox(Account("a", 1))]], held: [7])),
        ("unavailable", .failed(.unavailable(""))), ("full", .failed(.full(""))),
        ("constraint", .failed(.constraint(""))), ("conflict", .failed(.conflict(""))),
        ("corrupt", .failed(.corrupt(""))), ("statement", .failed(.statement(""))), ("unknown", .failed(.unknown(""))),
    ]

    /// What two commands come to in each state, by event.
    private static func expected(_ stage: Stage, _ event: String) -> Kind {
        switch (stage, event) {
        case (.opening, "begun"): .load
        case (.loading, "loaded"), (.loading, "held elsewhere"): .write
        // Both commands need the row that is held: they are put off, and nobody hears anything.
        case (.loading, "held"), (.loading, "blocked"): .end(answers: 0, again: 0)
        case (.loading, "constraint"), (.loading, "conflict"), (.loading, "corrupt"), (.loading, "statement"),
            (.writing, "constraint"), (.writing, "conflict"), (.writing, "corrupt"), (.writing, "statement"),
            (.writing, "blocked"):
            .end(answers: 0, again: 2)
        case (.opening, _), (.loading, _), (.writing, _): .end(answers: 2, again: 0)
        case (.committed, _), (.failed, _): .end(answers: 0, again: 0)
        }
    }

    @Test(arguments: Stage.allCases)
    func everyEventIsAnswered(stage: Stage) {
        for (name, event) in Self.events {
            let (answers, failures) = (Notes<Int>(), Notes<LaneFailure>())
            var machine = Self.deposits(2, answers, failures)
            let way: [BatchMachine.Event] =
                switch stage {
                case .opening: []
                case .loading: [.begun]
                case .writing: [.begun, Self.found]
                case .committed: [.begun, Self.found, .committed]
                case .failed: [.failed(.unavailable(""))]
                }
            for step in way { _ = machine.handle(step, now: Self.now) }
            let action = machine.handle(event, now: Self.now)
            #expect(kind(action, answers) == Self.expected(stage, name), "\(name) while \(stage)")
            // Whatever comes after an end changes nothing and answers nobody.
            guard case .end = action else { continue }
            let count = answers.all.count
            for (_, late) in Self.events {
                #expect(kind(machine.handle(late, now: Self.now), answers) == .end(answers: count, again: 0))
            }
        }
    }

    @Test(arguments: [Stage.opening, .loading, .writing])
    func eventOutOfTurnIsUnknown(stage: Stage) {
        let way: [BatchMachine.Event] =
            switch stage {
            case .opening: [.committed]
            case .loading: [.begun, .begun]
            default: [.begun, Self.found, .loaded([])]
            }
        let (answers, failures) = (Notes<Int>(), Notes<LaneFailure>())
        var machine = Self.deposits(2, answers, failures)
        for step in way { if case .end(let ending) = machine.handle(step, now: Self.now) { ending.settle() } }
        #expect(failures.all.count == 2)
        for failure in failures.all {
            guard case .unknown = failure else {
                Issue.record("\(failure)")
                continue
            }
        }
    }

    /// Random commands, random events: in the end each command has been answered exactly once.
    @Test(arguments: [1, 0xCAFE, 99] as [UInt64])
    func everyCommandIsAnsweredOnce(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        for round in 0..<1_000 {
            let answers = Notes<Int>()
            let count = 1 + Int(random.next(below: 5))
            let fence = FenceRecord(organization: 1, epoch: 1, state: .active)
            let rows = MemoryRows([Account("a", 5)], fences: random.next(below: 4) == 0 ? [] : [fence])
            var queue = [BatchMachine((0..<count).map { submission($0, random, answers) })]
            while !queue.isEmpty {
                var machine = queue.removeFirst()
                queue += try run(&machine, random, rows)
            }
            #expect(answers.all.sorted() == Array(0..<count), "seed \(seed), round \(round)")
            if answers.all.count != count { return }
        }
    }

    private func submission(_ index: Int, _ random: SeededRandom, _ answers: Notes<Int>) -> Submission {
        let (kind, key) = (random.next(below: 4), Account.key(["a", "b"][Int(random.next(below: 2))]))
        let command = ClosureCommand<Int>(asked: { _ in kind == 0 ? [] : [.row(key)] }) { work, _ in
            if kind == 3 { return .more([.row(Account.key("c"))]) }
            guard kind != 0, var account = work[key] else { return .discard(0) }
            account.balance += 1
            work.put(account)
            return kind == 1 ? .commit(1) : .discard(2)
        }
        let tenant = random.next(below: 3) == 0 ? nil : Tenant(organization: 1, epoch: 1)
        return Submission.of(command, tenant: tenant, deadline: Instant(nanoseconds: 0)) { _ in answers.note(index) }
    }

    private static let commitFaults: [CommitFault?] = [
        nil, nil, nil, nil, .failure(), .failure(.conflict("")), .failure(.unknown("")), .lostAnswer,
        .pause(.before) { $0() }, .pause(.after) { $0() },
    ]

    /// Drives the machine, now and then with an event that does not belong; returns what is to be run again.
    private func run(
        _ machine: inout BatchMachine, _ random: SeededRandom, _ rows: MemoryRows
    ) throws -> [BatchMachine] {
        var event = BatchMachine.Event.begun
        let fault = Self.commitFaults[Int(random.next(below: UInt64(Self.commitFaults.count)))]
        machine.commitFault = { fault }
        while true {
            // Records of the wrong kind are the one thing that a decoder cannot hand over.
            let stray = Self.events[Int(random.next(below: 12))]
            if random.next(below: 8) == 0, stray.name != "loaded" { event = stray.event }
            switch machine.handle(event, now: Self.now) {
            case .load(let loads):
                let held: Set<Int> = random.next(below: 5) == 0 ? [Int(random.next(below: UInt64(loads.count)))] : []
                event = .loaded(try loads.map(rows.records), held: held)
            case .write:
                let outcomes: [BatchMachine.Event] = [
                    .committed, .committed, .failed(.constraint("")), .failed(.unknown("")), .failed(.full("")),
                    .blocked,
                ]
                event = outcomes[Int(random.next(below: 6))]
            case .end(let ending):
                ending.settle()
                for (_, late) in Self.events.prefix(Int(random.next(below: 4))) {
                    if case .end(let second) = machine.handle(late, now: Self.now) { second.settle() }
                }
                let deferred = ending.deferred.isEmpty ? [] : [BatchMachine(ending.deferred)]
                return ending.again + deferred
            }
        }
    }

    /// A lone command whose writes are blocked is put off; it comes back with its deadline, and answers nobody.
    @Test func aLoneBlockedCommandIsPutOff() {
        for way in [[BatchMachine.Event.begun], [.begun, Self.found]] {
            let (answers, failures) = (Notes<Int>(), Notes<LaneFailure>())
            var machine = Self.deposits(1, answers, failures)
            for step in way { _ = machine.handle(step, now: Self.now) }
            guard case .end(let ending) = machine.handle(.blocked, now: Self.now) else {
                Issue.record("no end")
                continue
            }
            ending.settle()
            #expect(answers.all.isEmpty && ending.deferredCount == 1 && ending.again.isEmpty)
        }
    }

    /// A row that is held puts off the commands that need it, and no others; not even one that asks for it later on.
    @Test func heldRowsPutOffThoseWhoNeedThem() throws {
        let answers = Notes<Int>()
        func deposit(_ index: Int, _ name: String) -> Submission {
            let command = ClosureCommand<Int>(asked: { _ in [.row(Account.key(name))] }) { work, _ in
                if index == 2, !work.isLoaded(Account.key("b")) { return .more([.row(Account.key("b"))]) }
                guard var account = work[Account.key(name)] else { return .discard(0) }
                account.balance += 1
                work.put(account)
                return .commit(1)
            }
            return Submission.of(command, tenant: nil, deadline: Instant(nanoseconds: 0)) { _ in answers.note(index) }
        }
        var machine = BatchMachine([deposit(0, "a"), deposit(1, "b"), deposit(2, "a"), deposit(3, "c")])
        guard case .load(let loads) = machine.handle(.begun, now: Self.now) else {
            Issue.record("nothing is loaded")
            return
        }
        #expect(loads.compactMap(\.key?.text) == ["a", "b", "c"])
        let (a, c) = (RecordBox(Account("a", 1)), RecordBox(Account("c", 1)))
        guard case .write(let changes, _) = machine.handle(.loaded([[a], [], [c]], held: [1]), now: Self.now) else {
            Issue.record("nothing is written")
            return
        }
        #expect(changes.map(\.key.text) == ["a", "c"])
        guard case .end(let ending) = machine.handle(.committed, now: Self.now) else {
            Issue.record("no end")
            return
        }
        ending.settle()
        #expect(answers.all == [0, 3])
        #expect(ending.deferredCount == 2 && ending.again.isEmpty)
        // That the commit's outcome is unknown is not the business of those who were not in it.
        var again = BatchMachine([deposit(0, "a"), deposit(1, "b")])
        _ = again.handle(.begun, now: Self.now)
        _ = again.handle(.loaded([[a], []], held: [1]), now: Self.now)
        guard case .end(let lost) = again.handle(.failed(.unknown("")), now: Self.now) else {
            Issue.record("no end")
            return
        }
        lost.settle()
        #expect(answers.all == [0, 3, 0] && lost.deferredCount == 1)
    }
}
