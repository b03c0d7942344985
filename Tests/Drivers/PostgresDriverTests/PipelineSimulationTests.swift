import Determinism
import SocketReactor
import Storage
import Testing

@testable import PostgresDriver

/// A server that answers what a machine sends, and knows what it has really done.
private struct SimulatedServer {
    private enum Message {
        case prepare(StatementCache.Reference)
        case execute(Caller, index: Int, StatementCache.Reference?)
        case rollback
        case deallocate(StatementCache.Reference)
        case sync
    }
    private var inbox = RingQueue<Message>()
    private var replies = RingQueue<PipelineMachine<Caller>.Reply>()
    private var prepared: Set<StatementCache.Reference> = []
    private var status = TransactionStatus.idle
    private var isSkipping = false
    /// Executed since the last Sync, or since `BEGIN`.
    private var uncommitted: [(caller: ObjectIdentifier, index: Int)] = []
    var cancels = false
    /// Statements whose effect is there for good.
    private(set) var committed: [ObjectIdentifier: Set<Int>] = [:]
    private(set) var executed: [ObjectIdentifier: Set<Int>] = [:]
    private(set) var unknownNames = 0

    mutating func send(_ step: PipelineMachine<Caller>.Step, plans: [StatementCache.Plan]) {
        switch step {
        case .batch(let caller):
            for (index, plan) in plans.enumerated() {
                switch plan {
                case .unnamed: inbox.append(.execute(caller, index: index, nil))
                case .named(let reference): inbox.append(.execute(caller, index: index, reference))
                case .prepare(let reference):
                    inbox.append(.prepare(reference))
                    inbox.append(.execute(caller, index: index, reference))
                }
            }
        case .rollback: inbox.append(.rollback)
        case .deallocate(let reference): inbox.append(.deallocate(reference))
        case .sync: inbox.append(.sync)
        case .cancel: cancels = true
        }
    }

    /// Works on one message.
    mutating func work(_ random: SeededRandom) {
        guard let message = inbox.popFirst() else { return }
        if case .sync = message {
            if status == .idle { commit() }
            isSkipping = false
            return replies.append(.sync(inbox.isEmpty ? status : .unknown))
        }
        if isSkipping { return answer(.skipped) }
        switch message {
        case .sync: return
        case .rollback:
            uncommitted = []
            status = .idle
            answer(.result(.rollback))
        case .deallocate(let reference):
            if status == .failed { return fail("25P02") }
            prepared.remove(reference)
            answer(.result(.other))
        case .prepare(let reference):
            if status == .failed { return fail("25P02") }
            if random.next(below: 20) == 0 { return fail("42P01") }
            prepared.insert(reference)
            answer(.result(.other))
        case .execute(let caller, let index, let reference): execute(caller, index, reference, random)
        }
    }

    private mutating func execute(
        _ caller: Caller, _ index: Int, _ reference: StatementCache.Reference?, _ random: SeededRandom
    ) {
        let text = caller.statements[index].text
        if let reference, !prepared.contains(reference) {
            unknownNames += 1
            return fail("26000")
        }
        if text == "COMMIT" {
            let isCommit = status == .inTransaction
            if isCommit { commit() }
            uncommitted = []
            status = .idle
            return answer(.result(isCommit ? .commit : .rollback))
        }
        if status == .failed { return fail("25P02") }
        if cancels {
            cancels = false
            return fail("57014")
        }
        if random.next(below: 8) == 0 { return fail("23505") }
        uncommitted.append((ObjectIdentifier(caller), index))
        executed[ObjectIdentifier(caller), default: []].insert(index)
        if text == "BEGIN" { status = .inTransaction }
        answer(.result(text == "BEGIN" ? .begin : .other))
    }

    private mutating func commit() {
        for (caller, index) in uncommitted { committed[caller, default: []].insert(index) }
        uncommitted = []
    }
    private mutating func answer(_ reply: PipelineMachine<Caller>.Reply) {
        replies.append(reply)
        replies.append(.end)
    }
    private mutating func fail(_ code: String) {
        isSkipping = true
        if status == .inTransaction { status = .failed }
        if status == .idle { uncommitted = [] }
        answer(.failure(PipelineHarness.error(code)))
    }
    mutating func nextReply() -> PipelineMachine<Caller>.Reply? { replies.popFirst() }
}

@Suite("The pipeline's machine, simulated")
struct PipelineSimulationTests {
    /// Random requests, errors, cancellations, deadlines and losses, and after each run what every caller was told is
    /// compared with what the server has done.
    @Test(arguments: 0..<400)
    func callersAreToldTheTruth(seed: Int) {
        let random = SeededRandom(seed: UInt64(seed))
        var harness = PipelineHarness {
            $0.preparedStatements = [0, 2, 256][seed % 3]
            $0.readsInGroup = 1 + seed % 5
            $0.statements = 4 + seed % 30
        }
        var server = SimulatedServer()
        var callers: [Caller] = []
        var isCancelUnderWay = false
        for step in 0..<600 {
            switch random.next(below: 12) {
            case 0...2:
                let caller = Self.caller("\(step)", random)
                callers.append(caller)
                harness.submit(caller, within: .milliseconds(Int64(random.next(below: 400))))
            case 3...6: server.work(random)
            case 7...9:
                if let reply = server.nextReply() { harness.receive(reply) }
            case 10:
                if let caller = callers.last, random.next(below: 4) == 0 { harness.abandon(caller) }
                if isCancelUnderWay, random.next(below: 3) == 0 {
                    isCancelUnderWay = false
                    harness.machine.cancelReturned()
                }
            default: harness.pass(.milliseconds(Int64(random.next(below: 20))))
            }
            while let next = harness.machine.nextStep(now: harness.now) {
                var plans: [StatementCache.Plan] = []
                if case .batch(let caller) = next {
                    plans = caller.statements.map { harness.machine.plan($0, types: []) }
                }
                if case .cancel = next { isCancelUnderWay = true }
                server.send(next, plans: plans)
            }
            #expect(harness.brokenReason == nil)
            if seed % 10 == 9, step == 500 { break }
        }
        harness.lose()
        for caller in callers { Self.check(caller, server) }
        #expect(server.unknownNames == 0, "a statement was named that had not been prepared")
    }

    private static func caller(_ name: String, _ random: SeededRandom) -> Caller {
        let statement = "s\(random.next(below: 5))"
        switch random.next(below: 5) {
        case 0, 1: return Caller(name, .reads, [statement])
        case 2: return Caller(name, .reads, [statement, "s9"])
        case 3: return Caller(name, .commits(), [statement, "s8", "s7"])
        default: return Caller(name, .commits(at: 2), ["BEGIN", statement, "COMMIT", "after"])
        }
    }

    private static func check(_ caller: Caller, _ server: SimulatedServer) {
        #expect(caller.outcomes.count == 1, "\(caller) was answered \(caller.outcomes.count) times")
        let committed = server.committed[ObjectIdentifier(caller)] ?? []
        let executed = server.executed[ObjectIdentifier(caller)] ?? []
        switch (caller.effect, caller.outcomes.first) {
        case (.reads, .success):
            #expect(executed == Set(caller.statements.indices))
            #expect(caller.results == caller.statements.count)
        case (.commits(nil), .success): #expect(committed == Set(caller.statements.indices))
        case (.commits, .success): #expect(committed.isSuperset(of: [0, 1]))
        case (.commits, .failure(let error)) where !error.storage.isUnknown:
            #expect(committed.isDisjoint(with: [1]), "\(caller) was told that nothing was changed: \(error)")
        default: break
        }
    }

    /// Any event in any state: nothing traps, and after the end everybody has been answered once.
    @Test(arguments: 0..<300)
    func everyEventIsAnsweredInEveryState(seed: Int) {
        let random = SeededRandom(seed: UInt64(seed) &+ 10_000)
        var harness = PipelineHarness {
            $0.preparedStatements = seed % 2 * 3
            $0.statements = 20
            $0.waiting = 20
        }
        var callers: [Caller] = []
        for step in 0..<200 {
            switch random.next(below: 16) {
            case 0, 1, 2:
                let caller = Self.caller("\(step)", random)
                callers.append(caller)
                harness.submit(caller, within: .milliseconds(Int64(random.next(below: 300))))
            case 3, 4, 5: harness.pump()
            case 6: harness.receive(.result([.begin, .commit, .rollback, .other][Int(random.next(below: 4))]))
            case 7: harness.receive(.end)
            case 8: harness.receive(.skipped)
            case 9:
                let codes = ["23505", "25P02", "57014", "26000", "0A000", "57P01"]
                harness.fail(codes[Int(random.next(below: UInt64(codes.count)))])
            case 10: harness.sync([.idle, .inTransaction, .failed, .unknown][Int(random.next(below: 4))])
            case 11: harness.pass(.milliseconds(Int64(random.next(below: 900))))
            case 12: harness.machine.cancelReturned()
            case 13: if let caller = callers.last { harness.abandon(caller) }
            case 14: _ = harness.machine.beginCopy(deadline: harness.now + .milliseconds(5))
            default:
                if random.next(below: 2) == 0 {
                    harness.machine.endCopy(.idle)
                } else if random.next(below: 20) == 0 {
                    harness.lose()
                }
            }
        }
        harness.lose()
        #expect(callers.allSatisfy { $0.outcomes.count == 1 })
        #expect(harness.machine.nextStep(now: harness.now) == nil && !harness.machine.isAwaiting)
    }
}
