import Determinism
import Testing

@testable import PantryDomain

/// Who looks for an organization's events, and when.
@Suite("Events: who looks, and when")
struct EventListenersTests {
    private let start = Instant(nanoseconds: 0)
    private func at(_ milliseconds: Int) -> Instant { start + .milliseconds(milliseconds) }
    private func listeners() -> EventListeners { EventListeners(interval: .milliseconds(500)) }

    @Test func theFirstOneLooksForAll() {
        var listeners = listeners()
        let first = listeners.enroll(1, after: 0, until: at(9_000), at: start)
        let second = listeners.enroll(1, after: 0, until: at(7_000), at: start)
        let elsewhere = listeners.enroll(2, after: 0, until: at(7_000), at: start)
        #expect(listeners.turn(1, first, at: start) == .pause(until: at(50)), "it has just read")
        #expect(listeners.turn(1, second, at: start) == .pause(until: at(7_000)))
        #expect(listeners.turn(1, first, at: at(50)) == .look)
        #expect(listeners.turn(1, second, at: at(50)) == .pause(until: at(7_000)))
        #expect(listeners.turn(2, elsewhere, at: at(50)) == .look)
        #expect(listeners.looked(1, first, last: 0) == [])
        #expect(listeners.turn(1, first, at: at(50)) == .pause(until: at(550)))
        #expect(listeners.turn(1, first, at: at(550)) == .look)
        #expect(listeners.looked(1, first, last: 3) == [second], "and not whoever listens to another organization")
        #expect(listeners.turn(1, first, at: at(550)) == .news)
        #expect(listeners.turn(1, second, at: at(550)) == .news)
        #expect(listeners.turn(2, elsewhere, at: at(550)) == .look)
    }

    @Test func newsAreWhatIsBehindTheListenersPosition() {
        var listeners = listeners()
        let behind = listeners.enroll(1, after: 4, until: at(9_000), at: start)
        let ahead = listeners.enroll(1, after: 5, until: at(9_000), at: start)
        #expect(listeners.turn(1, ahead, at: at(50)) == .look)
        #expect(listeners.looked(1, ahead, last: 5) == [behind])
        #expect(listeners.looked(1, ahead, last: 5) == [], "told once")
        #expect(listeners.looked(1, ahead, last: nil) == [])
        #expect(listeners.turn(1, ahead, at: at(51)) == .pause(until: at(550)))
        let late = listeners.enroll(1, after: 0, until: at(9_000), at: start)
        #expect(listeners.turn(1, late, at: at(1)) == .news, "known without a look")
    }

    /// Who waited at the end that was lost kept it known, and whoever began at the new one was told of news for ever.
    @Test func anEndThatWasLostIsNoNews() {
        var listeners = listeners()
        let old = listeners.enroll(1, after: 1_043, until: at(9_000), at: start)
        #expect(listeners.turn(1, old, at: at(50)) == .look)
        #expect(listeners.looked(1, old, last: 1_043) == [])
        let new = listeners.enroll(1, after: 1_040, until: at(9_000), at: at(60))
        #expect(listeners.turn(1, new, at: at(60)) == .news, "as long as nobody has looked again")
        #expect(listeners.turn(1, old, at: at(550)) == .look)
        #expect(listeners.looked(1, old, last: 1_040) == [])
        #expect(listeners.turn(1, new, at: at(560)) == .pause(until: at(9_000)))
        #expect(listeners.turn(1, old, at: at(1_050)) == .look)
        #expect(listeners.looked(1, old, last: 1_041) == [new])
    }

    @Test func aListenersTimeEnds() {
        var listeners = listeners()
        let id = listeners.enroll(1, after: 0, until: at(600), at: start)
        #expect(listeners.turn(1, id, at: at(50)) == .look)
        #expect(listeners.turn(1, id, at: at(550)) == .look)
        #expect(listeners.turn(1, id, at: at(550)) == .pause(until: at(600)))
        #expect(listeners.turn(1, id, at: at(600)) == .over)
        #expect(listeners.leave(1, id) == nil && listeners.organizationCount == 0)
        #expect(listeners.turn(1, id, at: at(601)) == .over, "nothing is known of it any more")
        #expect(listeners.leave(1, id) == nil && listeners.nudge(1) == nil)
    }

    @Test func aNudgeMakesTheNextLookDueButNotTooOften() {
        var listeners = listeners()
        #expect(listeners.nudge(1) == nil, "nobody listens")
        let id = listeners.enroll(1, after: 0, until: at(9_000), at: start)
        #expect(listeners.nudge(1) == nil, "it looks soon anyway")
        #expect(listeners.turn(1, id, at: at(1_000)) == .look)
        #expect(listeners.nudge(1) == id)
        #expect(listeners.nudge(1) == nil, "it knows")
        #expect(listeners.turn(1, id, at: at(1_010)) == .pause(until: at(1_050)))
        #expect(listeners.turn(1, id, at: at(1_050)) == .look)
        #expect(listeners.turn(1, id, at: at(1_050)) == .pause(until: at(1_550)))
        #expect(listeners.nudge(1) == id)
        #expect(listeners.turn(1, id, at: at(1_300)) == .look, "at once")
    }

    @Test func whoLeavesAsTheKeeperNamesAnotherOne() {
        var listeners = listeners()
        let ids = (0..<3).map { _ in listeners.enroll(1, after: 0, until: at(9_000), at: start) }
        #expect(listeners.turn(1, ids[0], at: at(50)) == .look)
        #expect(listeners.leave(1, ids[2]) == nil, "it was no keeper")
        #expect(listeners.leave(1, ids[0]) == ids[1])
        #expect(listeners.turn(1, ids[1], at: at(100)) == .pause(until: at(550)), "as the one before would have")
        #expect(listeners.turn(1, ids[1], at: at(550)) == .look)
        #expect(listeners.leave(1, ids[1]) == nil && listeners.organizationCount == 0)
    }

    @Test func whoHasNewsIsNotMadeTheKeeper() {
        var listeners = listeners()
        let (keeper, reader, waiter) = (
            listeners.enroll(1, after: 0, until: at(9_000), at: start),
            listeners.enroll(1, after: 0, until: at(9_000), at: start),
            listeners.enroll(1, after: 1, until: at(9_000), at: start)
        )
        #expect(listeners.turn(1, keeper, at: at(50)) == .look)
        #expect(listeners.looked(1, keeper, last: 1) == [reader])
        #expect(listeners.leave(1, keeper) == waiter)
        #expect(listeners.turn(1, reader, at: at(51)) == .news)
        #expect(listeners.leave(1, reader) == nil)
    }
}
