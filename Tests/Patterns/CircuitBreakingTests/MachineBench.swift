import CircuitBreaking
import Determinism
import Testing

/// A machine, and a clock that only the test moves. A class, so that calls may stand in `#expect`.
final class MachineBench {
    private(set) var machine: CircuitBreakerMachine
    /// What the clock says; begins somewhere.
    var now = Instant(nanoseconds: 5_000_000_000_000)
    private(set) var changes: [CircuitChange] = []

    /// - Parameter change: what is different from: all failures of two or more calls open for 30 s, one probe.
    init(seed: UInt64 = 1, _ change: (inout CircuitBreakerConfiguration) -> Void = { _ in }) {
        var configuration = CircuitBreakerConfiguration()
        configuration.failureRate = FailureRateRule(percent: 100, minimumCalls: 2)
        configuration.halfOpen = HalfOpenRule(permits: 1, percent: 50, deadline: .seconds(10))
        change(&configuration)
        #expect(throws: Never.self) { try configuration.validate() }
        machine = CircuitBreakerMachine(configuration, seed: seed)
    }

    var state: CircuitState { machine.state }
    var mode: CircuitMode { machine.mode }
    var totals: CircuitTotals { machine.totals }
    var generation: UInt64 { machine.generation }
    var lastReason: CircuitChangeReason? { changes.last?.reason }

    func pass(_ duration: Duration) { now = now + duration }

    func admission() -> CircuitAdmission { moved { $0.admit(now: now) } }

    /// The ticket of a call; nil when it was rejected.
    func admit() -> CallTicket? {
        if case .admitted(let ticket) = admission() { return ticket }
        return nil
    }

    /// The ticket of a call that has to be let through.
    func begin(sourceLocation: SourceLocation = #_sourceLocation) throws -> CallTicket {
        try #require(admit(), sourceLocation: sourceLocation)
    }

    /// Why a call was rejected; nil when it was not.
    func rejection() -> CircuitRejection? {
        if case .rejected(let rejection) = admission() { return rejection }
        return nil
    }

    @discardableResult
    func record(_ ticket: CallTicket, _ outcome: CallOutcome, isTimeout: Bool = false) -> CallStanding {
        moved { $0.record(ticket, outcome, isTimeout: isTimeout, now: now) }
    }
    func release(_ ticket: CallTicket) { moved { $0.release(ticket, now: now) } }
    func observe() { moved { $0.observe(now: now) } }
    func setMode(_ mode: CircuitMode) { moved { $0.setMode(mode, now: now) } }
    func open(for wait: Duration? = nil) { moved { $0.open(for: wait, now: now) } }
    func close() { moved { $0.close(now: now) } }
    func tryNow() { moved { $0.tryNow(now: now) } }

    /// A call that begins and ends in this moment; nil when it was rejected.
    @discardableResult
    func call(_ outcome: CallOutcome, taking duration: Duration = .zero) -> CallStanding? {
        guard let ticket = admit() else { return nil }
        pass(duration)
        return record(ticket, outcome)
    }
    func succeed(_ count: Int = 1) { for _ in 0..<count { call(.success) } }
    func fail(_ count: Int = 1) { for _ in 0..<count { call(.failure()) } }

    private func moved<Answer>(_ body: (inout CircuitBreakerMachine) -> Answer) -> Answer {
        let answer = body(&machine)
        changes += machine.takeChanges()
        return answer
    }
}
