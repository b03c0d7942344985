import Determinism
import DeterminismTestKit
import Testing

@testable import Storage

/// What a batch does to its commands, driven over rows in memory.
@Suite("BatchMachine: commands")
struct BatchMachineTests {
    private typealias Answer<Outcome: Sendable> = Result<Outcome, LaneFailure>
    private let active = FenceRecord(organization: 1, epoch: 4, state: .active)

    private func submission<C: LaneCommand>(
        _ command: C, _ answers: Notes<Result<C.Outcome, LaneFailure>>, tenant: Tenant? = nil
    ) -> Submission {
        Submission.of(command, tenant: tenant, deadline: Instant(nanoseconds: 0)) { answers.note($0) }
    }

    private func deposits(
        _ list: [(String, Int64)], _ answers: Notes<Result<Deposit.Outcome, LaneFailure>>
    )
        -> BatchMachine
    {
        BatchMachine(list.map { submission(Deposit(name: $0, amount: $1), answers) })
    }

    @Test func commandsShareOneLoadAndOneWrite() throws {
        var rows = MemoryRows([Account("a", 10), Account("b", 20)])
        let answers = Notes<Result<Deposit.Outcome, LaneFailure>>()
        try rows.run(deposits([("b", 1), ("a", 2), ("b", 3)], answers))
        #expect(rows.trace == ["begin 3", "load accounts/a accounts/b", "write 2+3", "end"])
        #expect(answers.all == [.success(.balance(21)), .success(.balance(12)), .success(.balance(24))])
        #expect(try rows.account("b")?.balance == 24)
        #expect(rows.tables.version(Account.key("b").erased) == 2, "written once")
    }

    @Test func refusedCommandLeavesNothingAndHarmsNobody() throws {
        var rows = MemoryRows([Account("a", 10)])
        let answers = Notes<Result<Deposit.Outcome, LaneFailure>>()
        try rows.run(deposits([("a", -4), ("a", -7), ("none", 1), ("a", -6)], answers))
        #expect(answers.all == [.success(.balance(6)), .success(.refused), .success(.refused), .success(.balance(0))])
        #expect(try rows.account("a")?.balance == 0)
        #expect(rows.trace == ["begin 4", "load accounts/a accounts/none", "write 1+2", "end"])
    }

    /// Counts how often it is asked, and wants another account when it decides.
    private struct AskedOnce: LaneCommand {
        let asked: Notes<Bool>
        func needs(_ loaded: WorkingSet) -> [Need] {
            asked.note(loaded.isLoaded(Account.key("a")))
            return [.row(Account.key("a"))]
        }
        func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64> {
            guard work.isLoaded(Account.key("b")) else { return .more([.row(Account.key("b"))]) }
            return .discard((work[Account.key("a")]?.balance ?? 0) + (work[Account.key("b")]?.balance ?? 0))
        }
    }

    @Test func aCommandThatHasNamedAllIsNotAskedAgain() throws {
        var rows = MemoryRows([Account("a", 10), Account("b", 20)])
        let (answers, asked) = (Notes<Result<Int64, LaneFailure>>(), Notes<Bool>())
        try rows.run(BatchMachine([submission(AskedOnce(asked: asked), answers)]))
        #expect(rows.trace == ["begin 1", "load accounts/a", "load accounts/b", "end"])
        #expect(asked.all == [false])
        #expect(answers.all == [.success(30)])
    }

    /// Counts how often it is asked whether it has named all, which it never has.
    private struct Counting: LaneCommand {
        let asked: Notes<Bool>
        func needs(_ loaded: WorkingSet) -> [Need] { [.row(Account.key("a"))] }
        func hasNamedAll(_ loaded: WorkingSet) -> Bool {
            asked.note(loaded.isLoaded(Account.key("a")))
            return false
        }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64> { .discard(0) }
    }

    /// It was asked a second time, over nothing again, whether it may name more.
    @Test func aCommandIsAskedOnceWhetherItHasNamedAllAtFirst() {
        let asked = Notes<Bool>()
        let counting = submission(Counting(asked: asked), Notes())
        #expect(asked.all == [false])
        #expect(!counting.hasNamedAllAtFirst && counting.mayNameMore)
        let named = submission(AskedOnce(asked: Notes()), Notes())
        #expect(named.hasNamedAllAtFirst && !named.mayNameMore)
    }

    @Test func batchThatOnlyRefusesWritesNothing() throws {
        var rows = MemoryRows([Account("a", 1)])
        let answers = Notes<Result<Deposit.Outcome, LaneFailure>>()
        try rows.run(deposits([("a", -2), ("a", -3)], answers))
        #expect(answers.all == [.success(.refused), .success(.refused)])
        #expect(rows.trace == ["begin 2", "load accounts/a", "end"])
    }

    @Test(
        arguments: [
            (nil, 4, false), (FenceRecord(organization: 1, epoch: 4, state: .fenced), 4, false),
            (FenceRecord(organization: 1, epoch: 4, state: .active), 3, false),
            (FenceRecord(organization: 1, epoch: 4, state: .active), 5, false),
            (FenceRecord(organization: 2, epoch: 4, state: .active), 4, false),
            (FenceRecord(organization: 1, epoch: 4, state: .active), 4, true),
        ] as [(FenceRecord?, Int64, Bool)])
    func fenceDecidesWhetherACommandRuns(fence: FenceRecord?, epoch: Int64, isServed: Bool) throws {
        var rows = MemoryRows([Account("a", 1)], fences: fence.map { [$0] } ?? [])
        let answers = Notes<Result<Deposit.Outcome, LaneFailure>>()
        let tenant = Tenant(organization: 1, epoch: epoch)
        try rows.run(BatchMachine([submission(Deposit(name: "a", amount: 1), answers, tenant: tenant)]))
        #expect(answers.all == [isServed ? .success(.balance(2)) : .failure(.fenced)])
        #expect(try rows.account("a")?.balance == (isServed ? 2 : 1))
        let steps = isServed ? ["load fences accounts/a", "write 1+1"] : ["load fences accounts/a"]
        #expect(rows.trace == ["begin 1"] + steps + ["end"], "in one trip, the fence first")
    }

    @Test func fencedTenantLoadsNoFurther() throws {
        var rows = MemoryRows([Account("a", 1, owner: "b"), Account("b", 1)])
        let answers = Notes<Result<Int, LaneFailure>>()
        let tenant = Tenant(organization: 1, epoch: 4)
        try rows.run(BatchMachine([submission(Chain(first: "a"), answers, tenant: tenant)]))
        #expect(rows.trace == ["begin 1", "load fences accounts/a", "end"])
        #expect(answers.all == [.failure(.fenced)])
    }

    @Test func fencedCommandDoesNotHarmAnotherTenants() throws {
        let other = FenceRecord(organization: 2, epoch: 1, state: .fenced)
        var rows = MemoryRows([Account("a", 1)], fences: [active, other])
        let answers = Notes<Result<Deposit.Outcome, LaneFailure>>()
        try rows.run(
            BatchMachine([
                submission(Deposit(name: "a", amount: 1), answers, tenant: Tenant(organization: 2, epoch: 1)),
                submission(Deposit(name: "a", amount: 2), answers, tenant: Tenant(organization: 1, epoch: 4)),
                submission(Deposit(name: "a", amount: 3), answers),
            ]))
        #expect(answers.all == [.failure(.fenced), .success(.balance(3)), .success(.balance(6))])
        #expect(try rows.account("a")?.balance == 6)
    }

    /// Goes from one account to the next through `owner`.
    private struct Chain: LaneCommand {
        let first: String
        func needs(_ loaded: WorkingSet) -> [Need] {
            var (needs, name) = ([Need.row(Account.key(first))], first)
            while loaded.isLoaded(Account.key(name)), let account = loaded[Account.key(name)] {
                name = account.owner
                needs.append(.row(Account.key(name)))
            }
            return needs
        }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int> { .discard(1) }
    }

    @Test func needsAreAskedAgainAfterEachLoad() throws {
        var rows = MemoryRows([Account("a", 1, owner: "b"), Account("b", 1, owner: "c")])
        let answers = Notes<Result<Int, LaneFailure>>()
        try rows.run(BatchMachine([submission(Chain(first: "a"), answers)]))
        #expect(rows.trace == ["begin 1", "load accounts/a", "load accounts/b", "load accounts/c", "end"])
        #expect(answers.all == [.success(1)])
    }

    /// Wants one more row each time that it is asked to decide, `count` times.
    private static func greedy(_ count: Int) -> ClosureCommand<Int> {
        ClosureCommand { work, _ in
            for index in 0..<count where !work.isLoaded(Account.key("\(index)")) {
                work.insert(Account("trace of a try", 1))
                return .more([.row(Account.key("\(index)"))])
            }
            work.append(Booking(1, 1))
            return .commit(count)
        }
    }

    @Test(arguments: 0...12)
    func moreIsLoadedUpToALimit(count: Int) throws {
        var rows = MemoryRows([Account("a", 1)])
        let (answers, others) = (Notes<Result<Int, LaneFailure>>(), Notes<Result<Deposit.Outcome, LaneFailure>>())
        try rows.run(
            BatchMachine([
                submission(Self.greedy(count), answers), submission(Deposit(name: "a", amount: 1), others),
            ]))
        // The deposit's own load is the first.
        let isWithinLimit = count < BatchMachine.roundLimit
        let loads = rows.trace.filter { $0.hasPrefix("load") }
        #expect(loads.count == (isWithinLimit ? count + 1 : BatchMachine.roundLimit))
        #expect(others.all == [.success(.balance(2))], "the other command is not harmed")
        #expect(try rows.account("a")?.balance == 2)
        if isWithinLimit {
            #expect(answers.all == [.success(count)])
        } else {
            #expect(answers.all == [.failure(.conflict("still asks for more rows after 8 loads"))])
        }
        #expect(try rows.account("trace of a try") == nil)
    }

    @Test func commandThatAsksForWhatItHasIsGivenUp() throws {
        var rows = MemoryRows([Account("a", 1)])
        let (answers, asked) = (Notes<Result<Int, LaneFailure>>(), Notes<Int>())
        let command = ClosureCommand<Int> { _, _ in
            asked.note(1)
            return .more([.row(Account.key("a"))])
        }
        try rows.run(BatchMachine([submission(command, answers)]))
        #expect(answers.all == [.failure(.conflict("still asks for more rows after 8 loads"))])
        #expect(asked.all.count <= BatchMachine.roundLimit + 1)
    }

    @Test func commandThatWantsMoreSeesWhatTheOthersDid() throws {
        let all = Selection<Account>("balance > $1", [0])
        var rows = MemoryRows(
            [Account("a", 1), Account("b", 5)], selections: [MemorySelection(all) { account, _ in account.balance > 0 }]
        )
        let sum = ClosureCommand<Int64>(asked: { _ in [.row(Account.key("a"))] }) { work, _ in
            guard work.isLoaded(all) else { return .more([.rows(all)]) }
            return .discard(work[all].reduce(0) { $0 + $1.balance })
        }
        let (answers, others) = (Notes<Result<Int64, LaneFailure>>(), Notes<Result<Deposit.Outcome, LaneFailure>>())
        try rows.run(
            BatchMachine([submission(sum, answers), submission(Deposit(name: "a", amount: 10), others)]))
        #expect(answers.all == [.success(16)])
        #expect(rows.trace == ["begin 2", "load accounts/a", "load accounts?", "write 1+1", "end"])
    }

    @Test func failedBatchIsTriedAgainOneByOne() throws {
        var rows = MemoryRows([Account("a", 1), Account("b", 1)])
        // A row that was thought to be new is there: a constraint fails the whole batch.
        rows.store(Account("taken", 1))
        let answers = Notes<Result<Int, LaneFailure>>()
        let bad = ClosureCommand<Int> { work, _ in
            work.insert(Account("taken", 2))
            return .commit(0)
        }
        let good = ["a", "b"].map { name in
            ClosureCommand<Int>(asked: { _ in [.row(Account.key(name))] }) { work, _ in
                guard var account = work[Account.key(name)] else { return .discard(0) }
                account.balance += 1
                work.put(account)
                return .commit(Int(account.balance))
            }
        }
        try rows.run(BatchMachine([good[0], bad, good[1]].map { submission($0, answers) }))
        #expect(
            answers.all == [
                .success(2), .failure(.conflict("accounts \(Account.key("taken").erased.parameters) is there already")),
                .success(2),
            ])
        #expect(rows.trace.filter { $0.hasPrefix("begin") } == ["begin 3", "begin 1", "begin 1", "begin 1"])
        #expect(try rows.account("a")?.balance == 2 && rows.account("b")?.balance == 2)
    }

    @Test(
        arguments: [
            (.unknown("x"), .unknown("x")), (.full("x"), .unavailable("no room left for the database: x")),
            (.unavailable("x"), .unavailable("the database is unavailable: x")),
        ] as [(StorageError, LaneFailure)])
    func failureOfTheDatabaseIsEveryCommands(error: StorageError, failure: LaneFailure) throws {
        var rows = MemoryRows([Account("a", 1)], fences: [active])
        rows.commitError = error
        let answers = Notes<Result<Deposit.Outcome, LaneFailure>>()
        try rows.run(
            BatchMachine([
                submission(Deposit(name: "a", amount: 1), answers), submission(Deposit(name: "a", amount: -9), answers),
                submission(Deposit(name: "a", amount: 1), answers, tenant: Tenant(organization: 1, epoch: 3)),
            ]))
        // What was refused may rest on what was not written, so those commands hear the same.
        #expect(answers.all == [.failure(failure), .failure(failure), .failure(failure)])
        #expect(rows.trace.filter { $0.hasPrefix("begin") } == ["begin 3"])
    }

    @Test(
        arguments: [
            (.constraint("x"), .conflict("x")), (.conflict("x"), .conflict("x")),
            (.corrupt("x"), .unavailable("the stored data is damaged: x")),
            (.statement("x"), .unavailable("a wrong SQL statement: x")),
        ] as [(StorageError, LaneFailure)])
    func failureThatMayBeOneCommandsIsTriedAlone(error: StorageError, failure: LaneFailure) throws {
        var rows = MemoryRows([Account("a", 1)])
        rows.commitError = error
        let answers = Notes<Result<Deposit.Outcome, LaneFailure>>()
        try rows.run(deposits([("a", 1), ("a", 2)], answers))
        #expect(answers.all == [.failure(failure), .failure(failure)])
        #expect(rows.trace.filter { $0.hasPrefix("begin") } == ["begin 2", "begin 1", "begin 1"])
    }

    @Test func timeOfTheBatchIsWhatTheDriverSays() throws {
        var rows = MemoryRows()
        let answers = Notes<Result<Timestamp, LaneFailure>>()
        let clock = ClosureCommand<Timestamp> { .discard($1) }
        try rows.run(BatchMachine([submission(clock, answers)]), now: Timestamp(microseconds: 77))
        #expect(answers.all == [.success(Timestamp(microseconds: 77))])
    }

    @Test func loadsAreInLockOrder() {
        let selection = Need.rows(Selection<Account>("balance > 0", []))
        let needs: [Need] = [
            selection, .row(Booking(2, 0).key), .row(Account.key("b")), .row(Booking(1, 0).key), .row(Account.key("a")),
            .row(FenceRecord.key(3)),
        ]
        let command = ClosureCommand<Int>(asked: { _ in needs }) { _, _ in .discard(1) }
        var machine = BatchMachine([submission(command, Notes())])
        guard case .load(let loads) = machine.handle(.begun, now: Timestamp(microseconds: 0)) else {
            Issue.record("no load")
            return
        }
        #expect(loads.map(\.table.rank) == [0, 3, 3, 3, 9, 9])
        #expect(loads.map { $0.key?.text ?? "?" } == ["", "a", "b", "?", "", ""])
        #expect(loads.compactMap { $0.key?.number } == [0, 0, 0, 1, 2])
    }
}
