/// What is asked of the limits. After anything but ``consume`` and ``peek`` a verdict says what a request of one token
/// would meet.
public enum RateLimitOperation: Sendable, Hashable {
    /// Charge the cost, or refuse and charge nothing.
    case consume
    /// Would the cost be admitted? Charges nothing.
    case peek
    /// Charge the cost whatever is left, up to twice the capacity in all.
    case penalty
    /// Give the cost back: none that was not used, of a window only what the current one has. Does not end a block.
    case reward
    /// Refuse everything for this long; a longer block stays.
    case block(Duration)
    /// Forget the key: nothing used, not blocked.
    case reset
}

/// One limit of a decision, for one subject of its tenant.
public struct RateLimitCheck: Sendable, Hashable {
    /// The limit, with its numbers of this moment.
    public var limit: RateLimit
    /// Whose; see ``RateLimitKey/subject``.
    public var subject: String
    /// How many tokens the request costs; less than zero counts as zero, which only a block refuses.
    public var cost: Int64
    /// Take up to this many if more than ``cost`` are free: see ``LeasedRateLimiter``. Equal to the cost otherwise.
    public var upTo: Int64
    /// Settled before anything is decided, whatever is decided then: tokens that were used elsewhere (greater than
    /// zero), or that were taken and not used (less than zero).
    public var adjustment: Int64 = 0

    /// A check of one limit.
    public init(_ limit: RateLimit, subject: String = "", cost: Int64 = 1, upTo: Int64? = nil) {
        (self.limit, self.subject) = (limit, subject)
        self.cost = max(0, cost)
        self.upTo = max(self.cost, upTo ?? self.cost)
    }
}

/// What to do for a request while the store of the limits cannot be reached.
public enum StoreLossPolicy: String, Sendable, Hashable, CaseIterable {
    /// Each process enforces its share: the limit divided by the number of live processes.
    case share
    /// Admit everything.
    case allow
    /// Refuse everything.
    case deny
}

/// One decision: an operation on several limits of one tenant, of which all or none are charged.
public struct RateLimitRequest: Sendable, Hashable {
    /// The most limits in a decision.
    public static let greatestCheckCount = 16

    /// What is asked.
    public var operation: RateLimitOperation
    /// Whose limits.
    public var tenant: String
    /// The limits, each for a subject.
    public internal(set) var checks: [RateLimitCheck]
    /// What to do without the store; nil for the limiter's own setting.
    public var whenStoreIsAway: StoreLossPolicy?

    /// A decision. Checks of one limit for one subject are put together to one with the sum of their costs, so that
    /// they cannot be admitted beside each other.
    /// - Parameter checks: one to ``greatestCheckCount`` of them.
    public init(
        _ operation: RateLimitOperation = .consume, tenant: String, _ checks: [RateLimitCheck],
        whenStoreIsAway: StoreLossPolicy? = nil
    ) {
        (self.operation, self.tenant, self.whenStoreIsAway) = (operation, tenant, whenStoreIsAway)
        var merged: [RateLimitCheck] = []
        merged.reserveCapacity(checks.count)
        for check in checks {
            let same = merged.firstIndex { $0.limit.name == check.limit.name && $0.subject == check.subject }
            if let same {
                merged[same].cost = merged[same].cost.adding(check.cost)
                merged[same].upTo = merged[same].upTo.adding(check.upTo)
                merged[same].adjustment = merged[same].adjustment.adding(check.adjustment)
            } else {
                merged.append(check)
            }
        }
        precondition((1...Self.greatestCheckCount).contains(merged.count), "a decision has 1 to 16 limits")
        self.checks = merged
    }

    /// One limit for one key.
    public init(
        _ operation: RateLimitOperation = .consume, _ key: RateLimitKey, _ limit: RateLimit, cost: Int64 = 1
    ) {
        (self.operation, tenant) = (operation, key.tenant)
        checks = [RateLimitCheck(limit, subject: key.subject, cost: cost)]
    }

    /// The key of a check.
    public func key(of check: Int) -> RateLimitKey { RateLimitKey(tenant, checks[check].subject) }
}
