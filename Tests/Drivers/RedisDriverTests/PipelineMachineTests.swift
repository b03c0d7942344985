import Determinism
import Testing

@testable import RedisDriver

/// Somebody who sends.
final class Caller: @unchecked Sendable {
    let name: String
    let replies: Int
    let isAtomic: Bool
    var errors: [RedisError] = []
    var answers: [String] = []
    var isDone = false
    init(_ name: String, replies: Int = 1, isAtomic: Bool = true) {
        (self.name, self.replies, self.isAtomic) = (name, replies, isAtomic)
    }
    var endings: Int { errors.count + (isDone ? 1 : 0) }
}

/// A machine with a clock, whose connection is there unless a test says otherwise.
struct MachineHarness {
    var machine: RedisPipelineMachine<Caller>
    var now = Instant(nanoseconds: 1_000_000_000)

    init(connected: Bool = true, _ change: (inout PipelineLimits) -> Void = { _ in }) {
        var limits = PipelineLimits()
        change(&limits)
        machine = RedisPipelineMachine(limits: limits, link: ReconnectMachine.Limits())
        if connected { connect() }
    }

    mutating func connect() {
        if let attempt = tick().connects { _ = machine.opened(attempt, now: now) }
    }
    @discardableResult
    mutating func submit(_ caller: Caller, bytes: Int = 10, within time: Duration = .seconds(1)) -> RedisError? {
        let request = PipelineRequest(
            token: caller, replies: caller.replies, bytes: bytes, isAtomic: caller.isAtomic, deadline: now + time)
        let refusal = machine.submit(request, now: now)
        if let refusal { caller.errors.append(refusal) }
        return refusal
    }
    mutating func group() -> [String]? {
        var group: [Caller] = []
        return machine.takeGroup(&group) ? group.map(\.name) : nil
    }
    /// Takes a group that is sent as a whole.
    mutating func send() -> [String]? {
        guard let group = group() else { return nil }
        machine.wrote(unsent: 0)
        return group
    }
    mutating func receive(_ text: String = "") {
        if case .give(let caller, let isLast) = machine.receive(now: now) {
            caller.answers.append(text)
            if isLast { caller.isDone = true }
        }
    }
    @discardableResult
    mutating func tick(draw: UInt64 = 0) -> RedisPipelineMachine<Caller>.Alarm {
        let alarm = machine.tick(now: now, draw: draw)
        note(alarm.endings)
        return alarm
    }
    mutating func lose() {
        note(
            machine.lost(
                machine.link.generation, RedisError(.connectionLost, .unknown, "lost"), now: now, draw: 0))
    }
    mutating func close() { note(machine.close(RedisError(.closed, .unknown, "closed"))) }
    mutating func abandon(_ caller: Caller) { note(machine.abandon(caller).map { [$0] } ?? []) }
    func note(_ endings: [PipelineEnding<Caller>]) {
        for ending in endings { ending.token.errors.append(ending.error) }
    }
}

@Suite("The pipeline's machine")
struct PipelineMachineTests {
    private let a = Caller("a")
    private let b = Caller("b")
    private let c = Caller("c")
    private let d = Caller("d")

    @Test func aLoneCommandGoesOutAtOnceAndOthersGather() {
        var harness = MachineHarness()
        harness.submit(a)
        let group1 = harness.send()
        #expect(group1 == ["a"])
        harness.submit(b)
        let group2 = harness.send()
        #expect(group2 == ["b"], "a second group")
        harness.submit(c)
        harness.submit(d)
        let group3 = harness.send()
        #expect(group3 == nil, "two are on their way")
        harness.receive("1")
        let group4 = harness.send()
        #expect(group4 == ["c", "d"])
        for text in ["2", "3", "4"] { harness.receive(text) }
        #expect([a, b, c, d].map(\.answers) == [["1"], ["2"], ["3"], ["4"]])
        #expect(harness.machine.pendingReplies == 0)
        if case .broken = harness.machine.receive(now: harness.now) {} else { Issue.record("nobody asked for that") }
    }

    @Test func oneAtATimeSends() {
        var harness = MachineHarness()
        harness.submit(a)
        let group5 = harness.group()
        #expect(group5 == ["a"])
        harness.submit(b)
        let group6 = harness.group()
        #expect(group6 == nil, "somebody is sending")
        harness.machine.wrote(unsent: 4)
        let group7 = harness.group()
        #expect(group7 == nil, "the socket takes no more")
        harness.machine.resumeWriting()
        harness.machine.wrote(unsent: 0)
        let group8 = harness.group()
        #expect(group8 == ["b"])
    }

    @Test func manyBytesDoNotWait() {
        var harness = MachineHarness { $0.eagerBytes = 100 }
        for caller in [a, b] {
            harness.submit(caller)
            _ = harness.send()
        }
        harness.submit(c, bytes: 99)
        let group9 = harness.send()
        #expect(group9 == nil)
        harness.submit(d, bytes: 1)
        let group10 = harness.send()
        #expect(group10 == ["c", "d"])
    }

    @Test func whatIsUnderWayIsBounded() {
        var harness = MachineHarness {
            ($0.inFlight, $0.waiting, $0.groups) = (2, 3, 100)
            $0.waitingBytes = 1_000
        }
        let callers = (0..<6).map { Caller("\($0)") }
        for caller in callers[..<2] { harness.submit(caller) }
        let group11 = harness.send()
        #expect(group11 == ["0", "1"])
        for caller in callers[2..<5] { harness.submit(caller) }
        let group12 = harness.send()
        #expect(group12 == nil)
        let refusal = harness.submit(callers[5])
        #expect(refusal?.code == .overloaded && refusal?.effect == .notSent)
        harness.receive()
        let group13 = harness.send()
        #expect(group13 == ["2"])
        let tooLarge = harness.submit(Caller("large"), bytes: 2_000)
        #expect(tooLarge?.code == .overloaded)
        for _ in 0..<2 { harness.receive() }
        let group14 = harness.send()
        #expect(group14 == ["3", "4"])
        for _ in 0..<2 { harness.receive() }
        // A larger one than the limits goes alone.
        let large = Caller("large", replies: 50, isAtomic: false)
        let accepted = harness.submit(large, bytes: 5_000)
        #expect(accepted == nil)
        let group15 = harness.send()
        #expect(group15 == ["large"])
        harness.submit(a)
        let group16 = harness.send()
        #expect(group16 == nil)
        for _ in 0..<50 { harness.receive() }
        let afterwards = harness.send()
        #expect(large.isDone && afterwards == ["a"])
    }

    @Test func whoIsCancelledWaitsNoMoreAndItsReplyIsNobodys() {
        var harness = MachineHarness { $0.groups = 1 }
        harness.submit(a)
        harness.submit(b)
        let group17 = harness.send()
        #expect(group17 == ["a", "b"])
        harness.submit(c)
        harness.abandon(a)
        #expect(a.errors.map(\.effect) == [.unknown] && a.errors.map(\.code) == [.cancelled])
        harness.abandon(c)
        #expect(c.errors.map(\.effect) == [.notSent])
        harness.abandon(a)
        harness.receive("of a")
        harness.receive("of b")
        #expect(a.answers.isEmpty && b.answers == ["of b"] && a.endings == 1)
        let group18 = harness.send()
        #expect(group18 == nil, "c is gone")
        #expect(harness.machine.pendingReplies == 0)
    }

    @Test func aLossTellsEachWhatIsKnown() {
        var harness = MachineHarness { $0.groups = 1 }
        harness.now = harness.now + .seconds(1)
        let pipeline = Caller("pipeline", replies: 3, isAtomic: false)
        let rest = Caller("rest", replies: 3, isAtomic: false)
        harness.submit(a)
        harness.submit(pipeline, bytes: 100)
        harness.submit(b)
        harness.submit(rest)
        let group19 = harness.group()?.count
        #expect(group19 == 4)
        // 130 bytes were handed over: all of a, half of the pipeline, nothing of the others.
        harness.machine.wrote(unsent: 130 - 60)
        harness.submit(c)
        harness.receive("1")
        harness.receive("first of the pipeline")
        harness.now = harness.now + .milliseconds(900)
        harness.lose()
        #expect(a.isDone && a.errors.isEmpty)
        #expect(pipeline.errors.map(\.effect) == [.unknown] && pipeline.answers.count == 1)
        #expect(b.errors.map(\.effect) == [.notSent] && rest.errors.map(\.effect) == [.notSent])
        #expect(c.endings == 0, "it was not handed over: it waits for the next connection")
        harness.connect()
        let next = harness.send()
        #expect(next == ["c"])
    }

    @Test func aCommandThatWasSentInPartIsNotExecuted() {
        var harness = MachineHarness()
        harness.submit(a, bytes: 100)
        _ = harness.group()
        harness.machine.wrote(unsent: 1)
        harness.lose()
        #expect(a.errors.map(\.effect) == [.notSent], "the server does not have its last byte")
        var other = MachineHarness()
        other.submit(b, bytes: 100)
        _ = other.group()
        other.machine.wrote(unsent: 1)
        other.machine.resumeWriting()
        other.lose()
        #expect(b.errors.map(\.effect) == [.unknown], "the rest is being sent")
    }

    @Test func deadlinesPassSentOrNot() {
        var harness = MachineHarness { ($0.groups, $0.stall) = (1, .seconds(2)) }
        harness.submit(a, within: .milliseconds(100))
        let group20 = harness.send()
        #expect(group20 == ["a"])
        harness.submit(b, within: .milliseconds(50))
        #expect(harness.machine.alarm == harness.now + .milliseconds(50))
        harness.now = harness.now + .milliseconds(50)
        harness.tick()
        #expect(b.errors.map(\.effect) == [.notSent] && a.endings == 0)
        harness.now = harness.now + .milliseconds(50)
        let alarm = harness.tick()
        #expect(alarm.closing == nil)
        #expect(a.errors.map(\.effect) == [.unknown] && a.errors.map(\.code) == [.timeout])
        // Its reply may still come, and is nobody's.
        harness.submit(c, within: .seconds(60))
        harness.now = harness.now + .seconds(1)
        harness.receive("late")
        let group21 = harness.send()
        #expect(group21 == ["c"])
        harness.receive("of c")
        #expect(a.answers.isEmpty && c.answers == ["of c"])
    }

    @Test func aSilentConnectionIsClosed() {
        var harness = MachineHarness { $0.stall = .seconds(2) }
        harness.submit(a, within: .milliseconds(100))
        _ = harness.send()
        harness.abandon(a)
        harness.now = harness.now + .milliseconds(100)
        let early = harness.tick()
        #expect(early.closing == nil)
        let alarm = harness.machine.alarm
        #expect(alarm == harness.now + .seconds(2))
        harness.now = harness.now + .seconds(2)
        let late = harness.tick()
        #expect(late.closing != nil)
        harness.lose()
        #expect(a.endings == 1 && harness.machine.pendingReplies == 0)
    }

    /// A reply that took longer than the limit to come through counted as silence, and cost the connection.
    @Test func aConnectionIsNotSilentWhileALongReplyComes() {
        var harness = MachineHarness { $0.stall = .seconds(2) }
        harness.submit(a, within: .milliseconds(100))
        _ = harness.send()
        for _ in 0..<10 {
            harness.now = harness.now + .seconds(1)
            harness.machine.heard(now: harness.now)
            let alarm = harness.tick()
            #expect(alarm.closing == nil)
        }
        harness.now = harness.now + .seconds(2)
        let late = harness.tick()
        #expect(late.closing != nil, "then it stood still")
    }

    @Test func whileUnreachableCommandsFailOrWait() {
        let refused = RedisError(.connect, .notSent, "refused")
        var harness = MachineHarness(connected: false)
        harness.submit(a)
        let group22 = harness.send()
        #expect(group22 == nil && a.endings == 0, "the first attempt is waited for")
        let attempt = harness.tick().connects ?? 0
        harness.note(harness.machine.failed(attempt, refused, now: harness.now, draw: .max))
        #expect(a.errors == [refused])
        let second = harness.submit(b)
        #expect(second == refused)
        harness.now = harness.now + .seconds(1)
        harness.connect()
        let third = (harness.submit(c), harness.send())
        #expect(third.0 == nil && third.1 == ["c"])

        var patient = MachineHarness(connected: false) { $0.waitsWhileUnreachable = true }
        patient.submit(d, within: .milliseconds(500))
        let fourth = patient.tick().connects ?? 0
        patient.note(patient.machine.failed(fourth, refused, now: patient.now, draw: 0))
        #expect(d.endings == 0)
        patient.now = patient.now + .milliseconds(500)
        patient.tick()
        #expect(d.errors.map(\.code) == [.timeout] && d.errors.map(\.effect) == [.notSent])
        #expect(d.errors.first?.reason.contains("refused") == true)
    }

    @Test func afterTheEndNothingIsTaken() {
        var harness = MachineHarness()
        harness.submit(a)
        _ = harness.send()
        harness.submit(b)
        harness.close()
        #expect(a.errors.map(\.effect) == [.unknown] && b.errors.map(\.effect) == [.notSent])
        let refusal = harness.submit(c)
        #expect(refusal?.code == .closed)
        harness.close()
        harness.lose()
        let alarm = harness.tick()
        #expect(alarm.connects == nil && harness.machine.alarm == nil)
        #expect(a.endings == 1 && b.endings == 1)
    }
}
