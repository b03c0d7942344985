import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import Testing

@Suite("Leasing and returning")
struct LeasingTests {
    @Test func firstCallerWaitsForItsConnect() throws {
        var bench = Bench()
        let leased = bench.lease()
        let id = try #require(leased.actions.connects.first)
        #expect(leased.actions.count == 1)
        bench.pass(.milliseconds(3))
        let actions = bench.connected(id)
        let waiter = try leased.waiter
        #expect(actions.grants.map(\.0) == [waiter])
        #expect(bench.snapshot.leased == 1 && bench.snapshot.waiting == 0)
    }

    @Test func returnedConnectionIsHandedOutAgainLatestFirst() throws {
        var bench = Bench(limit: 3)
        let leases = try bench.fill(3)
        for lease in leases { #expect(bench.returned(lease) == []) }
        #expect(bench.snapshot.idle == 3)
        let again = try (0..<3).map { _ in try bench.lease().lease.slot }
        #expect(again == leases.reversed().map(\.slot))
    }

    @Test func returnedConnectionGoesToWaiterWhileItsOwnIsBeingOpened() throws {
        var bench = Bench(limit: 2)
        let held = try bench.fill(1)[0]
        let second = bench.lease()
        let id = try #require(second.actions.connects.first)
        let waiter = try second.waiter
        #expect(bench.returned(held).grants.map(\.0) == [waiter])
        #expect(bench.connected(id) == [])
        #expect(bench.snapshot.idle == 1)
    }

    @Test func limitIsNeverExceeded() throws {
        var bench = Bench(limit: 2) { $0.connecting.concurrency = 10 }
        let actions = (0..<5).flatMap { _ in bench.lease().actions }
        #expect(actions.connects.count == 2)
        #expect(bench.snapshot.size == 2 && bench.snapshot.waiting == 5)
    }

    @Test func connectsAreLimited() throws {
        var bench = Bench(limit: 10) { $0.connecting.concurrency = 3 }
        let ids = (0..<8).flatMap { _ in bench.lease().actions.connects }
        #expect(ids.count == 3)
        #expect(bench.connected(ids[0]).connects.count == 1)
    }

    @Test func closingConnectionCountsUntilItIsClosed() throws {
        var bench = Bench(limit: 1)
        let lease = try bench.fill(1)[0]
        let waiter = bench.lease()
        let closing = bench.returned(lease, .broken)
        #expect(closing.connects == [] && closing.closeReasons == [.broken])
        #expect(bench.closed(closing.closes[0]).connects.count == 1)
        #expect(bench.snapshot.waiting == 1)
        _ = try waiter.waiter
    }

    @Test func dirtyConnectionIsResetBeforeAnybodyGetsIt() throws {
        var bench = Bench(limit: 1)
        let lease = try bench.fill(1)[0]
        let waiter = try bench.lease().waiter
        let actions = bench.returned(lease, .dirty)
        #expect(actions.grants.isEmpty && actions.resets.count == 1)
        #expect(bench.wasReset(actions.resets[0], isClean: true).grants.map(\.0) == [waiter])
    }

    @Test func connectionThatStaysDirtyIsClosed() throws {
        var bench = Bench(limit: 1)
        let lease = try bench.fill(1)[0]
        let reset = bench.returned(lease, .dirty).resets[0]
        #expect(bench.wasReset(reset, isClean: false).closeReasons == [.notReset])
        #expect(bench.wasReset(reset, isClean: true) == [])
    }

    @Test func leaseComesBackOnce() throws {
        var bench = Bench(limit: 1)
        let lease = try bench.fill(1)[0]
        #expect(bench.returned(lease) == [])
        let next = try bench.lease().lease
        #expect(bench.returned(lease, .broken) == [])
        #expect(bench.snapshot.leased == 1)
        #expect(bench.returned(next) == [])
        #expect(bench.returned(next) == [])
        #expect(bench.snapshot.idle == 1)
    }

    @Test func connectionThatIdledIsValidatedForTheWaiter() throws {
        var bench = Bench(limit: 1) { $0.validateAfter = .milliseconds(500) }
        _ = bench.returned(try bench.fill(1)[0])
        bench.pass(.milliseconds(499))
        _ = bench.returned(try bench.lease().lease)
        bench.pass(.milliseconds(500))
        let leased = bench.lease()
        let waiter = try leased.waiter
        #expect(leased.actions.validations.count == 1)
        #expect(bench.validated(leased.actions.validations[0], .alive).grants.map(\.0) == [waiter])
    }

    @Test func silentConnectionCondemnsThoseThatIdledAsLong() throws {
        var bench = Bench(limit: 3) { $0.validateAfter = .milliseconds(500) }
        let leases = try bench.fill(3)
        for lease in leases[..<2] { _ = bench.returned(lease) }
        bench.pass(.seconds(1))
        let leased = bench.lease()
        _ = bench.returned(leases[2])
        let second = bench.lease()
        let id = try #require(leased.actions.validations.first)
        #expect(second.actions == [], "a validation is under way for it")
        #expect(bench.validated(id, .timedOut).closeReasons == [.notValid, .suspect])
        #expect(bench.snapshot.leased == 1, "the one that came back meanwhile has proved itself alive")
    }

    @Test func failedValidationIsNobodyElsesFault() throws {
        var bench = Bench(limit: 3) { $0.validateAfter = .zero }
        for lease in try bench.fill(2) { _ = bench.returned(lease) }
        let id = try #require(bench.lease().actions.validations.first)
        let actions = bench.validated(id, .failed)
        #expect(actions.closeReasons == [.notValid] && actions.validations.count == 1)
    }

    @Test func waiterLeavesAtOnce() throws {
        var bench = Bench(limit: 1)
        let lease = try bench.fill(1)[0]
        let (first, second) = (try bench.lease().waiter, try bench.lease().waiter)
        #expect(bench.cancel(first).refusals == [first: .cancelled])
        #expect(bench.cancel(first) == [])
        #expect(bench.returned(lease).grants.map(\.0) == [second])
        #expect(bench.cancel(second) == [])
    }

    @Test func deadlineOfEachWaiterIsKeptByOneTick() throws {
        var bench = Bench(limit: 1)
        _ = try bench.fill(1)
        let late = try bench.lease(within: .milliseconds(30)).waiter
        let early = try bench.lease(within: .milliseconds(10)).waiter
        let other = try bench.lease(within: .seconds(9)).waiter
        #expect(bench.machine.wakeUp <= bench.now + .milliseconds(10))
        bench.pass(.milliseconds(10))
        #expect(bench.tick().refusals == [early: .timedOut])
        #expect(bench.machine.wakeUp == bench.now + .milliseconds(20))
        bench.pass(.milliseconds(25))
        #expect(bench.tick().refusals == [late: .timedOut])
        #expect(bench.cancel(other).refusals == [other: .cancelled])
    }

    @Test func callerThatComesTooLateIsRefused() {
        var bench = Bench()
        #expect(bench.lease(within: .zero).outcome == .refused(.timedOut))
        #expect(bench.lease(within: .seconds(-1)).outcome == .refused(.timedOut))
        #expect(bench.snapshot.size == 0)
    }

    @Test func deadConnectionIsReplacedForWhoWaits() throws {
        var bench = Bench(limit: 1) { $0.minimum = 1 }
        let lease = try bench.fill(1)[0]
        _ = bench.returned(lease)
        let id = ConnectionID(slot: lease.slot, number: 1)
        let actions = bench.lost(id)
        #expect(actions.closeReasons == [.broken])
        #expect(bench.lost(id) == [])
        #expect(bench.closed(id).connects.count == 1, "the minimum is kept")
    }

    @Test func leasedConnectionThatDiesIsClosedWhenItComesBack() throws {
        var bench = Bench(limit: 1)
        let lease = try bench.fill(1)[0]
        #expect(bench.lost(ConnectionID(slot: lease.slot, number: 1)) == [])
        #expect(bench.returned(lease, .clean).closeReasons == [.broken])
    }
}
