import Determinism
import Testing

@testable import RedisDriver

@Suite("The pipeline's machine, simulated")
struct PipelineSimulationTests {
    /// A server that executes whole commands, in order, and knows what it has done.
    private struct Server {
        /// Commands on their way: whose, and how many bytes of them are still missing.
        var inbox: [(caller: Caller, missing: Int, isLast: Bool)] = []
        var outbox: [Caller] = []
        var executed: [ObjectIdentifier: Int] = [:]

        mutating func execute() {
            guard let first = inbox.first, first.missing == 0 else { return }
            inbox.removeFirst()
            executed[ObjectIdentifier(first.caller), default: 0] += 1
            outbox.append(first.caller)
        }
    }
    private struct Run {
        var harness: MachineHarness
        var server = Server()
        /// Bytes that were handed over and that the socket did not take.
        var unsent: [(caller: Caller, bytes: Int)] = []
        var callers: [Caller] = []
        let random: SeededRandom

        init(seed: Int) {
            random = SeededRandom(seed: UInt64(seed))
            harness = MachineHarness(connected: false) {
                $0.groups = 1 + seed % 3
                $0.inFlight = 4 + seed % 20
                $0.waiting = 5 + seed % 30
                $0.groupBytes = 20 + seed % 200
                $0.stall = .milliseconds(300)
                $0.waitsWhileUnreachable = seed % 2 == 0
            }
        }

        mutating func submit(_ step: Int) {
            let caller =
                switch random.next(below: 3) {
                case 0: Caller("\(step)", replies: 1 + Int(random.next(below: 4)), isAtomic: false)
                default: Caller("\(step)")
                }
            callers.append(caller)
            // Ten bytes for each command.
            harness.submit(
                caller, bytes: caller.replies * 10, within: .milliseconds(Int64(1 + random.next(below: 300))))
        }

        /// Hands over what may be sent; the socket takes a part.
        mutating func pump() {
            if !unsent.isEmpty {
                harness.machine.resumeWriting()
            } else {
                var group: [Caller] = []
                guard harness.machine.takeGroup(&group) else { return }
                for caller in group { for _ in 0..<caller.replies { unsent.append((caller, 10)) } }
            }
            // A loss can come while a write is under way.
            if random.next(below: 40) == 0 { return lose(afterTaking: Int(random.next(below: 60))) }
            take(random.next(below: 4) == 0 ? Int(random.next(below: 60)) : .max)
            harness.machine.wrote(unsent: unsent.reduce(0) { $0 + $1.bytes })
        }

        /// The socket takes that many bytes.
        private mutating func take(_ bytes: Int) {
            var rest = bytes
            while rest > 0, let first = unsent.first {
                let count = min(rest, first.bytes)
                if let last = server.inbox.indices.last, server.inbox[last].missing > 0 {
                    server.inbox[last].missing -= count
                } else {
                    server.inbox.append((first.caller, 10 - count, false))
                }
                if count == first.bytes { unsent.removeFirst() } else { unsent[0].bytes -= count }
                rest -= count
            }
        }

        /// The connection ends; the server may go on with what it has.
        mutating func lose(afterTaking bytes: Int = 0) {
            take(bytes)
            for _ in 0..<random.next(below: 10) { server.execute() }
            (unsent, server.inbox, server.outbox) = ([], [], [])
            harness.lose()
        }

        mutating func receive() {
            guard !server.outbox.isEmpty else { return }
            let caller = server.outbox.removeFirst()
            harness.receive(caller.name)
        }

        mutating func tick() {
            let alarm = harness.tick(draw: random.next())
            if let attempt = alarm.connects {
                let error = RedisError(.connect, .notSent, "refused")
                if random.next(below: 3) == 0 {
                    harness.note(harness.machine.failed(attempt, error, now: harness.now, draw: random.next()))
                } else {
                    let isOpened = harness.machine.opened(attempt, now: harness.now)
                    #expect(isOpened)
                }
            }
            if alarm.closing != nil { lose() }
        }
    }

    /// Random requests, partial writes, losses, cancellations and deadlines; after each run what every caller was told
    /// is compared with what the server has done.
    @Test(arguments: 0..<500)
    func callersAreToldTheTruth(seed: Int) {
        var run = Run(seed: seed)
        for step in 0..<600 {
            switch run.random.next(below: 14) {
            case 0...3: run.submit(step)
            case 4...6: run.pump()
            case 7, 8: run.server.execute()
            case 9, 10: run.receive()
            case 11:
                run.harness.now = run.harness.now + .milliseconds(Int64(run.random.next(below: 30)))
                if let alarm = run.harness.machine.alarm, alarm <= run.harness.now { run.tick() }
            case 12:
                if let caller = run.callers.last, run.random.next(below: 3) == 0 { run.harness.abandon(caller) }
            default: if run.random.next(below: 12) == 0, run.harness.machine.link.isOpen { run.lose() }
            }
        }
        run.harness.close()
        for caller in run.callers { Self.check(caller, run.server.executed[ObjectIdentifier(caller)] ?? 0) }
        #expect(run.harness.machine.pendingReplies == 0)
    }

    private static func check(_ caller: Caller, _ executed: Int) {
        #expect(caller.endings == 1, "\(caller.name) was told \(caller.endings) times")
        #expect(executed <= caller.replies, "something was executed twice")
        #expect(caller.answers.allSatisfy { $0 == caller.name }, "somebody else's reply")
        if caller.isDone { #expect(executed == caller.replies && caller.answers.count == caller.replies) }
        if caller.errors.first?.effect == .notSent {
            #expect(executed == 0, "\(caller.name) was executed, and told that it was not sent")
        }
    }

    /// Any event in any state: nothing traps, and after the end everybody has been told once.
    @Test(arguments: 0..<300)
    func everyEventIsAnsweredInEveryState(seed: Int) {
        var run = Run(seed: seed &+ 10_000)
        let error = RedisError(.connect, .notSent, "no")
        for step in 0..<300 {
            let attempt = run.harness.machine.link.generation
            switch run.random.next(below: 14) {
            case 0, 1: run.submit(step)
            case 2: _ = run.harness.group()
            case 3: run.harness.machine.wrote(unsent: Int(run.random.next(below: 50)))
            case 4: run.harness.machine.wrote(unsent: 0)
            case 5: run.harness.machine.resumeWriting()
            case 6, 7: run.harness.receive("x")
            case 8: run.harness.tick(draw: run.random.next())
            case 9: _ = run.harness.machine.opened(attempt, now: run.harness.now)
            case 10:
                run.harness.note(run.harness.machine.failed(attempt, error, now: run.harness.now, draw: 1))
            case 11: run.harness.now = run.harness.now + .milliseconds(Int64(run.random.next(below: 2_000)))
            case 12: if let caller = run.callers.last { run.harness.abandon(caller) }
            default:
                if run.random.next(below: 30) == 0 { run.harness.close() } else { run.harness.lose() }
            }
        }
        run.harness.close()
        #expect(run.callers.allSatisfy { $0.endings == 1 })
        let group = run.harness.group()
        #expect(group == nil && run.harness.machine.pendingReplies == 0)
    }
}
