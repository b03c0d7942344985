/// A time that is divided out when somebody reads it. Whoever is admitted seldom asks when more will be left, and two
/// divisions are a fifth of a decision about a hot key.
struct PendingTicks: Sendable, Hashable {
    private let units: Int64
    /// Units that pass in a tick.
    private let rate: Int64

    init(units: Int64, rate: Int64) { (self.units, self.rate) = (units, rate) }
    init(ticks: Int64) { self.init(units: ticks, rate: 1) }

    /// Rounded up.
    var ticks: Int64 { units.dividedUp(by: rate) }

    static func == (a: Self, b: Self) -> Bool { a.ticks == b.ticks }
    func hash(into hasher: inout Hasher) { hasher.combine(ticks) }
}
