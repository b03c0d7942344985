import Determinism
import Testing

@testable import PantryDomain

/// Orders that have waited for the provider are charged one after the other.
@Suite("Charge turns")
struct ChargeTurnTests {
    private let start = Instant(nanoseconds: 1_000)

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
    @Test(arguments: 0..<50 as Range<UInt64>) func neverMoreThanTheRate(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var table = ChargeTurnTable(interval: .milliseconds(50))
        var due: [(at: Instant, order: UInt64)] = (0..<300).map { (start, $0) }
        var charged: [Instant] = []
        while !due.isEmpty {
            let index = due.indices.min { due[$0].at < due[$1].at } ?? 0
            let (at, number) = due.remove(at: index)
            // They come late, as sweeps do.
            let now = at + .milliseconds(Int64(random.next(below: 500)))
            if let wait = table.wait(of: order(number), now: now) {
                due.append((now + wait, number))
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
