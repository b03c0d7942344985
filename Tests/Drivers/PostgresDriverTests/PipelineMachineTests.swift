import Determinism
import Storage
import Testing

@testable import PostgresDriver

@Suite("The pipeline's machine")
struct PipelineMachineTests {
    // MARK: groups

    @Test func readsOfSeveralCallersShareOneSync() {
        var harness = PipelineHarness { $0.readGroups = 1 }
        let first = harness.submit("a")
        #expect(harness.pump() == "a(q) sync")
        let more = ["b", "c", "d"].map { harness.submit($0) }
        #expect(harness.pump() == "", "one group is on its way")
        harness.succeed()
        #expect(first.outcomes.isEmpty)
        harness.sync()
        #expect(first.isSuccess && first.results == 1)
        #expect(harness.machine.isIdle == false, "others wait")
        #expect(harness.pump() == "b(q) c(q) d(q) sync")
        harness.succeed(3)
        #expect(more[1].isSuccess && more[2].outcomes.isEmpty, "only the last one waits for the Sync")
        harness.sync()
        #expect(more.allSatisfy { $0.isSuccess && $0.results == 1 })
        #expect(harness.machine.isIdle)
    }

    @Test func otherBatchesGoAtOnceEachWithItsSync() {
        var harness = PipelineHarness()
        let first = harness.submit("a", .commits(), ["u", "v"])
        let second = harness.submit("b", .uncommitted, ["w"])
        let third = harness.submit("c", .reads, ["x", "y"])
        #expect(harness.pump() == "a(u, v) sync b(w) sync c(x, y) sync")
        harness.succeed(2)
        #expect(first.outcomes.isEmpty, "nothing is committed before the Sync")
        harness.sync()
        harness.succeed()
        harness.sync(.inTransaction)
        harness.succeed(2)
        harness.sync(.inTransaction)
        #expect([first, second, third].allSatisfy { $0.isSuccess })
        #expect([first.results, second.results, third.results] == [2, 1, 2])
        #expect(harness.machine.transactionStatus == .inTransaction)
    }

    @Test func readsSkippedForAnothersErrorAreSentAgain() {
        var harness = PipelineHarness()
        let callers = ["a", "b", "c"].map { harness.submit($0) }
        harness.pump()
        harness.succeed()
        harness.fail("22012")
        harness.skip()
        #expect(callers[0].isSuccess)
        #expect(callers[1].failure?.sqlState == SQLState("22012"))
        #expect(callers[1].failure?.statement == 0)
        harness.sync()
        #expect(callers[2].outcomes.isEmpty)
        #expect(harness.pump() == "c(q) sync")
        harness.succeed()
        harness.sync()
        #expect(callers[2].isSuccess && callers[2].results == 1)
    }

    @Test func errorsInABatchSkipItsRest() {
        var harness = PipelineHarness()
        let caller = harness.submit("a", .commits(), ["u", "v", "w"])
        harness.pump()
        harness.succeed()
        harness.fail("23505")
        harness.skip()
        harness.sync()
        #expect(caller.failure?.statement == 1)
        #expect(caller.failure?.storage == PipelineHarness.error("23505").storage)
        #expect(harness.machine.isIdle)
    }

    @Test func limitsHoldBackAndRefuse() {
        var harness = PipelineHarness {
            ($0.statements, $0.bytes, $0.waiting, $0.waitingBytes) = (3, 100, 3, 200)
        }
        harness.submit("a", .commits(), ["1", "2"])
        harness.submit("b", .commits(), ["3", "4"])
        #expect(harness.pump() == "a(1, 2) sync", "two more statements are too many")
        harness.succeed(2)
        harness.sync()
        #expect(harness.pump() == "b(3, 4) sync")
        harness.submit("c", .commits(), ["5"], bytes: 95)
        #expect(harness.pump() == "", "95 more bytes are too many")
        let tooMuch = harness.submit("d", .commits(), ["6"], bytes: 150)
        #expect(tooMuch.failure?.code == .overloaded)
        harness.submit("e")
        harness.submit("f")
        let tooMany = harness.submit("g")
        #expect(tooMany.failure?.code == .overloaded)
        harness.succeed(2)
        harness.sync()
        #expect(harness.pump() == "e(q) f(q) sync", "with 20 bytes on their way, 95 more are too many")
        harness.succeed(2)
        harness.sync()
        #expect(harness.pump() == "c(5) sync")
    }

    @Test func aBatchLargerThanTheLimitGoesAlone() {
        var harness = PipelineHarness { ($0.bytes, $0.waitingBytes) = (100, 100) }
        let caller = harness.submit("a", .commits(), ["1"], bytes: 1_000)
        #expect(harness.pump() == "a(1) sync")
        harness.succeed()
        harness.sync()
        #expect(caller.isSuccess)
    }

    @Test func readsAndBatchesTakeTurns() {
        var harness = PipelineHarness { ($0.statements, $0.readsInGroup) = (1, 1) }
        for name in ["a", "b", "c"] { harness.submit(name, .commits(), ["u"]) }
        for name in ["r", "s"] { harness.submit(name) }
        var order: [String] = []
        for _ in 0..<5 {
            order.append(harness.pump())
            harness.succeed()
            harness.sync()
        }
        #expect(order == ["a(u) sync", "r(q) sync", "b(u) sync", "s(q) sync", "c(u) sync"])
    }

    @Test func groupsOfReadsAreBounded() {
        var harness = PipelineHarness { ($0.readsInGroup, $0.readGroups) = (2, 2) }
        for name in ["a", "b", "c", "d", "e"] { harness.submit(name) }
        #expect(harness.pump() == "a(q) b(q) sync c(q) d(q) sync")
        harness.succeed(2)
        harness.sync()
        #expect(harness.pump() == "e(q) sync")
    }

    // MARK: transactions

    @Test func aFailedBatchThatBeganItsTransactionIsRolledBack() {
        var harness = PipelineHarness()
        let bad = harness.submit("bad", .commits(at: 2), ["BEGIN", "u", "COMMIT"])
        let read = harness.submit("read")
        let write = harness.submit("write", .commits(), ["w"])
        #expect(harness.pump() == "bad(BEGIN, u, COMMIT) sync read(q) sync write(w) sync")
        harness.succeed()
        harness.fail("23514")
        harness.skip()
        harness.sync(.failed)
        #expect(bad.failure?.statement == 1)
        #expect(harness.pump() == "rollback sync")
        for _ in 0..<2 {
            harness.fail("25P02")
            harness.sync(.failed)
        }
        #expect(read.outcomes.isEmpty && write.outcomes.isEmpty, "they were not executed")
        #expect(harness.pump() == "read(q) sync write(w) sync", "behind the ROLLBACK, whose answer need not be awaited")
        harness.succeed()
        harness.sync(.idle)
        harness.succeed()
        harness.sync()
        harness.succeed()
        harness.sync()
        #expect(read.isSuccess && write.isSuccess)
        #expect(harness.machine.isIdle)
    }

    @Test func theStateIsInferredWhileMoreIsUnderWay() {
        var harness = PipelineHarness()
        let states: [(CommandKind, TransactionStatus)] = [
            (.other, .idle), (.begin, .inTransaction), (.other, .inTransaction), (.commit, .idle),
            (.begin, .inTransaction), (.rollback, .idle),
        ]
        for (kind, status) in states {
            harness.submit("a", .uncommitted)
            harness.pump()
            harness.succeed(1, kind)
            harness.sync(.unknown)
            #expect(harness.machine.transactionStatus == status, "\(kind)")
        }
        harness.submit("b", .uncommitted, ["BEGIN", "u"])
        harness.pump()
        harness.succeed(1, .begin)
        harness.fail("23505")
        harness.sync(.unknown)
        #expect(harness.machine.transactionStatus == .failed)
        let tags: [(String, CommandKind)] = [
            ("BEGIN", .begin), ("START TRANSACTION", .begin), ("COMMIT", .commit), ("ROLLBACK", .rollback),
            ("INSERT 0 1", .other), ("", .other),
        ]
        for (tag, kind) in tags { #expect(CommandKind(tag: tag) == kind) }
    }

    @Test func aTransactionThatTheCallerBeganIsTheCallers() {
        var harness = PipelineHarness()
        harness.submit("begin", .uncommitted, ["BEGIN"])
        harness.pump()
        harness.succeed()
        harness.sync(.inTransaction)
        let failing = harness.submit("read")
        harness.pump()
        harness.fail("22012")
        harness.sync(.failed)
        #expect(failing.failure?.sqlState == SQLState("22012"))
        #expect(harness.pump() == "", "a ROLLBACK would let the caller's next statements commit by themselves")
        let late = harness.submit("late")
        harness.pump()
        harness.fail("25P02")
        harness.sync(.failed)
        #expect(late.failure?.storage == PipelineHarness.error("25P02").storage)
    }

    @Test func whatGaveWayIsDeallocatedOutsideOfTransactionsOnly() {
        var harness = PipelineHarness { $0.preparedStatements = 1 }
        harness.submit("begin", .uncommitted, ["BEGIN"])
        #expect(harness.pump() == "begin(p1=BEGIN) sync")
        harness.receive(.result(.other), .end)
        harness.succeed(1, .begin)
        harness.sync(.inTransaction)
        harness.submit("u", .uncommitted, ["u"])
        #expect(harness.pump() == "u(p2=u) sync", "not within a transaction")
        harness.receive(.result(.other), .end)
        harness.succeed()
        harness.sync(.inTransaction)
        harness.submit("commit", .commits(at: 0), ["COMMIT"])
        #expect(harness.pump() == "commit(COMMIT) sync", "the cache is full of what gave way")
        harness.succeed(1, .commit)
        harness.sync()
        #expect(harness.pump() == "deallocate p1 sync")
        harness.fail("57014")
        harness.sync()
        #expect(harness.pump() == "deallocate p1 sync", "once more")
        harness.fail("26000")
        harness.sync()
        #expect(harness.pump() == "", "it was not there")
        #expect(harness.machine.isIdle)
    }

    /// A connection that was forgetting a statement was taken for one that is not clean, and closed: the lane, which
    /// was about to begin a batch anew, had none.
    @Test func aConnectionIsFreeWhileItForgetsAStatement() {
        var harness = PipelineHarness { $0.preparedStatements = 1 }
        for (text, sent) in [("a", "a(p1=a) sync"), ("b", "b(p2=b) sync deallocate p1 sync")] {
            harness.submit(text, .commits(), [text])
            #expect(harness.pump() == sent)
            harness.receive(.result(.other), .end)
            harness.succeed()
            harness.sync()
        }
        #expect(!harness.machine.isIdle && harness.machine.isFree)
        harness.succeed()
        harness.sync()
        #expect(harness.machine.isIdle && harness.machine.isFree)
        harness.submit("b", .commits(), ["b"])
        #expect(!harness.machine.isFree, "somebody waits")
        harness.pump()
        #expect(!harness.machine.isFree, "somebody is served")
    }

    @Test func aCommitIsKnownOnceItIsAcknowledged() {
        var harness = PipelineHarness()
        let caller = harness.submit("a", .commits(at: 1), ["u", "COMMIT", "SELECT lsn"])
        harness.pump()
        harness.succeed()
        harness.succeed(1, .commit)
        harness.lose()
        guard case .success(let failure?)? = caller.outcomes.first else {
            Issue.record("the commit stands: \(caller.outcomes)")
            return
        }
        #expect(failure.code == .connectionLost)
        #expect(caller.results == 2)
    }

    @Test func aCommitThatRolledBackIsAFailure() {
        var harness = PipelineHarness()
        let caller = harness.submit("a", .commits(at: 0), ["COMMIT"])
        harness.pump()
        harness.succeed(1, .rollback)
        harness.sync()
        #expect(caller.failure?.storage.isConflict == true)
    }

    @Test(arguments: [
        ("57P01", 1, true), ("57P01", 0, false), ("23505", 1, false), ("40001", 1, false), ("08006", 1, true),
    ])
    func anErrorAtTheCommitIsUnknownWhereTheSessionEnds(code: String, statement: Int, isUnknown: Bool) {
        var harness = PipelineHarness()
        let caller = harness.submit("a", .commits(at: 1), ["u", "COMMIT"])
        harness.pump()
        harness.succeed(statement)
        harness.fail(code)
        harness.lose()
        #expect(caller.failure?.storage.isUnknown == isUnknown)
    }

    /// A pooler that loses its server says so at once, while the server's answers are still on their way to it: the
    /// error stood before the COMMIT, and the commit counted as one that had not happened.
    @Test func whatAPoolerSaysOfItsServersEndLeavesACommitUnknown() {
        var harness = PipelineHarness()
        let caller = harness.submit("a", .commits(at: 1), ["u", "COMMIT"])
        let read = harness.submit("b", .reads, ["r", "s"])
        harness.pump()
        harness.fail("08P01", isFatal: true)
        harness.lose()
        #expect(caller.failure?.storage.isUnknown == true)
        #expect(read.failure?.code == .connectionLost)
        // The same code of a server whose session goes on is a statement's fault.
        var other = PipelineHarness()
        let wrong = other.submit("a", .commits(at: 1), ["u", "COMMIT"])
        other.pump()
        other.fail("08P01")
        other.skip()
        other.sync()
        #expect(wrong.failure?.storage == .statement("“s”: no (SQLSTATE 08P01)"))
    }

    @Test func aCommitWithoutItsStandbysIsUnknown() {
        for isLost in [false, true] {
            var harness = PipelineHarness()
            let first = harness.submit("a", .commits(at: 0), ["COMMIT"])
            let second = harness.submit("b", .commits(), ["u"])
            harness.pump()
            harness.machine.commitIsUnreplicated()
            harness.succeed(1, .commit)
            if isLost { harness.lose() } else { harness.sync() }
            #expect(first.failure?.storage.isUnknown == true)
            if isLost { continue }
            harness.succeed()
            harness.sync()
            #expect(second.failure == nil && second.outcomes.count == 1, "it is not about the next one")
        }
    }

    @Test func aDeferredConstraintFailsTheBatchAtItsSync() {
        var harness = PipelineHarness()
        let caller = harness.submit("a", .commits(), ["u"])
        harness.pump()
        harness.succeed()
        harness.receive(.failure(PipelineHarness.error("23503")), .end)
        harness.sync()
        #expect(caller.failure?.sqlState == SQLState("23503"))
        #expect(caller.failure?.statement == nil)
        #expect(harness.machine.isIdle)
    }

    // MARK: the end

    @Test func whatIsKnownWhenTheConnectionIsLost() {
        var harness = PipelineHarness { $0.statements = 4 }
        let commits = harness.submit("commits", .commits(), ["u"])
        let open = harness.submit("open", .uncommitted, ["v"])
        let reads = harness.submit("reads", .reads, ["w", "x"])
        harness.pump()
        let unsent = harness.submit("unsent", .commits(), ["y"])
        harness.pump()
        harness.lose()
        #expect(commits.failure?.storage.isUnknown == true)
        for caller in [open, reads, unsent] { #expect(caller.failure?.storage == .unavailable("gone"), "\(caller)") }
        let late = harness.submit("late")
        #expect(late.failure?.code == .connectionLost)
        #expect(late.failure?.description.contains("gone") == true, "it says why")
        harness.lose()
        #expect([commits, open, reads, unsent, late].allSatisfy { $0.outcomes.count == 1 })
    }

    @Test func repliesThatNobodyAskedForBreakTheConnection() {
        let replies: [(PipelineMachine<Caller>.Reply, Bool)] = [
            (.result(.other), true), (.failure(PipelineHarness.error("22012")), true), (.skipped, true),
            (.sync(.idle), true), (.end, false),
        ]
        for (reply, isBroken) in replies {
            var harness = PipelineHarness()
            harness.receive(reply)
            #expect((harness.brokenReason != nil) == isBroken, "\(reply)")
        }
    }
}

extension StorageError {
    var isUnknown: Bool {
        if case .unknown = self { return true }
        return false
    }
    var isConflict: Bool {
        if case .conflict = self { return true }
        return false
    }
    var isUnavailable: Bool {
        if case .unavailable = self { return true }
        return false
    }
}
