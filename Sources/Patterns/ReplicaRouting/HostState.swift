import Determinism

/// What a machine remembers of one host.
struct HostState: Sendable, Hashable {
    enum Health: Sendable, Hashable {
        /// Never heard of. → `up` with the first answer, `down` after enough failures
        case untried
        /// Answers. → `down` after enough failures in a row
        case up
        /// Does not answer. → `up` after enough answers in a row
        case down
    }
    private(set) var health = Health.untried
    private(set) var failures = 0
    private var successes = 0
    /// When the newest answer was asked for.
    private(set) var heardAt: Instant?
    /// What was asked before this moment proves nothing.
    private(set) var doubtedAt: Instant?
    private(set) var reading: HostReading?
    /// The highest timeline it was seen to follow.
    private(set) var timeline: Timeline?
    private(set) var position = LSN.zero
    private(set) var roundTrip: Duration?
    var isLagging = false
    var refusal: ReplicaSetSnapshot.Refusal?

    var latency: Duration?
    var ejectedUntil: Instant?
    var ejections = 0

    /// It answers, and nothing has happened since that makes the answer doubtful.
    var isTrusted: Bool {
        guard health == .up, let heardAt else { return false }
        return doubtedAt.map { heardAt > $0 } ?? true
    }
    var isReplica: Bool { health == .up && reading?.role == .replica }
    var claimsPrimary: Bool { isTrusted && reading?.role == .primary }

    /// - Parameter since: when the question was sent.
    /// - Returns: false when the answer is older than what is known, and was left out.
    mutating func heard(
        _ new: HostReading, since: Instant, now: Instant, _ configuration: ReplicaRoutingConfiguration
    ) -> Bool {
        if let heardAt, since < heardAt { return false }
        if let doubtedAt, since < doubtedAt { return false }
        noteRoundTrip(now - since)
        failures = 0
        successes += 1
        if health == .untried || successes >= configuration.successesUntilUp { health = .up }
        if let reading, reading.systemIdentifier != new.systemIdentifier || new.position < position {
            // It was made anew, or taken back: what it followed before says nothing.
            timeline = nil
        }
        (reading, heardAt, position) = (new, since, new.position)
        timeline = new.role == .primary ? new.timeline : [timeline, new.timeline].compactMap(\.self).max()
        return true
    }

    /// A replica said how far it is.
    mutating func replayed(_ lsn: LSN, since: Instant) {
        guard isReplica, heardAt.map({ since >= $0 }) ?? false, lsn > position else { return }
        position = lsn
    }

    /// A probe failed that was sent at `since`.
    mutating func failed(since: Instant, _ configuration: ReplicaRoutingConfiguration) {
        if let heardAt, since < heardAt { return }
        successes = 0
        failures += 1
        if failures >= configuration.failuresUntilDown { health = .down }
    }

    /// Something says that what is known does not hold any more.
    mutating func doubt(at now: Instant) { doubtedAt = max(doubtedAt ?? now, now) }

    private mutating func noteRoundTrip(_ new: Duration) {
        // Smoothed as TCP does it (Jacobson, "Congestion Avoidance and Control", 1988): an eighth of what is new.
        roundTrip = roundTrip.map { $0 + (new - $0) / 8 } ?? new
    }
}
