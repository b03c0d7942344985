import CircuitBreaking
import Determinism

/// A circuit breaker as its documentation would be written down: lists of everything, nothing clever, nothing shared
/// with the machine. It does not draw; whoever opens it says until when.
struct ReferenceBreaker {
    enum Kind { case counted, probe(deadline: Instant), bystander }
    struct Call {
        let generation: Int
        let startedAt: Instant
        let kind: Kind
        var isEnded = false
        var isCountedAsSlow = false
    }
    /// A change of state. The wait is that without jitter.
    struct Change: Equatable {
        let from: CircuitState
        let to: CircuitState
        let reason: CircuitChangeReason
        var wait: Duration?
        var isExact = false
    }
    /// The calls of a window, with the slices of time that they ended in.
    struct Window {
        let rule: CallWindow
        var calls: [(slice: Int64, isHit: Bool)] = []

        mutating func pass(to now: Instant) {
            guard case .time(let duration, let slices) = rule else { return }
            let slice = now.nanoseconds / (duration.inNanoseconds / Int64(slices))
            calls.removeAll { $0.slice <= slice - Int64(slices) }
        }
        mutating func add(_ isHit: Bool, _ now: Instant) {
            switch rule {
            case .calls(let count): calls = (calls + [(0, isHit)]).suffix(count)
            case .time(let duration, let slices):
                pass(to: now)
                calls.append((now.nanoseconds / (duration.inNanoseconds / Int64(slices)), isHit))
            }
        }
        var hits: Int { calls.count { $0.isHit } }
        func reaches(_ percent: Int, _ minimum: Int) -> Bool {
            calls.count >= minimum && hits * 100 >= percent * calls.count
        }
        var percent: Int { hits * 100 / calls.count }
    }

    let rules: CircuitBreakerConfiguration
    private(set) var state = CircuitState.closed
    private(set) var generation = 0
    private(set) var calls: [Int: Call] = [:]
    var until: Instant?
    private var (row, openings) = (0, 0)
    private var failures: Window
    private var slowness: Window
    private var (reported, failed, slow, expired) = (0, 0, 0, 0)
    private var changes: [Change] = []

    init(_ rules: CircuitBreakerConfiguration) {
        self.rules = rules
        (failures, slowness) = (Window(rule: rules.window), Window(rule: rules.window))
    }

    mutating func takeChanges() -> [Change] {
        defer { changes = [] }
        return changes
    }

    /// Whether the call goes through; whether it would, for one that only observes and lets it through in any case.
    mutating func admit(_ id: Int, _ now: Instant) -> Bool {
        notice(now)
        if state == .open, let until, now >= until { move(to: .halfOpen, .waitOver) }
        switch state {
        case .closed: calls[id] = Call(generation: generation, startedAt: now, kind: .counted)
        case .halfOpen where probesOut.count + reported < rules.halfOpen.permits:
            let deadline = now + rules.halfOpen.deadline
            calls[id] = Call(generation: generation, startedAt: now, kind: .probe(deadline: deadline))
        case .halfOpen, .open:
            calls[id] = Call(generation: generation, startedAt: now, kind: .bystander)
            return false
        }
        return true
    }

    mutating func record(_ id: Int, _ outcome: CallOutcome, _ now: Instant) -> CallStanding {
        guard var call = calls[id] else { return .stale }
        if case .bystander = call.kind { return outcome == .ignored ? .ignored : .counted }
        guard call.generation == generation else { return .stale }
        let isSlow = rules.slowRate.map { now - call.startedAt >= $0.threshold } ?? false
        if state == .halfOpen {
            let isInTime = { if case .probe(let deadline) = call.kind { deadline > now } else { false } }()
            expireProbes(now)
            calls[id]?.isEnded = true
            if isInTime, outcome != .ignored {
                reported += 1
                failed += outcome == .success ? 0 : 1
                slow += isSlow ? 1 : 0
            }
            conclude(outcome.pause(isInTime))
            return !isInTime ? .stale : outcome == .ignored ? .ignored : .counted
        }
        let wasCountedAsSlow = call.isCountedAsSlow
        call.isEnded = true
        calls[id] = call
        if outcome == .ignored {
            countOverdue(now)
            return .ignored
        }
        row = outcome == .success ? 0 : row + 1
        failures.add(outcome != .success, now)
        if !wasCountedAsSlow { slowness.add(isSlow, now) }
        countOverdue(now)
        guard state == .closed else { return .counted }
        if outcome != .success, let limit = rules.consecutiveFailures, row >= limit {
            open(.consecutiveFailures(row), asked: outcome.pause(true))
        } else if let rule = rules.failureRate, failures.reaches(rule.percent, rule.minimumCalls) {
            open(.failureRate(percent: failures.percent, calls: failures.calls.count), asked: outcome.pause(true))
        } else if let rule = rules.slowRate, slowness.reaches(rule.percent, rule.minimumCalls) {
            open(.slowRate(percent: slowness.percent, calls: slowness.calls.count), asked: outcome.pause(true))
        }
        return .counted
    }

    mutating func notice(_ now: Instant) {
        switch state {
        case .closed: countOverdue(now)
        case .halfOpen:
            let before = expired
            expireProbes(now)
            if expired > before { conclude(nil) }
        case .open: break
        }
    }

    mutating func observe(_ now: Instant) {
        failures.pass(to: now)
        slowness.pass(to: now)
        notice(now)
    }

    mutating func operatorOpens() { open(.operatorDecision, asked: nil) }
    mutating func operatorCloses() { close(.operatorDecision) }
    mutating func operatorTries() { if state == .open { move(to: .halfOpen, .operatorDecision) } }

    // MARK: - Inside

    private var probesOut: [Int] {
        calls.filter { $0.value.generation == generation && !$0.value.isEnded }.compactMap { id, call in
            if case .probe = call.kind { id } else { nil }
        }
    }

    private mutating func expireProbes(_ now: Instant) {
        for id in probesOut {
            guard case .probe(let deadline) = calls[id]?.kind, deadline <= now else { continue }
            calls[id]?.isEnded = true
            (reported, failed, expired) = (reported + 1, failed + 1, expired + 1)
        }
    }

    private mutating func countOverdue(_ now: Instant) {
        guard let rule = rules.slowRate, rule.countsRunningCalls else { return }
        var found = false
        for (id, call) in calls where call.generation == generation && !call.isEnded && !call.isCountedAsSlow {
            guard case .counted = call.kind, now - call.startedAt >= rule.threshold else { continue }
            calls[id]?.isCountedAsSlow = true
            slowness.add(true, now)
            found = true
        }
        if found, slowness.reaches(rule.percent, rule.minimumCalls) {
            open(.slowRate(percent: slowness.percent, calls: slowness.calls.count), asked: nil)
        }
    }

    private mutating func conclude(_ pause: Duration?) {
        let permits = rules.halfOpen.permits
        func isBad(_ failed: Int, _ slow: Int) -> Bool {
            failed * 100 >= rules.halfOpen.percent * permits
                || rules.slowRate.map { slow * 100 >= $0.percent * permits } ?? false
        }
        let missing = permits - reported
        if failed * 100 >= rules.halfOpen.percent * permits {
            open(expired > 0 ? .probesExpired(expired) : .probesFailed(failed, of: reported), asked: pause)
        } else if isBad(failed, slow) {
            open(.probesSlow(slow, of: reported), asked: pause)
        } else if !isBad(failed + missing, slow + missing) {
            close(.probesSucceeded)
        }
    }

    private mutating func open(_ reason: CircuitChangeReason, asked: Duration?) {
        openings += 1
        move(to: .open, reason)
        if let asked, asked > .zero, let longest = rules.longestRetryAfter {
            changes[changes.count - 1].wait = min(asked, longest)
            changes[changes.count - 1].isExact = true
        } else {
            var wait = Double(rules.wait.base.inNanoseconds)
            for _ in 1..<openings { wait = min(wait * rules.wait.multiplier, 1e18) }
            changes[changes.count - 1].wait = min(.nanoseconds(Int64(wait)), rules.wait.longest)
        }
    }

    private mutating func close(_ reason: CircuitChangeReason) {
        openings = 0
        move(to: .closed, reason)
    }

    private mutating func move(to next: CircuitState, _ reason: CircuitChangeReason) {
        changes.append(Change(from: state, to: next, reason: reason))
        state = next
        generation += 1
        until = nil
        row = 0
        (failures, slowness) = (Window(rule: rules.window), Window(rule: rules.window))
        (reported, failed, slow, expired) = (0, 0, 0, 0)
    }
}

extension CallOutcome {
    /// What a failure that counts asks for.
    fileprivate func pause(_ counts: Bool) -> Duration? {
        if case .failure(let pause) = self, counts { return pause }
        return nil
    }
}
