/// Whether a limit admits, and why not.
public enum RateLimitOutcome: UInt8, Sendable, Hashable, CaseIterable {
    /// Admitted.
    case allowed = 0
    /// Too much for now; ``RateLimitVerdict/retryAfter`` says when.
    case refused = 1
    /// The key is blocked, by an earlier refusal or by an operator.
    case blocked = 2
    /// The cost is above the capacity: it will never be admitted, and there is no time to retry at.
    case never = 3
}

/// Where a decision was made.
public enum RateLimitSource: UInt8, Sendable, Hashable, CaseIterable {
    /// In the store.
    case store
    /// In this process, from tokens leased from the store.
    case lease
    /// In this process: the store refused this key a moment ago.
    case rememberedRefusal
    /// In this process, because the store is away.
    case fallback
}

/// What one limit says to a request, with all that a response's header needs. Its times are whole nanoseconds, rounded
/// up where they had to be.
public struct RateLimitVerdict: Sendable, Hashable {
    /// Whether, and why not.
    public internal(set) var outcome: RateLimitOutcome
    /// Where it was decided.
    public internal(set) var source = RateLimitSource.store
    /// It is a report only: a refusal was not enforced.
    public let isShadow: Bool
    /// The limit's name.
    public let name: String
    /// The limit's capacity or quota.
    public let quota: Int64
    /// Tokens charged to this limit; 0 if the decision is a refusal.
    public internal(set) var granted: Int64
    /// Whole tokens that are left; 0 while blocked.
    public internal(set) var remaining: Int64 {
        get { balance.remaining }
        set { balance.remaining = newValue }
    }
    let windowNanoseconds: Int64
    var retryNanoseconds: Int64
    /// In nanoseconds.
    private var balance: LimitBalance

    /// Whether this limit admits the request. Another one of the decision may still refuse it.
    public var isAllowed: Bool { outcome == .allowed }
    /// The limit's window; for a bucket, how long it takes to fill.
    public var window: Duration { .nanoseconds(windowNanoseconds) }
    /// In how long the same request would be admitted if nobody else comes; nil if it was admitted, and if it never
    /// will be.
    public var retryAfter: Duration? {
        outcome == .refused || outcome == .blocked ? .nanoseconds(retryNanoseconds) : nil
    }
    /// In how long more is left than now; zero when nothing is used.
    public var nextAfter: Duration { .nanoseconds(balance.next) }
    /// In how long nothing is used any more and nothing blocked, if nobody comes: a key always recovers by then.
    public var resetAfter: Duration { .nanoseconds(balance.recovery) }

    @inline(__always)
    init(_ limit: borrowing RateLimit, _ reading: LimitReading, nanosecondsPerTick: Int64 = 1) {
        (outcome, isShadow, name, quota) = (reading.outcome, limit.isShadow, limit.name, limit.nanoseconds.capacity)
        granted = reading.granted
        windowNanoseconds = limit.fillNanoseconds
        retryNanoseconds = reading.wait.multiplied(by: nanosecondsPerTick)
        balance = reading.balance.inTicks(of: nanosecondsPerTick)
    }

    /// Remaining ÷ quota, by which the tightest of the admitting limits is found.
    var remainingShare: Double { Double(remaining) / Double(quota) }
}

/// What all limits of a request say together.
public struct RateLimitDecision: Sendable, Hashable {
    /// What each limit says, in the order of the request's checks.
    public internal(set) var verdicts: [RateLimitVerdict]
    /// The limit that binds, as a place in ``verdicts``: of those that refuse, the one with the longest wait (never is
    /// longest); if none does, the one with the smallest share remaining. Ties go to the first; shadow limits bind only
    /// when there are no others.
    public let bindingIndex: Int

    init(_ verdicts: [RateLimitVerdict]) {
        self.verdicts = verdicts
        bindingIndex = Self.binding(of: verdicts)
    }

    /// The verdict that binds.
    public var binding: RateLimitVerdict { verdicts[bindingIndex] }
    /// Whether the request may go on.
    public var isAllowed: Bool { binding.isAllowed || binding.isShadow }
    /// Whether, and why not.
    public var outcome: RateLimitOutcome { isAllowed ? .allowed : binding.outcome }
    /// In how long to retry; nil if allowed and if it never will be.
    public var retryAfter: Duration? { isAllowed ? nil : binding.retryAfter }
    /// The shadow limits that would have refused it.
    public var wouldHaveRefused: [String] { verdicts.filter { $0.isShadow && !$0.isAllowed }.map(\.name) }

    static func binding(of verdicts: [RateLimitVerdict]) -> Int {
        var best = 0
        for index in verdicts.indices.dropFirst() where binds(verdicts[index], before: verdicts[best]) { best = index }
        return best
    }

    private static func binds(_ a: RateLimitVerdict, before b: RateLimitVerdict) -> Bool {
        if a.isShadow != b.isShadow { return b.isShadow }
        if a.isAllowed != b.isAllowed { return b.isAllowed }
        if a.isAllowed { return a.remainingShare < b.remainingShare }
        if (a.outcome == .never) != (b.outcome == .never) { return a.outcome == .never }
        return a.outcome != .never && a.retryNanoseconds > b.retryNanoseconds
    }
}
