import Determinism
import Retrying
import Storage

/// Whether a transaction that lost against another one is run again as a whole, and after which pause: a pure value.
///
/// No pause begins that would end at the deadline or behind it, and no attempt begins then. One that is under way goes
/// on to its end.
struct WriteRetries: Sendable {
    /// Full jitter, as in Brooker, "Exponential Backoff And Jitter" (2015).
    private static let backoff = Backoff(base: .milliseconds(10), longest: .seconds(1))
    private let attempts: Int
    private let deadline: Instant?
    /// How many attempts have lost.
    private(set) var failures = 0
    /// What the latest of them has lost with.
    private(set) var latest: StorageError?

    /// Before the first attempt.
    /// - Parameters:
    ///   - attempts: the most of them.
    ///   - timeout: how long after the first one's beginning others may begin; nil for no limit.
    ///   - callersDeadline: when the caller loses interest; nil for never.
    init(attempts: Int, within timeout: Duration?, callersDeadline: Instant?, now: Instant) {
        self.attempts = attempts
        deadline = [timeout.map { now + $0 }, callersDeadline].compactMap { $0 }.min()
    }

    /// An attempt has lost.
    /// - Parameter draw: 64 random bits.
    /// - Returns: the pause before the next one; nil if there is none.
    mutating func lost(_ error: StorageError, now: Instant, draw: UInt64) -> Duration? {
        (failures, latest) = (failures + 1, error)
        guard failures < attempts else { return nil }
        let pause = Self.backoff.pause(afterFailures: failures, previous: nil, draw: draw)
        return mayBegin(at: now + pause) ? pause : nil
    }

    /// Whether there is time for another attempt.
    func mayBegin(at instant: Instant) -> Bool { deadline.map { instant < $0 } ?? true }

    /// Until when the next attempt may wait for its connection; nil for the first one, which waits as others do.
    var connectionDeadline: Instant? { failures > 0 ? deadline : nil }
}
