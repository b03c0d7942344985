import CircuitBreaking
import Determinism
import Testing

/// Random events with tickets of all origins, at times from the ends of the scale: nothing traps, and what always holds
/// holds.
@Suite("Any event at any time")
struct AnyEventTests {
    private static let instants: [Int64] = [.min, .min + 1, -1_000_000_000, -1, 0, 1, 1_000_000_000, .max - 1, .max]

    @Test(arguments: UInt64(0)..<150)
    func trapsNever(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        var configuration = RandomConfiguration.make(random)
        if seed % 2 == 0 {
            // The shortest slices there are, so that the numbers of slices reach the ends of the scale, too.
            configuration.window = .time(.nanoseconds(7), slices: 7)
            configuration.latencyWindow = .nanoseconds(1)
        }
        try configuration.validate()
        var machine = CircuitBreakerMachine(configuration, seed: seed)
        var other = CircuitBreakerMachine(RandomConfiguration.make(random), seed: seed)
        var tickets: [CallTicket] = []
        for _ in 0..<400 {
            let now = Instant(
                nanoseconds: random.next(below: 3) == 0
                    ? Self.instants[Int(random.next(below: UInt64(Self.instants.count)))]
                    : Int64(bitPattern: random.next()))
            let generation = machine.generation
            switch random.next(below: 14) {
            case 0..<4: if case .admitted(let ticket) = machine.admit(now: now) { tickets.append(ticket) }
            case 4: if case .admitted(let ticket) = other.admit(now: now) { tickets.append(ticket) }
            case 5..<9:
                guard let ticket = tickets.randomOne(random) else { continue }
                let outcomes: [CallOutcome] = [.success, .failure(), .failure(retryAfter: .seconds(-5)), .ignored]
                _ = machine.record(ticket, outcomes[Int(random.next(below: 4))], now: now)
            case 9: if let ticket = tickets.randomOne(random) { machine.release(ticket, now: now) }
            case 10: machine.observe(now: now)
            case 11: machine.setMode(CircuitMode.allCases[Int(random.next(below: 4))], now: now)
            case 12: machine.open(for: random.next(below: 2) == 0 ? nil : .seconds(-1), now: now)
            default: random.next(below: 2) == 0 ? machine.close(now: now) : machine.tryNow(now: now)
            }
            let changes = machine.takeChanges()
            #expect(UInt64(changes.count) == machine.generation - generation)
            #expect((machine.remainingWait == nil) == (machine.state != .open))
            #expect(machine.remainingWait ?? .zero >= .zero)
        }
    }
}

/// Settings of all kinds that are allowed.
enum RandomConfiguration {
    static func make(_ random: SeededRandom) -> CircuitBreakerConfiguration {
        func number(_ range: ClosedRange<Int>) -> Int {
            range.lowerBound + Int(random.next(below: UInt64(range.count)))
        }
        var configuration = CircuitBreakerConfiguration()
        let calls = number(1...60)
        configuration.window =
            number(0...1) == 0 ? .calls(calls) : .time(.milliseconds(number(10...20_000)), slices: number(1...12))
        configuration.failureRate =
            number(0...3) == 0 ? nil : FailureRateRule(percent: number(1...100), minimumCalls: number(1...calls))
        configuration.slowRate =
            number(0...2) == 0
            ? nil
            : SlowRateRule(
                threshold: .milliseconds(number(1...3_000)), percent: number(1...100),
                minimumCalls: number(1...calls), countsRunningCalls: number(0...2) > 0)
        let mustCount = configuration.failureRate == nil && configuration.slowRate == nil
        configuration.consecutiveFailures = mustCount || number(0...2) == 0 ? number(1...6) : nil
        configuration.wait =
            number(0...1) == 0
            ? .constant(.milliseconds(number(1...20_000)))
            : .doubling(from: .milliseconds(number(1...5_000)), upTo: .seconds(20), jitter: Double(number(0...10)) / 10)
        configuration.longestRetryAfter = number(0...1) == 0 ? nil : .seconds(number(1...20))
        configuration.halfOpen = HalfOpenRule(
            permits: number(1...6), percent: number(1...100), deadline: .milliseconds(number(1...10_000)))
        configuration.latencyWindow = number(0...1) == 0 ? nil : .seconds(5)
        return configuration
    }
}

extension Array {
    /// One of them; nil when there is none.
    func randomOne(_ random: SeededRandom) -> Element? {
        isEmpty ? nil : self[Int(random.next(below: UInt64(count)))]
    }
}
