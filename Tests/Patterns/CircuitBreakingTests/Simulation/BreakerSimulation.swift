import Determinism
import Testing

@testable import CircuitBreaking

/// Random calls, outcomes, operators and clocks, for a machine, a twin of it that only observes, and the reference.
final class BreakerSimulation {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
    /// What has happened, so that a test can say that something has.
    struct Summary {
        var (calls, rejections, probes, stale, released) = (0, 0, 0, 0, 0)
        var (stepsBack, lost) = (0, 0)
        var reasons: [String: Int] = [:]
    }
    private let configuration: CircuitBreakerConfiguration
    private let random: SeededRandom
    private var machine: CircuitBreakerMachine
    private var twin: CircuitBreakerMachine
    private var reference: ReferenceBreaker
    private(set) var summary = Summary()
    /// What the clock says, and what it would say had it never been put back.
    private var (reading, time) = (Instant(nanoseconds: 7_000_000_000_000), Instant(nanoseconds: 7_000_000_000_000))
    private var running: [(id: Int, ticket: CallTicket?, twins: CallTicket, since: Instant)] = []
    private var nextID = 0
    private var log: [String] = []
    /// By half-open generation: how many probes went out, and how many came back without saying anything.
    private var (probesOut, probesFreed) = ([UInt64: Int](), [UInt64: Int]())
    private var expected = CircuitTotals()
    /// How healthy whom is called is at the moment: of ten calls, so many fail.
    private var sickness: UInt64 = 0

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        configuration = RandomConfiguration.make(random)
        machine = CircuitBreakerMachine(configuration, seed: seed)
        var observing = configuration
        observing.mode = .observing
        twin = CircuitBreakerMachine(observing, seed: seed)
        reference = ReferenceBreaker(configuration)
    }

    func run(steps: Int) throws(Failure) {
        for _ in 0..<steps { try step() }
        try recover()
        try settleTotals()
    }

    private func step() throws(Failure) {
        switch random.next(below: 40) {
        case 0..<14: _ = try begin()
        case 14..<27: try end()
        case 27..<35: pass(.milliseconds(Int64(random.next(below: 1 << random.next(below: 12)))))
        case 35: pass(.milliseconds(Int64(random.next(below: 30_000))))
        case 36: try observe()
        case 37: try stepBack()
        case 38: sickness = random.next(below: 11)
        default: if random.next(below: 5) == 0 { try operate() }
        }
    }

    private func pass(_ duration: Duration) {
        reading = reading + duration
        time = time + duration
    }

    /// - Returns: what the machine said.
    private func begin() throws(Failure) -> CircuitAdmission {
        nextID += 1
        let admission = machine.admit(now: reading)
        let isExpected = reference.admit(nextID, time)
        guard case .admitted(let twins) = twin.admit(now: reading) else { throw failure("the twin rejects") }
        summary.calls += 1
        switch admission {
        case .admitted(let ticket):
            if !isExpected { throw failure("admits too much") }
            if twins != ticket { throw failure("the twin gives another ticket: \(twins), not \(ticket)") }
            if ticket.isProbe {
                summary.probes += 1
                probesOut[ticket.generation, default: 0] += 1
                let held = probesOut[ticket.generation, default: 0] - probesFreed[ticket.generation, default: 0]
                if held > configuration.halfOpen.permits { throw failure("\(held) probes") }
            }
            running.append((nextID, ticket, twins, time))
        case .rejected(let rejection):
            if isExpected { throw failure("admits too little") }
            if twins.role != .bystander { throw failure("the twin counts a rejected call") }
            expected.rejections += 1
            summary.rejections += 1
            guard let pause = rejection.retryAfter, pause > .zero else { throw failure("rejects without a time") }
            running.append((nextID, nil, twins, time))
        }
        try compare()
        return admission
    }

    private func end() throws(Failure) {
        guard !running.isEmpty else { return }
        let call = running.remove(at: Int(random.next(below: UInt64(running.count))))
        // Some calls never come back.
        if random.next(below: 12) == 0 {
            summary.lost += 1
            return
        }
        let pauses: [Duration?] = [nil, nil, .seconds(3), .seconds(100), .zero]
        let outcome: CallOutcome =
            switch random.next(below: 10) {
            case 0: .ignored
            case let draw: draw <= sickness ? .failure(retryAfter: pauses[Int(random.next(below: 5))]) : .success
            }
        try end(call, outcome, isDropped: outcome == .ignored && random.next(below: 2) == 0)
    }

    private func end(
        _ call: (id: Int, ticket: CallTicket?, twins: CallTicket, since: Instant), _ outcome: CallOutcome,
        isDropped: Bool = false
    ) throws(Failure) {
        let before = machine.generation
        let counts = (machine.failures.total, machine.failures.hits, machine.failuresInARow)
        _ = isDropped ? twin.release(call.twins, now: reading) : discard(twin.record(call.twins, outcome, now: reading))
        guard let ticket = call.ticket else { return try compare(isBystander: true) }
        let standing = reference.record(call.id, outcome, time)
        if isDropped {
            machine.release(ticket, now: reading)
            expected.dropped += 1
        } else {
            let actual = machine.record(ticket, outcome, now: reading)
            if actual != standing { throw failure("\(actual), not \(standing)") }
        }
        switch outcome {
        case .success: expected.successes += 1
        case .failure: expected.failures += 1
        case .ignored: expected.ignored += 1
        }
        let isSlow = configuration.slowRate.map { time - call.since >= $0.threshold } ?? false
        if isSlow, outcome != .ignored { expected.slow += 1 }
        if standing == .stale {
            expected.stale += 1
            summary.stale += 1
        }
        if standing == .ignored, ticket.isProbe {
            summary.released += 1
            probesFreed[ticket.generation, default: 0] += 1
        }
        if ticket.generation != before {
            let after = (machine.failures.total, machine.failures.hits, machine.failuresInARow)
            if machine.generation != before || counts != after { throw failure("an old generation decides") }
        }
        try compare()
    }

    private func discard(_ standing: CallStanding) {}

    private func observe() throws(Failure) {
        machine.observe(now: reading)
        twin.observe(now: reading)
        reference.observe(time)
        try compare()
    }

    /// The clock is put back, by more than readings in the wrong order are, right after it was read.
    private func stepBack() throws(Failure) {
        try observe()
        let step = Duration.milliseconds(1_001 + Int64(random.next(below: 1 << random.next(below: 34))))
        reading = reading + (.zero - step)
        summary.stepsBack += 1
        try observe()
    }

    private func operate() throws(Failure) {
        switch random.next(below: 3) {
        case 0:
            machine.open(for: nil, now: reading)
            twin.open(for: nil, now: reading)
            reference.operatorOpens()
        case 1:
            machine.close(now: reading)
            twin.close(now: reading)
            reference.operatorCloses()
        default:
            machine.tryNow(now: reading)
            twin.tryNow(now: reading)
            reference.operatorTries()
        }
        try compare()
    }

    // MARK: - Promises

    /// Machine, twin and reference stand in the same place, and came there in the same way.
    private func compare(isBystander: Bool = false) throws(Failure) {
        let (changes, twins, reference) = (machine.takeChanges(), twin.takeChanges(), reference.takeChanges())
        if isBystander, !twins.isEmpty { throw failure("a call that would have been rejected moves the twin") }
        if changes.count != reference.count { throw failure("\(changes) instead of \(reference)") }
        if changes.count != twins.count { throw failure("\(changes), but the twin \(twins)") }
        for (change, (twin, expectation)) in zip(changes, zip(twins, reference)) {
            log.append("\(change.to): \(change.reason)")
            summary.reasons["\(change.reason)".prefix { $0 != "(" }.description, default: 0] += 1
            if (change.from, change.to, change.reason) != (expectation.from, expectation.to, expectation.reason) {
                throw failure("\(change) instead of \(expectation)")
            }
            if (twin.from, twin.to, twin.reason, twin.retryAt) != (
                change.from, change.to, change.reason, change.retryAt
            ) {
                throw failure("\(change), but the twin \(twin)")
            }
            if change.to == .open {
                expected.openings += 1
                try check(change, expectation)
                self.reference.until = time + (change.retryAt.map { $0 - change.at } ?? .zero)
            }
        }
        if machine.state != self.reference.state || machine.state != twin.state {
            throw failure("\(machine.state), the twin \(twin.state), the reference \(self.reference.state)")
        }
        if machine.failures.total != twin.failures.total || machine.failures.hits != twin.failures.hits {
            throw failure("the twin counts other calls")
        }
    }

    private func check(_ change: CircuitChange, _ expectation: ReferenceBreaker.Change) throws(Failure) {
        guard let retryAt = change.retryAt, let whole = expectation.wait else { throw failure("opens without a wait") }
        let wait = retryAt - change.at
        let least = expectation.isExact ? whole : whole * (1 - configuration.wait.jitter) - .microseconds(1)
        if wait > whole || wait < least { throw failure("waits \(wait) instead of \(whole)") }
    }

    /// Whatever has happened: whoever asks again when he is told gets through soon, and healthy calls close the
    /// circuit.
    private func recover() throws(Failure) {
        running = []
        let longestWait = max(configuration.wait.longest, configuration.longestRetryAfter ?? .zero)
        // At most: the probes that are out expire, one after the other, the circuit opens, and is tried.
        let patience = longestWait + configuration.halfOpen.deadline
        var rejectedSince: Instant?
        for _ in 0..<(20 * (configuration.halfOpen.permits + 1)) {
            switch try begin() {
            case .admitted:
                rejectedSince = nil
                let call = running.removeLast()
                try end(call, .success)
            case .rejected(let rejection):
                running = []
                let since = rejectedSince ?? time
                rejectedSince = since
                pass(rejection.retryAfter ?? .zero)
                if time - since > patience { throw failure("nobody got through for \(time - since)") }
            }
        }
        if machine.state != .closed { throw failure("healthy calls do not close it") }
        let generation = machine.generation
        for _ in 0..<50 {
            guard case .admitted = try begin() else { throw failure("rejects healthy calls") }
            let call = running.removeLast()
            try end(call, .success)
        }
        // What hangs from before may still become slow; it is not what healthy calls do.
        let hangs = configuration.slowRate?.countsRunningCalls == true
        if machine.generation != generation, !hangs { throw failure("healthy calls open it") }
    }

    private func settleTotals() throws(Failure) {
        // How many probes expired and calls were overdue, the reference does not say.
        expected.expiredProbes = machine.totals.expiredProbes
        expected.overdue = machine.totals.overdue
        if machine.totals != expected { throw failure("\(machine.totals) instead of \(expected)") }
        if twin.totals.wouldHaveRejected != expected.rejections || twin.totals.rejections != 0 {
            throw failure("the twin would have rejected \(twin.totals.wouldHaveRejected)")
        }
        if twin.totals.openings != expected.openings || twin.totals.expiredProbes != expected.expiredProbes {
            throw failure("the twin's totals")
        }
    }

    private func failure(_ what: String) -> Failure {
        Failure(description: "\(what); \(configuration); \(log.suffix(12).joined(separator: ", "))")
    }
}
