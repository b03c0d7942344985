import Determinism

/// The probes of a half-open circuit: who is out, until when, and what those that are back say.
struct HalfOpenTrial: Sendable {
    /// What the probes have decided.
    enum Verdict: Sendable, Hashable {
        case close
        case open(CircuitChangeReason)
    }
    private let rule: HalfOpenRule
    private let slowPercent: Int?
    /// The deadline of each probe that is out, by its place; nil for a free one.
    private var deadlines: [Instant?]
    private var out = 0
    private var (reported, failed, slow, expired) = (0, 0, 0, 0)

    init(_ rule: HalfOpenRule, slowPercent: Int?) {
        (self.rule, self.slowPercent) = (rule, slowPercent)
        deadlines = Array(repeating: nil, count: rule.permits)
    }

    /// Sends a probe out. nil when all permits are used: out, or back with a result.
    mutating func begin(now: Instant) -> (place: Int, deadline: Instant)? {
        guard out + reported < rule.permits, let place = deadlines.firstIndex(of: nil) else { return nil }
        let deadline = now + rule.deadline
        deadlines[place] = deadline
        out += 1
        return (place, deadline)
    }

    /// A probe is back. One that is not waited for any more changes nothing.
    /// - Returns: false for one that is not waited for.
    mutating func end(place: Int, deadline: Instant, isFailure: Bool, isSlow: Bool) -> Bool {
        guard take(place, deadline) else { return false }
        reported += 1
        if isFailure { failed += 1 }
        if isSlow { slow += 1 }
        return true
    }

    /// A probe is back and says nothing; its permit is free again.
    mutating func release(place: Int, deadline: Instant) -> Bool { take(place, deadline) }

    /// Counts the probes whose time is up as failed.
    /// - Returns: how many there were.
    mutating func expire(now: Instant) -> Int {
        guard out > 0 else { return 0 }
        var count = 0
        for (place, deadline) in deadlines.enumerated() {
            guard let deadline, deadline <= now else { continue }
            deadlines[place] = nil
            count += 1
        }
        out -= count
        reported += count
        failed += count
        expired += count
        return count
    }

    /// When the next permit may become free.
    var earliestDeadline: Instant? { out == 0 ? nil : deadlines.lazy.compactMap(\.self).min() }

    /// The verdict, as soon as those that are still out cannot change it.
    var verdict: Verdict? {
        let permits = rule.permits
        if failed * 100 >= rule.percent * permits {
            return .open(expired > 0 ? .probesExpired(expired) : .probesFailed(failed, of: reported))
        }
        if let slowPercent, slow * 100 >= slowPercent * permits { return .open(.probesSlow(slow, of: reported)) }
        let missing = permits - reported
        if (failed + missing) * 100 >= rule.percent * permits { return nil }
        if let slowPercent, (slow + missing) * 100 >= slowPercent * permits { return nil }
        return .close
    }

    private mutating func take(_ place: Int, _ deadline: Instant) -> Bool {
        // A place may have been given to another probe since; two probes of one place have different deadlines, or the
        // second one is as good as the first.
        guard deadlines.indices.contains(place), deadlines[place] == deadline else { return false }
        deadlines[place] = nil
        out -= 1
        return true
    }
}
