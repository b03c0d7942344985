import Determinism

/// What the breaker of a host lets through.
public enum BreakerState: Sendable, Hashable {
    /// Connects are tried, after a pause if the last one failed.
    case closed
    /// Connects are not tried.
    case open
    /// One connect is under way to find out whether the host is back.
    case probing
}

/// Decides whether a connect to one host may be tried: a circuit breaker (Nygard, *Release It!*) with exponential,
/// jittered pauses. A pure value.
///
/// - `closed`: each failure in a row doubles the pause before the next attempt. After
///   ``PoolConfiguration/Connecting/failureThreshold`` failures in a row → `open`.
/// - `open`: nothing until its pause is over, then one attempt → `probing`.
/// - `probing`: success → `closed`; failure → `open`, with a longer pause. An attempt always reports, because the shell
///   bounds it in time.
///
/// An attempt carries the epoch in which it began. What began before the last change decides nothing: a success from
/// before the breaker opened does not close it, a late failure neither opens it nor prolongs its pause.
struct ConnectBreaker: Sendable {
    private(set) var state = BreakerState.closed
    /// Counts the changes of state; what began in another epoch is stale.
    private(set) var epoch: UInt64 = 0
    /// When the next attempt may be made.
    private(set) var notBefore = Instant(nanoseconds: .min)
    private var failures = 0
    private var openings = 0

    func permits(now: Instant) -> Bool { state != .probing && now >= notBefore }

    /// Notes that an attempt begins; ``permits(now:)`` has said so. True if the state has changed.
    mutating func begin() -> Bool {
        guard state == .open else { return false }
        change(to: .probing)
        return true
    }

    /// True if the state has changed.
    mutating func succeeded(epoch attempt: UInt64) -> Bool {
        guard attempt == epoch else { return false }
        (failures, openings, notBefore) = (0, 0, Instant(nanoseconds: .min))
        guard state != .closed else { return false }
        change(to: .closed)
        return true
    }

    /// - Parameter draw: 64 random bits, for the jitter.
    /// - Returns: true if the state has changed.
    mutating func failed(
        epoch attempt: UInt64, settings: PoolConfiguration.Connecting, draw: UInt64, now: Instant
    ) -> Bool {
        guard attempt == epoch else { return false }
        switch state {
        case .open: return false
        case .closed:
            failures += 1
            notBefore = now + settings.pause(afterFailures: failures, draw: draw)
            guard failures >= settings.failureThreshold else { return false }
        case .probing:
            openings += 1
            notBefore = now + settings.pause(afterFailures: failures + openings, draw: draw)
        }
        change(to: .open)
        return true
    }

    private mutating func change(to next: BreakerState) {
        state = next
        epoch += 1
    }
}
