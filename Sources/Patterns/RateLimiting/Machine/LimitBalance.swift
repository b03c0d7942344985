/// What is left of a limit, when there is more, and when all of it is there again: as numbers, or as the bucket of
/// which they are divided out when somebody reads them. Whoever is admitted seldom asks, and three divisions are a
/// quarter of a decision about a hot key.
struct LimitBalance: Sendable, Hashable {
    /// Tokens; of a bucket units that are free.
    private var free: Int64
    /// Ticks until there is more; of a bucket units that a tick drains.
    private var more: Int64
    /// Ticks until all is there; of a bucket units in use.
    private var rest: Int64
    /// Units of a bucket's token; 0 where the others are numbers.
    private var unit: Int64

    /// Nothing is left, and more is there at once.
    init() { self.init(remaining: 0, next: 0, recovery: 0) }
    init(remaining: Int64, next: Int64, recovery: Int64) { (free, more, rest, unit) = (remaining, next, recovery, 0) }
    /// - Parameters:
    ///   - free: units, from 0 on.
    ///   - used: units, more than 0.
    ///   - rate: units that a tick drains.
    ///   - unit: units of a token.
    init(bucketWith free: Int64, used: Int64, rate: Int64, unit: Int64) {
        (self.free, more, rest, self.unit) = (free, rate, used, unit)
    }

    /// Whole tokens.
    var remaining: Int64 {
        get { unit == 0 ? free : free / unit }
        set { self = LimitBalance(remaining: newValue, next: next, recovery: recovery) }
    }
    /// Ticks until one more token is left, rounded up.
    var next: Int64 {
        get { unit == 0 ? more : (unit - free % unit).dividedUp(by: more) }
        set { self = LimitBalance(remaining: remaining, next: newValue, recovery: recovery) }
    }
    /// Ticks until all are, rounded up.
    var recovery: Int64 {
        get { unit == 0 ? rest : rest.dividedUp(by: more) }
        set { self = LimitBalance(remaining: remaining, next: next, recovery: newValue) }
    }

    /// The same with ticks of which each is so many.
    func inTicks(of ticks: Int64) -> LimitBalance {
        if ticks == 1 { return self }
        return LimitBalance(
            remaining: remaining, next: next.multiplied(by: ticks), recovery: recovery.multiplied(by: ticks))
    }

    /// Whether they say the same.
    static func == (a: Self, b: Self) -> Bool {
        a.remaining == b.remaining && a.next == b.next && a.recovery == b.recovery
    }
    func hash(into hasher: inout Hasher) {
        hasher.combine(remaining)
        hasher.combine(next)
        hasher.combine(recovery)
    }
}
