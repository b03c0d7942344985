import Determinism
import PantryDomain
import Storage
import Testing

@testable import PantryAssembly

/// What a server knows of how well sessions' positions are kept.
@Suite("Book of sessions' positions")
struct SessionPositionBookTests {
    private let start = Instant(nanoseconds: 0)
    private let session = SessionReference(
        organization: 1, id: SessionID(UUIDv7(high: 1, low: 1)), expiresAt: Timestamp(microseconds: 1_000_000))

    private func position(_ offset: UInt64, timeline: UInt32 = 1, epoch: Int64 = 1) -> SessionPosition {
        SessionPosition(
            epoch: epoch, position: CommitPosition(timeline: timeline, offset: offset), token: "\(offset)")
    }
    private var settled: Instant { start + SessionPositionBook.settling }

    @Test func positionsSortByMovesThenFailoversThenPlaces() {
        let unknown = SessionPosition(epoch: 1, position: nil, token: "")
        let sorted = [
            unknown, position(9), position(10), position(1, timeline: 2), position(1, timeline: 1, epoch: 2),
        ]
        #expect(sorted.shuffled(by: 7).sorted() == sorted)
    }

    @Test func aServerThatBeginsDoubtsForAWhile() {
        let book = SessionPositionBook(at: start)
        #expect(book.isInDoubt(session, at: settled + .nanoseconds(-1)) && !book.isInDoubt(session, at: settled))
        #expect(book.isSettled)
    }

    @Test func whileTheStoreIsAwayAndAWhileAfterwardsAllIsInDoubt() {
        var book = SessionPositionBook(at: start)
        let lost = settled + .seconds(1)
        let (first, second) = (book.storeWentAway(), book.storeWentAway())
        #expect(first && !second, "told once")
        #expect(book.isAway && !book.isSettled)
        #expect(book.isInDoubt(session, at: lost + .seconds(3_600)))
        let back = lost + .seconds(3_600)
        let (third, fourth) = (book.storeAnswered(at: back), book.storeAnswered(at: back + .seconds(5)))
        #expect(third && !fourth)
        #expect(book.isInDoubt(session, at: back + .milliseconds(9_999)))
        #expect(!book.isInDoubt(session, at: back + .seconds(10)))
    }

    @Test func theFurthestPositionWaitsToBeNoted() {
        var book = SessionPositionBook(at: start)
        for offset in [5, 7, 6] as [UInt64] { book.postpone(position(offset), of: session, at: settled) }
        let due = book.due(at: settled).map(\.position)
        #expect(due == [position(7)])
        #expect(book.isInDoubt(session, at: settled) && !book.isSettled)
        book.saved(position(5), of: session)
        let left = book.due(at: settled).count
        #expect(left == 1, "a later one is still to be noted")
        book.saved(position(7), of: session)
        #expect(book.isSettled && !book.isInDoubt(session, at: settled))
    }

    @Test func whatIsOlderThanAnyReplicaMayBeIsDropped() {
        var book = SessionPositionBook(at: start)
        book.postpone(position(1), of: session, at: settled)
        let before = book.due(at: settled + .milliseconds(9_999)).count
        let after = book.due(at: settled + .seconds(10)).count
        #expect(before == 1 && after == 0 && book.isSettled)
    }

    @Test func itHoldsABoundedNumber() {
        var book = SessionPositionBook(at: start, capacity: 3)
        for number in 0..<10 {
            let other = SessionReference(
                organization: 1, id: SessionID(UUIDv7(high: 1, low: UInt64(number))), expiresAt: session.expiresAt)
            book.postpone(position(1), of: other, at: settled)
        }
        let count = book.due(at: settled).count
        #expect(count == 3)
    }
}

extension Array {
    /// Another order, always the same.
    fileprivate func shuffled(by step: Int) -> [Element] {
        indices.map { self[($0 * step + 3) % count] }
    }
}
