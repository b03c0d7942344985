import Determinism
import Testing

@testable import RedisDriver

@Suite("Reconnecting")
struct ReconnectMachineTests {
    private let error = RedisError(.connect, .notSent, "refused")
    private var now = Instant(nanoseconds: 1_000_000_000)

    @Test func waitsGrowAndAreDrawnFromZeroOn() {
        var limits = ReconnectMachine.Limits()
        (limits.backoffBase, limits.backoffLimit) = (.milliseconds(50), .seconds(5))
        for failures in 0..<200 {
            #expect(ReconnectMachine.delay(failures, 0, limits) == .zero)
            let longest = ReconnectMachine.delay(failures, .max, limits)
            let bound = failures < 7 ? Duration.milliseconds(50 * (1 << failures)) : .seconds(5)
            #expect(longest == bound, "after \(failures) failures")
            #expect(ReconnectMachine.delay(failures, .max / 2, limits) <= bound / 2)
        }
    }

    @Test func everyStateAnswersEveryEvent() {
        for seed in 0..<200 {
            let random = SeededRandom(seed: UInt64(seed))
            var machine = ReconnectMachine(limits: ReconnectMachine.Limits())
            var now = self.now
            for _ in 0..<100 {
                let attempt = machine.generation &+ (random.next(below: 4) == 0 ? 1 : 0)
                let (wasOpen, wasClosed) = (machine.isOpen, machine.isClosed)
                switch random.next(below: 10) {
                case 0, 1, 2:
                    let step = machine.tick(now: now, draw: random.next())
                    if case .connect = step { #expect(!wasOpen && !wasClosed) }
                case 3, 4: if machine.opened(attempt, now: now) { #expect(!wasOpen && machine.isOpen) }
                case 5: if machine.failed(attempt, error, now: now, draw: random.next()) { #expect(machine.isFailing) }
                case 6, 7:
                    if machine.lost(attempt, error, now: now, draw: random.next()) {
                        #expect(wasOpen && !machine.isOpen)
                    }
                case 8 where random.next(below: 20) == 0: machine.close()
                default: now = now + .milliseconds(Int64(random.next(below: 4_000)))
                }
                if wasClosed { #expect(machine.isClosed && machine.alarm == nil) }
                #expect(machine.isOpen || machine.isClosed || machine.alarm != nil, "it would never connect again")
            }
        }
    }

    /// A machine that notes what its mutating calls came to.
    private struct Bench {
        var machine = ReconnectMachine(limits: ReconnectMachine.Limits())
        let error = RedisError(.connect, .notSent, "refused")
        mutating func tick(_ now: Instant) -> ReconnectMachine.Step { machine.tick(now: now, draw: 0) }
        mutating func opened(_ attempt: UInt64, _ now: Instant) -> Bool { machine.opened(attempt, now: now) }
        mutating func failed(_ attempt: UInt64, _ now: Instant) -> Bool {
            machine.failed(attempt, error, now: now, draw: 0)
        }
        mutating func lost(_ attempt: UInt64, _ now: Instant) -> Bool {
            machine.lost(attempt, error, now: now, draw: 0)
        }
    }

    @Test func aConnectionThatLastsEndsASeriesOfFailures() {
        var bench = Bench()
        let begins = [bench.tick(now), bench.tick(now)]
        #expect(begins == [.connect(1), .none])
        let failures = [bench.failed(1, now), bench.failed(1, now)]
        #expect(failures == [true, false], "it has failed already")
        let second = bench.tick(now)
        #expect(second == .connect(2))
        let opened = [bench.opened(1, now), bench.opened(2, now)]
        #expect(opened == [false, true], "a late one decides nothing")
        #expect(bench.machine.failures == 1 && !bench.machine.isFailing)
        // One that ends at once is one failure more.
        let lost = bench.lost(2, now + .milliseconds(10))
        #expect(lost && bench.machine.failures == 2 && bench.machine.isFailing)
        let third = bench.tick(now + .milliseconds(10))
        #expect(third == .connect(3))
        let again = bench.opened(3, now + .milliseconds(20))
        let ended = bench.lost(3, now + .seconds(2))
        #expect(again && ended && bench.machine.failures == 0 && !bench.machine.isFailing)
    }

    @Test func anAttemptThatDoesNotComeBackIsGivenUp() {
        var bench = Bench()
        let steps = [bench.tick(now), bench.tick(now + .seconds(5))]
        #expect(steps == [.connect(1), .gaveUp])
        let late = bench.opened(1, now + .seconds(5))
        #expect(!late)
        let next = bench.tick(now + .seconds(5))
        #expect(next == .connect(2))
    }
}
