import Determinism
import Synchronization
import Testing

@testable import RedisDriver

@Suite("The subscription's machine and buffer")
struct SubscriptionMachineTests {
    private struct Harness {
        var machine: SubscriptionMachine
        var now = Instant(nanoseconds: 1_000_000_000)

        init(channels: Int = 1, failsWhenUnreachable: Bool = true) {
            machine = SubscriptionMachine(
                channelCount: channels, probeInterval: .seconds(10), failsWhenUnreachable: failsWhenUnreachable,
                confirmation: now + .seconds(5), link: ReconnectMachine.Limits())
        }
        mutating func tick() -> SubscriptionMachine.Action { machine.tick(now: now, draw: 0) }
        mutating func receive(_ parts: String...) -> SubscriptionMachine.Action {
            machine.receive(.array(parts.map { .bulk(Array($0.utf8)) }), now: now)
        }
        mutating func connect() -> SubscriptionMachine.Action {
            guard case .connect(let attempt) = tick() else { return .none }
            return machine.opened(attempt, now: now)
        }
        mutating func failed(_ error: RedisError) -> SubscriptionMachine.Action {
            guard case .connect(let attempt) = tick() else { return .none }
            return machine.failed(attempt, error, now: now, draw: 0)
        }
        mutating func lose() {
            machine.lost(machine.link.generation, RedisError(.connectionLost, .unknown, "x"), now: now, draw: 0)
        }
    }
    private let refused = RedisError(.connect, .notSent, "refused")

    @Test func itIsInForceOnceEverythingIsConfirmedAndAgainAfterALoss() {
        var harness = Harness(channels: 2)
        let asked = harness.connect()
        #expect(asked == .subscribe)
        let steps = [harness.receive("subscribe", "a", "1"), harness.receive("psubscribe", "b*", "2")]
        #expect(steps == [.none, .confirmed(isFirst: true)])
        let message = harness.receive("message", "a", "hello")
        #expect(message == .message(RedisMessage(channel: "a", pattern: nil, payload: Array("hello".utf8))))
        let matched = harness.receive("pmessage", "b*", "bc", "x")
        #expect(matched == .message(RedisMessage(channel: "bc", pattern: "b*", payload: [120])))
        harness.now = harness.now + .seconds(2)
        harness.lose()
        let again = harness.connect()
        #expect(again == .subscribe)
        let second = [harness.receive("subscribe", "a", "1"), harness.receive("message", "a", "early")]
        #expect(second[0] == .none, "a gap is told once all is in force")
        let inForce = harness.receive("psubscribe", "b*", "2")
        #expect(inForce == .confirmed(isFirst: false))
    }

    @Test func aSilentServerIsAskedAndThenLeft() {
        var harness = Harness()
        _ = harness.connect()
        _ = harness.receive("subscribe", "a", "1")
        #expect(harness.machine.alarm == harness.now + .seconds(10))
        harness.now = harness.now + .seconds(10)
        let probes = [harness.tick(), harness.tick()]
        #expect(probes == [.probe, .none], "one at a time")
        let pong = harness.receive("pong", "")
        #expect(pong == .none && harness.machine.alarm == harness.now + .seconds(10))
        harness.now = harness.now + .seconds(10)
        let probe = harness.tick()
        #expect(probe == .probe)
        harness.now = harness.now + .seconds(10)
        let dropped = harness.tick()
        if case .drop = dropped {} else { Issue.record("\(dropped)") }
    }

    /// A message that took longer than the interval to come through counted as silence.
    @Test func aServerThatIsInTheMiddleOfALongMessageIsThere() {
        var harness = Harness()
        _ = harness.connect()
        _ = harness.receive("subscribe", "a", "1")
        for _ in 0..<5 {
            harness.now = harness.now + .seconds(9)
            harness.machine.heard(now: harness.now)
            let action = harness.tick()
            #expect(action == .none && harness.machine.alarm == harness.now + .seconds(10))
        }
    }

    @Test func whatNeverComesIntoForceIsGivenUp() {
        var impatient = Harness()
        let first = impatient.failed(refused)
        #expect(first == .giveUp(refused))
        var patient = Harness(failsWhenUnreachable: false)
        let second = patient.failed(refused)
        #expect(second == .none)
        patient.now = patient.now + .seconds(5)
        let late = patient.tick()
        if case .giveUp(let error) = late {
            #expect(error.code == .timeout && error.reason.contains("refused"))
        } else {
            Issue.record("\(late)")
        }
        var wrong = Harness(failsWhenUnreachable: false)
        let password = RedisError(
            .connect, .notSent, "no", server: RedisServerError(message: "WRONGPASS no"))
        let third = wrong.failed(password)
        #expect(third == .giveUp(password), "it would not get better")
    }

    @Test(arguments: 0..<200)
    func everyEventIsAnsweredInEveryState(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var harness = Harness(channels: 1 + Int(seed % 3), failsWhenUnreachable: seed % 2 == 0)
        var (confirmations, losses) = (0, 0)
        for _ in 0..<200 {
            let action: SubscriptionMachine.Action
            switch random.next(below: 10) {
            case 0, 1: action = harness.tick()
            case 2: action = harness.machine.opened(harness.machine.link.generation, now: harness.now)
            case 3:
                action = harness.machine.failed(
                    harness.machine.link.generation, refused, now: harness.now, draw: random.next())
            case 4, 5: action = harness.receive(["subscribe", "psubscribe"][Int(random.next(below: 2))], "a", "1")
            case 6: action = harness.receive("message", "a", "b")
            case 7: action = harness.machine.receive(.integer(1), now: harness.now)
            case 8:
                harness.lose()
                losses += 1
                action = .none
            default:
                harness.now = harness.now + .milliseconds(Int64(random.next(below: 3_000)))
                action = .none
            }
            switch action {
            case .confirmed: confirmations += 1
            case .drop:
                harness.lose()
                losses += 1
            case .giveUp(let error): harness.machine.close(error)
            default: break
            }
        }
        #expect(confirmations <= losses + 1)
        harness.machine.close(refused)
        let afterwards = harness.tick()
        #expect(afterwards == .none && harness.machine.alarm == nil)
    }

    private func message(_ number: Int) -> RedisEvent {
        .message(RedisMessage(channel: "c", pattern: nil, payload: Array("\(number)".utf8)))
    }

    @Test func theOldestGiveWayAndTheReaderIsToldWhere() async {
        let buffer = MessageBuffer(limit: 3, byteLimit: 1 << 20)
        for number in 0..<5 { buffer.append(message(number)) }
        #expect(buffer.droppedCount == 2)
        var events: [RedisEvent?] = []
        for _ in 0..<2 { events.append(await buffer.next()) }
        #expect(events == [.gap(RedisGap(droppedCount: 2)), message(2)])
        buffer.append(.gap(RedisGap(wasInterrupted: true)))
        for number in 5..<8 { buffer.append(message(number)) }
        let gap = await buffer.next()
        #expect(gap == .gap(RedisGap(droppedCount: 2, wasInterrupted: true)), "a lost gap is part of the one before")
        buffer.end()
        buffer.append(message(9))
        var rest: [RedisEvent?] = []
        for _ in 0..<4 { rest.append(await buffer.next()) }
        #expect(rest == [message(5), message(6), message(7), nil])
    }

    @Test func bytesAreBoundedToo() async {
        let buffer = MessageBuffer(limit: 1_000, byteLimit: 10_000)
        for _ in 0..<100 {
            buffer.append(
                .message(RedisMessage(channel: "c", pattern: nil, payload: [UInt8](repeating: 0, count: 935))))
        }
        #expect(buffer.droppedCount == 90)
    }

    @Test func aReaderThatIsCancelledGetsTheEnd() async {
        let buffer = MessageBuffer(limit: 3, byteLimit: 1 << 20)
        let event = await withTaskGroup(of: RedisEvent?.self) { group in
            group.addTask { await buffer.next() }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(event == nil)
        buffer.append(message(1))
        let next = await buffer.next()
        #expect(next == message(1), "nobody has taken it away")
    }
}
