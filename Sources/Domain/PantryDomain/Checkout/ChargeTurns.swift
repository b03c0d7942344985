import Determinism
import Synchronization

/// What a waiting order calls the provider for.
enum WaitingCall: UInt8, Sendable {
    case question = 1
    case charge = 2
}

/// Lets waiting orders be charged one after the other, at a limited rate: a provider that has just come back must not
/// be met by all that have waited for it at once. An order whose turn has not come is told when it comes.
final class ChargeTurns: Sendable {
    private let table: Mutex<ChargeTurnTable>
    private let time: any TimeSource

    /// - Parameters:
    ///   - perSecond: how many waiting orders are charged in a second.
    ///   - shortestRest: how long an order that is put off stays away at least, whatever it was told.
    init(perSecond: Int, shortestRest: Duration, time: any TimeSource) {
        self.time = time
        table = Mutex(
            ChargeTurnTable(
                interval: .nanoseconds(1_000_000_000 / max(perSecond, 1)), shortestRest: shortestRest))
    }

    /// How long the order has to wait before it may make that call; nil when it may now.
    func wait(of order: OrderID, for call: WaitingCall) -> Duration? {
        let now = time.instant()
        return table.withLock { $0.wait(of: order, for: call, now: now) }
    }
}

/// Who may be charged when. A turn that was given is kept for its order, so that one that comes back at its time need
/// not stand in line again; for a while only, or all those would be charged at once whose turns passed while the
/// provider was away.
///
/// Orders come late, and all at once after a pause of the process. So a turn that has come is not enough: the pace of
/// questions, and that of charges, must allow it. Whoever it does not allow stands in line again.
struct ChargeTurnTable: Sendable {
    /// So many turns are kept. Orders beyond that are told the time of the last one, and ask again then.
    static let mostTurns = 65_536
    /// How long a turn may be taken: an order may have a question before its charge, and sweeps come late.
    static let grace: Duration = .seconds(5)

    private struct Turn {
        let at: Instant
        /// The calls that have begun in it; an attempt may repeat them.
        var begun: UInt8 = 0
    }
    private let (interval, shortestRest): (Duration, Duration)
    private var turns: [OrderID: Turn] = [:]
    private var nextFree = Instant(nanoseconds: .min)
    private var nextSweep = Instant(nanoseconds: .min)
    private var (questions, charges): (ChargePace, ChargePace)

    /// - Parameter shortestRest: nobody who is put off comes back before that: an earlier turn would be lost, or, of
    ///   many such turns, all would be taken at once.
    init(interval: Duration, shortestRest: Duration = .zero) {
        (self.interval, self.shortestRest) = (interval, shortestRest)
        (questions, charges) = (ChargePace(interval: interval), ChargePace(interval: interval))
    }

    /// How many turns are kept.
    var count: Int { turns.count }

    mutating func wait(of order: OrderID, for call: WaitingCall, now: Instant) -> Duration? {
        if var turn = turns[order] {
            if turn.at > now { return turn.at - now }
            if now < turn.at + Self.grace, begin(call, in: &turn, now) {
                turns[order] = turn
                return nil
            }
            turns[order] = nil
        }
        if turns.count >= Self.mostTurns { sweep(now) }
        var turn = Turn(at: max(nextFree, now, earliest(call)))
        if turn.at > now { turn = Turn(at: max(turn.at, now + shortestRest)) }
        guard turns.count < Self.mostTurns else { return turn.at > now ? turn.at - now : interval }
        nextFree = turn.at + interval
        let mayBegin = turn.at <= now ? begin(call, in: &turn, now) : false
        turns[order] = turn
        return mayBegin ? nil : turn.at - now
    }

    private mutating func begin(_ call: WaitingCall, in turn: inout Turn, _ now: Instant) -> Bool {
        if turn.begun & call.rawValue != 0 { return true }
        let isAllowed =
            switch call {
            case .question: questions.allows(now)
            case .charge: charges.allows(now)
            }
        if isAllowed { turn.begun |= call.rawValue }
        return isAllowed
    }

    /// When the pace allows the next such call.
    private func earliest(_ call: WaitingCall) -> Instant {
        switch call {
        case .question: questions.earliest
        case .charge: charges.earliest
        }
    }

    private mutating func sweep(_ now: Instant) {
        guard nextSweep <= now else { return }
        nextSweep = now + .seconds(1)
        turns = turns.filter { now < $0.value.at + Self.grace }
    }
}

/// One call in each interval, but for what is late: what belongs to one second, two calls at least, may begin at once.
/// So no more than twice as many as at the even rate begin in any second, whatever came before it.
struct ChargePace: Sendable {
    private let interval: Duration
    /// How far calls may be ahead of the even rate.
    private let slack: Duration
    /// The earliest moment at which the next call may begin.
    private(set) var earliest = Instant(nanoseconds: .min)

    init(interval: Duration) {
        self.interval = interval
        slack = max(.seconds(1) - interval, interval)
    }

    /// Whether a call may begin now; it counts if it may.
    mutating func allows(_ now: Instant) -> Bool {
        guard earliest <= now else { return false }
        earliest = max(earliest, now + (.zero - slack)) + interval
        return true
    }
}
