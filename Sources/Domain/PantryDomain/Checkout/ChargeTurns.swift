import Determinism
import Synchronization

/// Lets waiting orders be charged one after the other, at a limited rate: a provider that has just come back must not
/// be met by all that have waited for it at once. An order whose turn has not come is told when it comes.
final class ChargeTurns: Sendable {
    private let table: Mutex<ChargeTurnTable>
    private let time: any TimeSource

    /// - Parameter perSecond: how many waiting orders are charged in a second.
    init(perSecond: Int, time: any TimeSource) {
        self.time = time
        table = Mutex(ChargeTurnTable(interval: .nanoseconds(1_000_000_000 / max(perSecond, 1))))
    }

    /// How long the order has to wait for its turn; nil when it has come.
    func wait(of order: OrderID) -> Duration? {
        let now = time.instant()
        return table.withLock { $0.wait(of: order, now: now) }
    }
}

/// Who may be charged when. A turn that was given is kept for its order, so that one that comes back at its time need
/// not stand in line again; for a while only, or all those would be charged at once whose turns passed while the
/// provider was away.
struct ChargeTurnTable: Sendable {
    /// So many turns are kept. Orders beyond that are told the time of the last one, and ask again then.
    static let mostTurns = 65_536
    /// How long a turn may be taken: an order may have a question before its charge, and sweeps come late.
    static let grace: Duration = .seconds(5)
    private let interval: Duration
    private var turns: [OrderID: Instant] = [:]
    private var nextFree = Instant(nanoseconds: .min)
    private var nextSweep = Instant(nanoseconds: .min)

    init(interval: Duration) { self.interval = interval }

    /// How many turns are kept.
    var count: Int { turns.count }

    mutating func wait(of order: OrderID, now: Instant) -> Duration? {
        if let turn = turns[order] {
            if turn > now { return turn - now }
            if now < turn + Self.grace { return nil }
            turns[order] = nil
        }
        if turns.count >= Self.mostTurns { sweep(now) }
        let turn = max(nextFree, now)
        guard turns.count < Self.mostTurns else { return turn > now ? turn - now : interval }
        nextFree = turn + interval
        turns[order] = turn
        return turn > now ? turn - now : nil
    }

    private mutating func sweep(_ now: Instant) {
        guard nextSweep <= now else { return }
        nextSweep = now + .seconds(1)
        turns = turns.filter { now < $0.value + Self.grace }
    }
}
