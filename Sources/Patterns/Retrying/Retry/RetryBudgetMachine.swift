import Determinism

/// The account of a ``RetryBudget``, in billionths of a retry, so that a nanosecond of one retry a second is one.
public struct RetryBudgetMachine: Sendable {
    private static let retry: Int64 = 1_000_000_000
    private let (percent, perSecond, capacity): (Int64, Int64, Int64)
    private var saved: Int64
    private var latest: Instant
    /// How many withdrawals were refused.
    public private(set) var refusals: UInt64 = 0

    /// A full account. Settings outside of their ranges are taken for the nearest one inside.
    public init(percent: Int, perSecond: Int, capacity: Int, now: Instant) {
        self.percent = Int64(min(max(percent, 0), 1_000))
        self.perSecond = Int64(min(max(perSecond, 0), 1_000_000))
        self.capacity = Int64(min(max(capacity, 1), 1_000_000)) * Self.retry
        saved = self.capacity
        latest = now
    }

    /// A call begins.
    public mutating func deposit() { saved = min(saved + percent * (Self.retry / 100), capacity) }

    /// A retry wants to begin.
    public mutating func withdraw(now: Instant) -> Bool {
        refill(now)
        guard saved >= Self.retry else {
            refusals += 1
            return false
        }
        saved -= Self.retry
        return true
    }

    /// How many retries there are left, rounded down.
    public mutating func balance(now: Instant) -> Int {
        refill(now)
        return Int(saved / Self.retry)
    }

    /// Time is paid for once. Two threads that read the clock and then wait for a lock may come in the wrong order, so
    /// that a reading behind the latest one brings nothing and changes nothing; only one that is more than a second
    /// behind is taken for a clock that was put back, and time goes on from there.
    private mutating func refill(_ now: Instant) {
        let passed = (now - latest).inNanoseconds
        if passed > 0 || passed < -1_000_000_000 { latest = now }
        guard passed > 0, perSecond > 0 else { return }
        let (brought, overflow) = passed.multipliedReportingOverflow(by: perSecond)
        saved = overflow || brought > capacity ? capacity : min(saved + brought, capacity)
    }
}
