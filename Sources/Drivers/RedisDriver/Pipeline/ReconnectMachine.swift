import Determinism

/// When a connection is made, given up and made again: a pure value that is told what happens and what time it is.
///
/// Waits between attempts grow exponentially and are drawn evenly between zero and that ("full jitter", Marc Brooker,
/// "Exponential Backoff and Jitter", AWS Architecture Blog, 2015), so that the clients of a server that comes back do
/// not come all at once. The draw is an argument.
struct ReconnectMachine: Sendable {
    /// Where the connection is.
    enum Phase: Sendable {
        /// Not there; `→ connecting` at that time.
        case resting(until: Instant)
        /// An attempt runs; `→ open` when it succeeds, `→ resting` when it fails or is not back in time.
        case connecting(deadline: Instant)
        /// There; `→ resting` when it is lost.
        case open(since: Instant)
        /// Ended for good.
        case closed
    }
    struct Limits: Sendable {
        var connectTimeout: Duration = .seconds(5)
        var backoffBase: Duration = .milliseconds(50)
        var backoffLimit: Duration = .seconds(5)
        /// A connection that lasts this long ends a series of failures.
        var stableAfter: Duration = .seconds(1)
    }
    let limits: Limits
    private(set) var phase: Phase
    /// Attempts that failed in a row, and connections that did not last.
    private(set) var failures = 0
    /// Which attempt, or connection, this is. What comes from an earlier one decides nothing.
    private(set) var generation: UInt64 = 0
    /// Why the last one failed.
    private(set) var failure: RedisError?

    init(limits: Limits) {
        self.limits = limits
        phase = .resting(until: Instant(nanoseconds: .min))
    }

    var isOpen: Bool {
        if case .open = phase { return true }
        return false
    }
    var isClosed: Bool {
        if case .closed = phase { return true }
        return false
    }
    /// Whether it is known not to work at the moment: an attempt has failed since it last did.
    var isFailing: Bool { !isOpen && failures > 0 }

    /// When ``tick(now:draw:)`` has something to do.
    var alarm: Instant? {
        switch phase {
        case .resting(let until): until
        case .connecting(let deadline): deadline
        case .open, .closed: nil
        }
    }

    /// What a tick came to.
    enum Step: Sendable, Equatable {
        case none
        /// An attempt is to begin, under this generation.
        case connect(UInt64)
        /// The attempt was not back in time.
        case gaveUp
    }

    mutating func tick(now: Instant, draw: UInt64) -> Step {
        switch phase {
        case .resting(let until) where until <= now:
            generation += 1
            phase = .connecting(deadline: now + limits.connectTimeout)
            return .connect(generation)
        case .connecting(let deadline) where deadline <= now:
            fail(RedisError(.connect, .notSent, "no connection was made within the time for it"), now, draw)
            return .gaveUp
        default: return .none
        }
    }

    /// An attempt succeeded. Returns false for one that nobody waits for any more.
    mutating func opened(_ attempt: UInt64, now: Instant) -> Bool {
        guard case .connecting = phase, attempt == generation else { return false }
        phase = .open(since: now)
        return true
    }

    /// An attempt failed. Returns false for one that nobody waits for any more.
    mutating func failed(_ attempt: UInt64, _ error: RedisError, now: Instant, draw: UInt64) -> Bool {
        guard case .connecting = phase, attempt == generation else { return false }
        fail(error, now, draw)
        return true
    }

    /// The connection is gone. Returns false if there was none, or another.
    mutating func lost(_ connection: UInt64, _ error: RedisError, now: Instant, draw: UInt64) -> Bool {
        guard case .open(let since) = phase, connection == generation else { return false }
        let wasStable = since + limits.stableAfter <= now
        if wasStable { failures = 0 }
        failure = error
        phase = .resting(until: now + Self.delay(failures, draw, limits))
        if !wasStable { failures += 1 }
        return true
    }

    mutating func close() { phase = .closed }

    private mutating func fail(_ error: RedisError, _ now: Instant, _ draw: UInt64) {
        failures += 1
        failure = error
        phase = .resting(until: now + Self.delay(failures, draw, limits))
    }

    /// Evenly between zero and `base · 2^failures`, the limit at most.
    static func delay(_ failures: Int, _ draw: UInt64, _ limits: Limits) -> Duration {
        let base = UInt64(max(0, limits.backoffBase.inNanoseconds))
        let limit = UInt64(max(0, limits.backoffLimit.inNanoseconds))
        let (product, overflow) = base.multipliedReportingOverflow(by: 1 << UInt64(min(failures, 62)))
        let longest = overflow ? limit : min(limit, product)
        return .nanoseconds(Int64(draw.multipliedFullWidth(by: longest + 1).high))
    }
}
