import Determinism

/// A circuit breaker as a value: closed, open or half-open, moved by calls that begin and end.
///
/// Nygard, "Release It!" (2007), with what its descendants have learnt: rates over windows of calls or of time, slow
/// calls, probes by quota with deadlines. Deliberate differences to most of them:
///
/// - Every change of state begins a *generation*, and an outcome from an earlier one decides nothing: calls from before
///   an outage neither close a half-open circuit nor open a closed one.
/// - An ignored outcome gives its probe's permit back, once; a permit that is not given back by its deadline is a
///   failed probe. A half-open circuit is therefore never stuck.
/// - Rates are of calls that ended (and of those that run for too long already), never of rejected ones.
/// - Waits end at their end (`>=`), on a clock that never goes back, whatever its readings do.
///
/// Transitions: `closed` → `open` by a rule; `open` → `halfOpen` with the first call after the wait; `halfOpen` →
/// `closed` or `open` by the probes' verdict; any → any by an operator. They are noticed when something happens: a
/// call, an outcome, or ``observe(now:)``.
public struct CircuitBreakerMachine: Sendable {
    enum Phase: Sendable {
        case closed
        case open(until: Instant)
        case halfOpen(HalfOpenTrial)

        var state: CircuitState {
            switch self {
            case .closed: .closed
            case .open: .open
            case .halfOpen: .halfOpen
            }
        }
    }
    let configuration: CircuitBreakerConfiguration
    /// How many nanoseconds make a call a slow one.
    private let slowFrom: Int64?
    var phase = Phase.closed
    /// Who decides.
    public internal(set) var mode: CircuitMode
    /// Counts the changes of state and mode.
    public internal(set) var generation: UInt64 = 0
    /// What was counted so far.
    public internal(set) var totals = CircuitTotals()
    var clock = SteadyClock()
    var failures: OutcomeWindow
    var slowness: OutcomeWindow?
    var running: RunningCalls?
    var latencies: LatencyWindow?
    var failuresInARow = 0
    var openingsInARow = 0
    var jitter: JitterSequence
    private var changes: [CircuitChange] = []
    private var changeCount: UInt64 = 0

    /// A closed circuit.
    /// - Parameter seed: draws for the jitter of waits.
    public init(_ configuration: CircuitBreakerConfiguration, seed: UInt64) {
        self.configuration = configuration
        slowFrom = configuration.slowRate?.threshold.inNanoseconds
        mode = configuration.mode
        failures = OutcomeWindow(configuration.window)
        slowness = configuration.slowRate.map { _ in OutcomeWindow(configuration.window) }
        running = configuration.slowRate?.countsRunningCalls == true ? RunningCalls() : nil
        latencies = configuration.latencyWindow.map(LatencyWindow.init)
        jitter = JitterSequence(seed: seed)
    }

    /// The state, as of the last thing that happened. What an operator has decided is in ``mode``.
    public var state: CircuitState { phase.state }

    /// How long the open circuit still waits, as of the last thing that happened; nil when it is not open.
    public var remainingWait: Duration? {
        guard case .open(let until) = phase else { return nil }
        return max(until - clock.latest, .zero)
    }

    /// Whether a call would be let through now, by what the circuit knows.
    func wouldAdmit(now reading: Instant) -> Bool {
        var clock = clock
        let now = clock.read(reading)
        switch phase {
        case .closed: return true
        case .open(let until): return now >= until
        // Its probes are lost, or a place is free; either way its verdict is due to a call that nobody makes.
        case .halfOpen(let trial): return trial.earliestDeadline.map { $0 <= now } ?? true
        }
    }

    /// The changes since this was called last, in their order.
    public mutating func takeChanges() -> [CircuitChange] {
        guard !changes.isEmpty else { return [] }
        defer { changes.removeAll() }
        return changes
    }
    /// Whether there are changes to take.
    public var hasChanges: Bool { !changes.isEmpty }

    /// A call wants to begin.
    public mutating func admit(now reading: Instant) -> CircuitAdmission {
        let now = clock.read(reading)
        switch mode {
        case .disabled:
            return .admitted(bystander(now))
        case .forcedOpen:
            totals.rejections += 1
            return .rejected(rejection(.forcedOpen, retryAfter: nil))
        case .observing:
            let admission = decide(now)
            guard case .rejected = admission else { return admission }
            totals.wouldHaveRejected += 1
            return .admitted(bystander(now))
        case .automatic:
            let admission = decide(now)
            if case .rejected = admission { totals.rejections += 1 }
            return admission
        }
    }

    /// A call ended.
    /// - Parameter isTimeout: it was ended by the breaker's own timeout.
    public mutating func record(
        _ ticket: CallTicket, _ outcome: CallOutcome, isTimeout: Bool = false, now reading: Instant
    ) -> CallStanding {
        let now = clock.read(reading)
        if isTimeout { totals.timeouts += 1 }
        let took = now.nanoseconds(since: ticket.startedAt)
        let isSlow = slowFrom.map { took >= $0 } ?? false
        count(outcome, took: took, isSlow: isSlow, now: now)
        if case .bystander = ticket.role { return outcome == .ignored ? .ignored : .counted }
        guard ticket.generation == generation else {
            totals.stale += 1
            return .stale
        }
        switch (phase, ticket.role) {
        case (.closed, .counted(let number)):
            return recordClosed(number, outcome, isSlow: isSlow, now: now)
        case (.halfOpen(let trial), .probe(let place, let deadline)):
            return recordProbe(trial, place, deadline, outcome, isSlow: isSlow, now: now)
        case (.closed, _), (.open, _), (.halfOpen, _):
            totals.stale += 1
            return .stale
        }
    }

    /// A permit was dropped without an outcome: ignored, and counted as dropped.
    public mutating func release(_ ticket: CallTicket, now: Instant) {
        totals.dropped += 1
        _ = record(ticket, .ignored, now: now)
    }

    /// Notices what time alone has changed: calls that became slow or have left the windows, probes whose deadline has
    /// passed. An open circuit waits for a call.
    public mutating func observe(now reading: Instant) {
        let now = clock.read(reading)
        latencies?.advance(to: now)
        failures.advance(to: now)
        slowness?.advance(to: now)
        switch phase {
        case .closed: sweepOverdue(now)
        case .halfOpen: expireProbes(now)
        case .open: return
        }
    }

    // MARK: - Inside

    private func bystander(_ now: Instant) -> CallTicket {
        CallTicket(generation: generation, startedAt: now, role: .bystander)
    }
    private func rejection(_ reason: CircuitRejectionReason, retryAfter: Duration?) -> CircuitRejection {
        CircuitRejection(reason: reason, retryAfter: retryAfter, generation: generation)
    }

    /// What an automatic breaker does with a call.
    private mutating func decide(_ now: Instant) -> CircuitAdmission {
        // Probes whose deadline has passed may open the circuit, and may close it: when their failures are too few, and
        // it was only open whether they are slow.
        if case .halfOpen = phase { expireProbes(now) }
        if case .closed = phase {
            sweepOverdue(now)
            if case .closed = phase {
                let number = running?.begin(at: now)
                return .admitted(CallTicket(generation: generation, startedAt: now, role: .counted(number)))
            }
        }
        if case .open(let until) = phase {
            guard now >= until else { return .rejected(rejection(.open, retryAfter: until - now)) }
            let trial = HalfOpenTrial(configuration.halfOpen, slowPercent: configuration.slowRate?.percent)
            change(to: .halfOpen(trial), .waitOver, now)
        }
        return probe(now)
    }

    private mutating func probe(_ now: Instant) -> CircuitAdmission {
        guard case .halfOpen(var trial) = phase else { return .rejected(rejection(.open, retryAfter: nil)) }
        guard let (place, deadline) = trial.begin(now: now) else {
            return .rejected(rejection(.probing, retryAfter: trial.earliestDeadline.map { $0 - now }))
        }
        phase = .halfOpen(trial)
        return .admitted(CallTicket(generation: generation, startedAt: now, role: .probe(place, deadline)))
    }

    private mutating func count(_ outcome: CallOutcome, took: Int64, isSlow: Bool, now: Instant) {
        switch outcome {
        case .success: totals.successes += 1
        case .failure: totals.failures += 1
        case .ignored:
            totals.ignored += 1
            return
        }
        if isSlow { totals.slow += 1 }
        latencies?.record(nanoseconds: took, now: now)
    }

    private mutating func recordClosed(
        _ number: UInt64?, _ outcome: CallOutcome, isSlow: Bool, now: Instant
    ) -> CallStanding {
        let isNew = number.map { running?.end($0) ?? true } ?? true
        var pause: Duration?
        switch outcome {
        case .ignored:
            sweepOverdue(now)
            return .ignored
        case .success:
            failuresInARow = 0
            failures.add(isHit: false, now: now)
        case .failure(let retryAfter):
            failuresInARow += 1
            failures.add(isHit: true, now: now)
            pause = retryAfter
        }
        // One that was counted as slow while it ran is not counted again.
        if isNew { slowness?.add(isHit: isSlow, now: now) }
        sweepOverdue(now)
        if case .closed = phase, let reason = broken(now, isFailure: outcome != .success) {
            open(reason, for: nextWait(retryAfter: pause), now)
        }
        return .counted
    }

    private mutating func recordProbe(
        _ trial: HalfOpenTrial, _ place: Int, _ deadline: Instant, _ outcome: CallOutcome, isSlow: Bool, now: Instant
    ) -> CallStanding {
        var trial = trial
        // A probe that comes after its deadline has failed by then, whether or not anybody has noticed before.
        let expired = trial.expire(now: now)
        totals.expiredProbes += UInt64(expired)
        var (standing, pause) = (CallStanding.ignored, nil as Duration?)
        switch outcome {
        case .ignored:
            if !trial.release(place: place, deadline: deadline) { standing = .stale }
        case .success:
            standing = trial.end(place: place, deadline: deadline, isFailure: false, isSlow: isSlow) ? .counted : .stale
        case .failure(let retryAfter):
            standing = trial.end(place: place, deadline: deadline, isFailure: true, isSlow: isSlow) ? .counted : .stale
            pause = standing == .counted ? retryAfter : nil
        }
        if standing == .stale { totals.stale += 1 }
        conclude(trial, retryAfter: pause, now)
        return standing
    }

    private mutating func expireProbes(_ now: Instant) {
        guard case .halfOpen(var trial) = phase else { return }
        let expired = trial.expire(now: now)
        guard expired > 0 else { return }
        totals.expiredProbes += UInt64(expired)
        conclude(trial, retryAfter: nil, now)
    }

    private mutating func conclude(_ trial: HalfOpenTrial, retryAfter: Duration?, _ now: Instant) {
        switch trial.verdict {
        case nil: phase = .halfOpen(trial)
        case .close: close(.probesSucceeded, now)
        case .open(let reason): open(reason, for: nextWait(retryAfter: retryAfter), now)
        }
    }

    /// Begins a generation.
    mutating func change(to next: Phase, _ reason: CircuitChangeReason, _ now: Instant) {
        let from = phase.state
        phase = next
        generation += 1
        changeCount += 1
        var retryAt: Instant?
        if case .open(let until) = next { retryAt = until }
        changes.append(
            CircuitChange(
                sequence: changeCount, generation: generation, from: from, to: next.state, mode: mode, reason: reason,
                retryAt: retryAt, at: now))
    }
}
