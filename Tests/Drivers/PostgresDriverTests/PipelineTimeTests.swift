import Determinism
import Storage
import Testing

@testable import PostgresDriver

@Suite("The pipeline's machine and time")
struct PipelineTimeTests {
    @Test func aReadIsAnsweredAtItsDeadlineAndCancelled() {
        var harness = PipelineHarness { $0.readGroups = 1 }
        let slow = harness.submit("slow", within: .seconds(1))
        harness.pump()
        let next = harness.submit("next", .commits(), ["u"])
        harness.pump()
        #expect(harness.machine.alarm == harness.now + .seconds(1))
        #expect(harness.pass(.seconds(1)) == nil)
        #expect(slow.failure?.code == .deadline)
        #expect(harness.pump() == "cancel")
        let meanwhile = harness.submit("meanwhile")
        #expect(harness.pump() == "", "nothing is sent that the cancellation could hit")
        harness.fail("57014")
        harness.sync()
        #expect(harness.pump() == "", "the cancel call is not back")
        harness.machine.cancelReturned()
        #expect(harness.pump() == "meanwhile(q) sync")
        harness.succeed()
        harness.sync()
        harness.succeed()
        harness.sync()
        #expect(next.isSuccess && meanwhile.isSuccess)
        #expect(slow.outcomes.count == 1)
        #expect(harness.machine.isIdle)
    }

    @Test func aWriteWaitsForWhatTheServerSays() {
        for (reply, isSuccess) in [("57014", false), ("", true)] {
            var harness = PipelineHarness()
            let caller = harness.submit("a", .commits(), ["u"], within: .seconds(1))
            harness.pump()
            harness.pass(.seconds(1))
            #expect(harness.pump() == "cancel")
            #expect(caller.outcomes.isEmpty)
            harness.machine.cancelReturned()
            if reply.isEmpty { harness.succeed() } else { harness.fail(reply) }
            harness.sync()
            #expect(caller.isSuccess == isSuccess)
            if !isSuccess {
                #expect(caller.failure?.code == .deadline)
                #expect(caller.failure?.storage.isUnavailable == true, "it was cancelled: nothing was changed")
            }
        }
    }

    /// Nobody cancels what nobody has asked for: who came behind it waited for ever.
    @Test(arguments: [true, false]) func aServerThatDoesNotForgetAStatementIsLeft(isRead: Bool) {
        var harness = PipelineHarness { $0.preparedStatements = 1 }
        for text in ["a", "b"] {
            harness.submit(text, .commits(), [text])
            harness.pump()
            harness.receive(.result(.other), .end)
            harness.succeed()
            harness.sync()
        }
        let caller = harness.submit("c", isRead ? .reads : .commits(), ["b"], within: .seconds(1))
        #expect(harness.pump() == "c(p2) sync", "behind the statement that is on its way to be forgotten")
        #expect(harness.pass(.seconds(1)) == nil)
        #expect(harness.pump() == "")
        #expect(harness.pass(harness.machine.limits.drain) != nil, "the connection is given up")
        #expect(!isRead || caller.failure?.code == .deadline)
    }

    @Test func aServerThatDoesNotGiveUpIsLeft() {
        var harness = PipelineHarness()
        let commit = harness.submit("a", .commits(), ["u"], within: .seconds(1))
        let open = harness.submit("b", .uncommitted, ["v"], within: .seconds(60))
        harness.pump()
        harness.pass(.seconds(1))
        #expect(harness.pump() == "cancel")
        #expect(harness.pass(.milliseconds(1_999)) == nil)
        #expect(harness.pass(.milliseconds(1)) != nil)
        harness.lose()
        #expect(commit.failure?.storage.isUnknown == true)
        #expect(open.failure?.storage.isUnavailable == true)
    }

    @Test func onlyTheFirstIsCancelledAndOthersAreGivenUp() {
        var harness = PipelineHarness()
        let slow = harness.submit("slow", .uncommitted, ["u"], within: .seconds(60))
        let behind = harness.submit("behind", .commits(), ["v"], within: .seconds(1))
        harness.pump()
        harness.pass(.seconds(1))
        #expect(harness.pump() == "", "what runs is somebody else's")
        #expect(behind.outcomes.isEmpty)
        #expect(harness.pass(.seconds(2)) == nil)
        #expect(behind.failure?.storage.isUnknown == true)
        harness.succeed()
        harness.sync(.inTransaction)
        #expect(slow.isSuccess)
        #expect(harness.pump() == "cancel", "now it is the first")
        harness.machine.cancelReturned()
        harness.succeed()
        harness.sync()
        #expect(behind.outcomes.count == 1)
        #expect(harness.machine.isIdle)
    }

    @Test func aReadHitByAnothersCancellationIsSentAgain() {
        var harness = PipelineHarness()
        let first = harness.submit("first", within: .seconds(1))
        let second = harness.submit("second", within: .seconds(60))
        #expect(harness.pump() == "first(q) second(q) sync")
        harness.pass(.seconds(1))
        #expect(harness.pump() == "cancel")
        harness.succeed()
        harness.fail("57014")
        harness.sync()
        harness.machine.cancelReturned()
        #expect(first.failure?.code == .deadline)
        #expect(second.outcomes.isEmpty)
        #expect(harness.pump() == "second(q) sync")
        harness.fail("57014")
        harness.sync()
        #expect(second.failure?.sqlState == .queryCanceled, "that one was the server's own timeout")
    }

    @Test func whatWasNotSentIsToldSo() {
        var harness = PipelineHarness { $0.statements = 1 }
        harness.submit("first", .uncommitted, ["u"])
        harness.pump()
        let waiting = harness.submit("waiting", .commits(), ["v"], within: .seconds(1))
        let read = harness.submit("read", within: .seconds(1))
        harness.pump()
        harness.pass(.seconds(1))
        for caller in [waiting, read] {
            #expect(caller.failure?.code == .deadline)
            #expect(caller.failure?.storage.isUnavailable == true)
        }
        #expect(harness.pump() == "")
    }

    @Test func aCancelledCallerIsLetGo() {
        var harness = PipelineHarness { $0.statements = 2 }
        let read = harness.submit("read")
        let write = harness.submit("write", .commits(), ["u"])
        harness.pump()
        let unsent = harness.submit("unsent")
        harness.abandon(unsent)
        #expect(unsent.failure?.code == .cancelled)
        harness.abandon(read)
        harness.abandon(read)
        #expect(read.failure?.code == .cancelled && read.outcomes.count == 1)
        harness.abandon(write)
        #expect(write.outcomes.isEmpty, "what became of it is still to be said")
        #expect(harness.pump() == "cancel")
        harness.fail("57014")
        harness.sync()
        harness.machine.cancelReturned()
        _ = harness.pump()
        harness.succeed()
        harness.sync()
        #expect(write.failure?.code == .cancelled)
        #expect(read.outcomes.count == 1)
    }

    @Test func copyingNeedsTheConnectionForItself() {
        var harness = PipelineHarness()
        harness.submit("a")
        #expect(harness.machine.beginCopy(deadline: harness.now + .seconds(5))?.code == .busy)
        harness.pump()
        #expect(harness.machine.beginCopy(deadline: harness.now + .seconds(5))?.code == .busy)
        harness.succeed()
        harness.sync()
        #expect(harness.machine.beginCopy(deadline: harness.now + .seconds(5)) == nil)
        let refused = harness.submit("b")
        #expect(refused.failure?.code == .busy)
        #expect(harness.machine.alarm == harness.now + .seconds(5))
        harness.machine.extendCopy(deadline: harness.now + .seconds(9))
        #expect(harness.pass(.seconds(6)) == nil)
        harness.machine.endCopy(.idle)
        let after = harness.submit("c")
        harness.pump()
        harness.succeed()
        harness.sync()
        #expect(after.isSuccess)
        #expect(harness.machine.beginCopy(deadline: harness.now + .seconds(1)) == nil)
        #expect(harness.pass(.seconds(1)) != nil, "a copy that hangs ends the connection")
    }
}
