import Determinism
import DeterminismTestKit
import Testing

@testable import PantryDomain

/// Orders that have waited for the provider are charged one after the other.
@Suite("Charge turns")
struct ChargeTurnTests {
    private let start = Instant(nanoseconds: 1_000)
    /// A saga that is put off stays away that long.
    private let rest: Duration = .seconds(5)

    private func order(_ number: UInt64) -> OrderID {
        OrderID(UUIDv7(time: Timestamp(microseconds: Int64(number)), slot: 0, random: number))
    }

    @Test func eachOrderIsChargedAtItsTurn() {
        var table = ChargeTurnTable(interval: .milliseconds(50))
        #expect(table.wait(of: order(0), now: start) == nil, "nobody is before it")
        for number in 1...100 {
            #expect(table.wait(of: order(UInt64(number)), now: start) == .milliseconds(50 * number))
        }
        #expect(table.wait(of: order(7), now: start + .milliseconds(300)) == .milliseconds(50), "it came too early")
        for late in [350, 351, 5_349] {
            #expect(table.wait(of: order(7), now: start + .milliseconds(late)) == nil, "a question, then the charge")
        }
        let over = table.wait(of: order(7), now: start + .milliseconds(5_350))
        #expect(over == nil, "nobody is before it any more: a new turn, at once")
    }

    /// The provider went away again before their turns: they must not all come through when it is back.
    @Test func turnsThatPassedAreNoTurns() {
        var table = ChargeTurnTable(interval: .milliseconds(50))
        for number in 0..<1_000 as Range<UInt64> { _ = table.wait(of: order(number), now: start) }
        let later = start + .seconds(600)
        let admitted = (0..<1_000 as Range<UInt64>).count { table.wait(of: order($0), now: later) == nil }
        #expect(admitted == 1)
    }

    /// Whoever comes and whenever: no more in any second than the rate allows.
    @Test(arguments: 0..<50 as Range<UInt64>, [Duration.zero, .seconds(5)])
    func neverMoreThanTheRate(seed: UInt64, rest: Duration) {
        let random = SeededRandom(seed: seed)
        var table = ChargeTurnTable(interval: .milliseconds(50), shortestRest: rest)
        var due: [(at: Instant, order: UInt64)] = (0..<300).map { (start, $0) }
        var charged: [Instant] = []
        while !due.isEmpty {
            let index = due.indices.min { due[$0].at < due[$1].at } ?? 0
            let (at, number) = due.remove(at: index)
            // They come late, as sweeps do.
            let now = at + .milliseconds(Int64(random.next(below: 500)))
            if let wait = table.wait(of: order(number), now: now) {
                due.append((now + max(wait, rest), number))
            } else {
                charged.append(now)
            }
        }
        charged.sort()
        #expect(charged.count == 300)
        // A turn may be taken up to half a second late here, so that two windows of turns may meet in one.
        for (index, moment) in charged.enumerated() where index >= 31 {
            #expect(moment - charged[index - 31] >= .seconds(1))
        }
    }

    /// The process stands still for a minute: of twelve hundred turns that it missed, a hundred are not too old to be
    /// taken, all at once.
    @Test("turns that were missed are not made up", arguments: [WaitingCall.charge, .question])
    func turnsThatWereMissedAreNotMadeUp(beginningWith first: WaitingCall) {
        let (time, random) = (ManualTime(), SeededRandom(seed: 3))
        let turns = ChargeTurns(perSecond: 20, shortestRest: rest, time: time)
        var waiting = (0..<2_400 as Range<UInt64>).map { (at: time.instant(), order: $0, next: first) }
        var charged: [Instant] = []
        for sweep in 0..<10_000 where !waiting.isEmpty {
            time.advance(by: sweep == 20 ? .seconds(60) : .milliseconds(500))
            let now = time.instant()
            let due = waiting.filter { $0.at <= now }
            waiting.removeAll { $0.at <= now }
            for (_, number, call) in due {
                if let wait = turns.wait(of: order(number), for: call) {
                    // Whoever is put off asks anew.
                    waiting.append((now + max(wait, rest), number, first))
                } else if call == .question {
                    waiting.append((now + .milliseconds(Int64(random.next(below: 1_000))), number, .charge))
                } else {
                    charged.append(now)
                }
            }
        }
        #expect(waiting.isEmpty && charged.count == 2_400, "each has its turn in the end")
        let mostAtOnce = Dictionary(grouping: charged) { $0 }.values.map(\.count).max() ?? 0
        #expect(mostAtOnce <= 20, "a second's worth")
        let crowded = charged.indices.dropFirst(40).count { charged[$0] - charged[$0 - 40] < .seconds(1) }
        #expect(crowded == 0, "no more than twice the rate in any second")
    }

    /// However few are in line, and although none comes back at once: at the rate, each with one refusal.
    @Test(arguments: [20, 50, 100, 200, 1_000])
    func aLineThatIsDueInOneSweepIsChargedAtTheRate(count: Int) {
        var table = ChargeTurnTable(interval: .milliseconds(50), shortestRest: rest)
        var waiting = (0..<UInt64(count)).map { (at: start, order: $0) }
        var (now, asked, end) = (start, 0, start)
        while !waiting.isEmpty, now < start + .seconds(600) {
            now = now + .milliseconds(500)
            let due = waiting.filter { $0.at <= now }
            waiting.removeAll { $0.at <= now }
            asked += due.count
            for (_, number) in due {
                if let wait = table.wait(of: order(number), now: now) {
                    waiting.append((now + max(wait, rest), number))
                } else {
                    end = now
                }
            }
        }
        #expect(waiting.isEmpty && asked < 2 * count, "nobody loses a turn")
        #expect(end - start <= rest + .milliseconds(50 * count) + .seconds(1))
    }

    @Test func questionAndChargeOfOneTurnEachHaveTheirOwnPace() {
        var table = ChargeTurnTable(interval: .milliseconds(50))
        for number in 0..<100 as Range<UInt64> { _ = table.wait(of: order(number), for: .question, now: start) }
        let later = start + .milliseconds(4_950)
        for call in [WaitingCall.question, .charge, .question, .charge] {
            let begun = (80..<100 as Range<UInt64>).count { table.wait(of: order($0), for: call, now: later) == nil }
            #expect(begun == 20, "what has begun in a turn may be repeated in it")
        }
        let next = table.wait(of: order(79), for: .question, now: later)
        #expect(next == .milliseconds(50), "the others stand in line again")
    }

    @Test func turnsOfOrdersThatNeverCameAreForgotten() {
        var table = ChargeTurnTable(interval: .nanoseconds(1))
        for number in 0...UInt64(ChargeTurnTable.mostTurns) { _ = table.wait(of: order(number), now: start) }
        #expect(table.count == ChargeTurnTable.mostTurns)
        #expect(table.wait(of: order(99_999_999), now: start) != nil)
        #expect(table.count == ChargeTurnTable.mostTurns, "bounded")
        let later = start + .seconds(700)
        #expect(table.wait(of: order(1_000_000), now: later) == nil)
        #expect(table.count == 1)
    }
}

extension ChargeTurnTable {
    /// Of an order that has nothing to ask.
    fileprivate mutating func wait(of order: OrderID, now: Instant) -> Duration? {
        wait(of: order, for: .charge, now: now)
    }
}
