import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import Testing

@Suite("Time, eviction and the end")
struct HousekeepingTests {
    @Test func idleConnectionsAreClosedDownToTheMinimum() throws {
        var bench = Bench(limit: 4) {
            $0.minimum = 1
            $0.idleTimeout = .seconds(60)
        }
        for lease in try bench.fill(3) {
            _ = bench.returned(lease)
            bench.pass(.seconds(1))
        }
        bench.pass(.seconds(56))
        #expect(bench.tick() == [])
        #expect(bench.machine.wakeUp == bench.now + .seconds(1))
        bench.pass(.seconds(2))
        let actions = bench.tick()
        #expect(actions.closeReasons == [.idle, .idle])
        bench.pass(.seconds(1_000))
        #expect(bench.tick().closes == [], "the last one is the minimum")
    }

    @Test func minimumIsOpenedWithoutDemand() {
        var bench = Bench(limit: 4) {
            $0.minimum = 3
            $0.connecting.concurrency = 2
        }
        let ids = bench.tick().connects
        #expect(ids.count == 2)
        #expect(bench.connected(ids[0]).connects.count == 1)
        #expect(bench.connected(ids[1]).connects.count == 0)
    }

    @Test func lifetimesDifferByTheJitter() throws {
        var bench = Bench(limit: 3) {
            $0.maximumLifetime = .seconds(100)
            $0.lifetimeJitter = 0.1
            $0.idleTimeout = nil
            $0.connecting.concurrency = 3
        }
        let ids = (0..<3).flatMap { _ in bench.lease(within: .seconds(1)).actions.connects }
        let leases = zip(ids, [0, Bench.middle, .max]).compactMap { bench.connected($0, draw: $1).grants.first?.1 }
        for lease in leases { _ = bench.returned(lease) }
        var expired: [Int] = []
        for second in 1...120 {
            bench.pass(.seconds(1))
            for reason in bench.tick().closeReasons {
                #expect(reason == .lifetime)
                expired.append(second)
            }
        }
        #expect(expired == [90, 100, 110])
    }

    @Test func leasedConnectionOutlivesItsLifetimeUntilItComesBack() throws {
        var bench = Bench(limit: 1) { $0.maximumLifetime = .seconds(10) }
        let lease = try bench.fill(1)[0]
        bench.pass(.seconds(20))
        #expect(bench.tick().closes == [])
        #expect(bench.returned(lease).closeReasons == [.lifetime])
    }

    @Test func leakIsReportedOnceForEachLease() throws {
        var bench = Bench(limit: 1) { $0.leakThreshold = .seconds(5) }
        let lease = try bench.fill(1)[0]
        bench.pass(.seconds(4))
        #expect(bench.tick().leaks == [])
        bench.pass(.seconds(1))
        #expect(bench.tick().leaks == [lease])
        bench.pass(.seconds(100))
        #expect(bench.tick().leaks == [])
        _ = bench.returned(lease)
        _ = bench.tick()
    }

    @Test func evictionReachesIdleLeasedAndThoseBeingOpened() throws {
        var bench = Bench(limit: 4)
        let held = try bench.fill(3)
        let opening = bench.lease()
        #expect(bench.returned(held[0]).grants.count == 1, "to the waiter; its own connection is still being opened")
        _ = bench.returned(held[1])
        #expect(bench.evict(.all).closeReasons == [.evicted], "the idle one")
        #expect(bench.returned(held[2]).closeReasons == [.evicted])
        let id = try #require(opening.actions.connects.first)
        #expect(bench.connected(id).closeReasons == [.evicted], "it was begun before the eviction")
        #expect(bench.snapshot.idle == 0)
    }

    @Test func hostIsEvictedAlone() throws {
        var bench = Bench(limit: 2) { $0.hosts = ["a", "b"] }
        for lease in try bench.fill(2) { _ = bench.returned(lease) }
        #expect(bench.evict(.host("b")).closeReasons == [.evicted])
        #expect(bench.snapshot.idle == 1)
        #expect(bench.evict(.host("unknown")) == [])
    }

    @Test func manyWhoSeeOneFailoverEvictOnce() throws {
        var bench = Bench(limit: 2)
        let held = try bench.fill(2)
        let seen = bench.snapshot.generation
        _ = bench.evict(.generation(seen))
        let closing = bench.returned(held[0], .clean)
        #expect(closing.closeReasons == [.evicted])
        _ = bench.closed(closing.closes[0])
        let fresh = try bench.fill(1)[0]
        _ = bench.returned(fresh)
        #expect(bench.evict(.generation(seen)) == [], "the second says nothing new")
        #expect(bench.snapshot.idle == 1)
        #expect(bench.returned(held[1]).closeReasons == [.evicted])
        #expect(bench.evict(.generation(99)) == [], "a generation that there never was")
    }

    @Test func removedHostIsLeftAndNewOneUsed() throws {
        var bench = Bench(limit: 2) { $0.hosts = ["a"] }
        let held = try bench.fill(1)[0]
        #expect(Array(bench.machine.replaceHosts(["b"], now: bench.now)) == [])
        #expect(bench.lease().actions.hosts == ["b"])
        #expect(bench.returned(held).closeReasons == [.evicted])
        #expect(bench.machine.hostSnapshots().map(\.host) == ["a", "b"])
    }

    @Test func shutdownServesWhoWaitsAndRefusesWhoComes() throws {
        var bench = Bench(limit: 1)
        let held = try bench.fill(1)[0]
        let waiter = try bench.lease().waiter
        #expect(bench.shutdown() == [])
        #expect(bench.lease().outcome == .refused(.shutDown))
        let granted = try #require(bench.returned(held).grants.first)
        #expect(granted.0 == waiter)
        let actions = bench.returned(granted.1)
        #expect(actions.closeReasons == [.shutDown])
        #expect(bench.closed(actions.closes[0]) == [.finish])
        #expect(bench.shutdown() == [])
    }

    @Test func shutdownEndsAtItsDeadline() throws {
        var bench = Bench(limit: 2) { $0.connecting.concurrency = 1 }
        let held = try bench.fill(1)[0]
        let (opening, waiting) = (bench.lease(), bench.lease())
        _ = bench.shutdown(within: .seconds(1))
        #expect(bench.machine.wakeUp <= bench.now + .seconds(1))
        bench.pass(.seconds(1))
        let actions = bench.tick()
        #expect(actions.refusals == [try opening.waiter: .shutDown, try waiting.waiter: .shutDown])
        #expect(actions.closeReasons == [.shutDown])
        #expect(bench.returned(held) == [], "its connection was closed under it")
        #expect(bench.closed(actions.closes[0]) == [.finish])
        #expect(bench.connected(opening.actions.connects[0]) == [.discard(opening.actions.connects[0])])
    }

    @Test func shutdownDoesNotWaitForACallerWhoHasGone() throws {
        var bench = Bench(limit: 1)
        let leased = bench.lease()
        _ = bench.failed(try #require(leased.actions.connects.first))
        #expect(bench.shutdown() == [], "somebody waits, and the host may be back soon")
        let waiter = try leased.waiter
        let actions = bench.cancel(waiter)
        #expect(actions.refusals == [waiter: .cancelled] && actions.last == .finish)
    }

    @Test func idlePoolFinishesAtOnce() {
        var bench = Bench()
        #expect(bench.shutdown() == [.finish])
    }

    @Test func queueThatOnlyGrowsOlderIsShed() throws {
        var bench = Bench(limit: 1) {
            $0.shedding = PoolConfiguration.Shedding()
            $0.shedding?.target = .milliseconds(10)
            $0.shedding?.interval = .milliseconds(50)
        }
        var lease = try bench.fill(1)[0]
        for _ in 0..<40 { _ = bench.lease() }
        var shed = 0
        for _ in 0..<30 where bench.snapshot.waiting > 0 {
            bench.pass(.milliseconds(15))
            let actions = bench.returned(lease)
            shed += actions.refusals.values.count { $0 == .shed }
            lease = try #require(actions.grants.first?.1)
        }
        #expect(shed > 20, "only \(shed)")
        _ = bench.returned(lease)
        // A burst after the queue was empty is no overload.
        lease = try bench.lease().lease
        let burst = try (0..<10).map { _ in try bench.lease().waiter }
        bench.pass(.milliseconds(45))
        #expect(bench.returned(lease).grants.map(\.0) == [burst[0]])
    }
}
