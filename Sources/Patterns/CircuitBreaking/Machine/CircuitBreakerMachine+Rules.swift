import Determinism

/// What opens and closes the circuit.
extension CircuitBreakerMachine {
    /// The rule by which the calls so far open the circuit, if there is one. Inlined: a call of its own would be given
    /// a copy of the whole machine.
    @inline(__always)
    func broken(_ now: Instant, isFailure: Bool) -> CircuitChangeReason? {
        // A success makes no failure rate reach its threshold by itself, but it may be the call that reaches the
        // minimum.
        if isFailure, let limit = configuration.consecutiveFailures, failuresInARow >= limit {
            return .consecutiveFailures(failuresInARow)
        }
        if let rule = configuration.failureRate, failures.reaches(percent: rule.percent, minimum: rule.minimumCalls) {
            return .failureRate(percent: failures.percent ?? 0, calls: failures.total)
        }
        return brokenBySlowness()
    }

    private func brokenBySlowness() -> CircuitChangeReason? {
        guard let rule = configuration.slowRate, let slowness,
            slowness.reaches(percent: rule.percent, minimum: rule.minimumCalls)
        else { return nil }
        return .slowRate(percent: slowness.percent ?? 0, calls: slowness.total)
    }

    /// Counts the running calls that have become slow.
    mutating func sweepOverdue(_ now: Instant) {
        guard let rule = configuration.slowRate, rule.countsRunningCalls else { return }
        let limit = now + (.zero - rule.threshold)
        var found = false
        while running?.takeOverdue(startedBy: limit) == true {
            slowness?.add(isHit: true, now: now)
            totals.overdue += 1
            found = true
        }
        if found, case .closed = phase, let reason = brokenBySlowness() {
            open(reason, for: nextWait(retryAfter: nil), now)
        }
    }

    /// How long the circuit stays open if it opens now.
    mutating func nextWait(retryAfter: Duration?) -> Duration {
        if let retryAfter, retryAfter > .zero, let longest = configuration.longestRetryAfter {
            return min(retryAfter, longest)
        }
        return configuration.wait.duration(opening: openingsInARow + 1, draw: jitter.next())
    }

    mutating func open(_ reason: CircuitChangeReason, for wait: Duration, _ now: Instant) {
        openingsInARow += 1
        totals.openings += 1
        forgetCalls()
        change(to: .open(until: now + wait), reason, now)
    }

    /// Closes the circuit; its windows begin anew.
    mutating func close(_ reason: CircuitChangeReason, _ now: Instant) {
        openingsInARow = 0
        forgetCalls()
        change(to: .closed, reason, now)
    }

    private mutating func forgetCalls() {
        failuresInARow = 0
        failures = OutcomeWindow(configuration.window)
        if slowness != nil { slowness = OutcomeWindow(configuration.window) }
        if running != nil { running = RunningCalls() }
    }
}

/// What an operator may do, in any state.
extension CircuitBreakerMachine {
    /// Says who decides from now on. The circuit is closed then, and forgets the calls so far; the mode that it is in
    /// already changes nothing.
    public mutating func setMode(_ next: CircuitMode, now reading: Instant) {
        let now = clock.read(reading)
        guard next != mode else { return }
        mode = next
        close(.operatorDecision, now)
    }

    /// Opens the circuit now, for `wait` or for what its settings say. Probes close it again.
    public mutating func open(for wait: Duration?, now reading: Instant) {
        let now = clock.read(reading)
        open(.operatorDecision, for: wait ?? nextWait(retryAfter: nil), now)
    }

    /// Closes the circuit now and forgets the calls so far.
    public mutating func close(now reading: Instant) { close(.operatorDecision, clock.read(reading)) }

    /// Lets the next calls through as probes now, if the circuit is open.
    public mutating func tryNow(now reading: Instant) {
        let now = clock.read(reading)
        guard case .open = phase else { return }
        change(
            to: .halfOpen(HalfOpenTrial(configuration.halfOpen, slowPercent: configuration.slowRate?.percent)),
            .operatorDecision, now)
    }
}
