import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import Testing

@Suite("Connecting")
struct BreakerTests {
    private func bench(_ change: (inout PoolConfiguration) -> Void = { _ in }) -> Bench {
        Bench(limit: 4) {
            $0.connecting.failureThreshold = 2
            $0.connecting.concurrency = 1
            $0.connecting.pause = .milliseconds(100)
            $0.connecting.longestPause = .seconds(1)
            change(&$0)
        }
    }

    @Test func failedConnectIsTriedAgainAfterAPause() throws {
        var bench = bench()
        let id = try #require(bench.lease().actions.connects.first)
        #expect(bench.failed(id) == [])
        #expect(bench.snapshot.waiting == 1, "one failure is no reason to give up")
        #expect(bench.tick() == [])
        // The drawn half of the pause is zero here.
        #expect(bench.machine.wakeUp == bench.now + .milliseconds(50))
        bench.pass(.milliseconds(50))
        #expect(bench.tick().connects.count == 1)
    }

    @Test func failureBringsTheNextTickForward() throws {
        var bench = bench()
        _ = bench.tick()
        let id = try #require(bench.lease().actions.connects.first)
        #expect(bench.machine.wakeUp == bench.now + .seconds(10), "the caller's deadline")
        _ = bench.failed(id)
        #expect(bench.machine.wakeUp == bench.now + .milliseconds(50))
    }

    /// Opens the breaker, with one waiter; the actions of the last failure.
    private func open(_ bench: inout Bench) throws -> [PoolAction] {
        let id = try #require(bench.lease().actions.connects.first)
        _ = bench.failed(id)
        bench.pass(.milliseconds(100))
        return bench.failed(try #require(bench.tick().connects.first))
    }

    @Test func openBreakerFailsThoseWhoWaitAndThoseWhoCome() throws {
        var bench = bench()
        let actions = try open(&bench)
        #expect(actions.breakers == [.open])
        #expect(Array(actions.refusals.values) == [.unavailable])
        #expect(bench.lease().outcome == .refused(.unavailable))
        #expect(bench.machine.lastConnectError as? ScriptedFailure == ScriptedFailure("refused"))
    }

    @Test func oneProbeFindsOutWhetherTheHostIsBack() throws {
        var bench = bench { $0.connecting.concurrency = 4 }
        _ = try open(&bench)
        bench.pass(.seconds(1))
        let (first, second) = (bench.lease(), bench.lease())
        #expect(first.actions.breakers == [.probing])
        #expect(first.actions.connects.count == 1 && second.actions.connects.isEmpty)
        let actions = bench.connected(first.actions.connects[0])
        #expect(actions.breakers == [.closed] && actions.grants.count == 1 && actions.connects.count == 1)
        #expect(bench.machine.lastConnectError == nil)
    }

    @Test func failedProbeOpensItForLonger() throws {
        var bench = bench()
        _ = try open(&bench)
        // Two probes fail in each round, and each doubles the pause.
        for pause in [400, 1_000, 1_000] {
            bench.pass(.seconds(1))
            let actions = bench.failed(try #require(bench.lease().actions.connects.first))
            #expect(actions.breakers == [.open] && Array(actions.refusals.values) == [.unavailable])
            bench.pass(.milliseconds(pause / 2 - 1))
            #expect(bench.lease().outcome == .refused(.unavailable))
            bench.pass(.milliseconds(1))
            let probe = bench.lease()
            let waiter = try probe.waiter
            _ = bench.failed(probe.actions.connects[0])
            #expect(bench.cancel(waiter) == [])
        }
    }

    @Test func resultFromBeforeItOpenedDecidesNothing() throws {
        var bench = Bench(limit: 4) {
            $0.connecting.failureThreshold = 2
            $0.connecting.concurrency = 4
        }
        let ids = (0..<4).flatMap { _ in bench.lease().actions.connects }
        #expect(ids.count == 4)
        _ = bench.failed(ids[0])
        #expect(bench.failed(ids[1]).breakers == [.open])
        let pause = bench.machine.wakeUp
        #expect(bench.failed(ids[2]).breakers == [])
        #expect(bench.machine.wakeUp <= pause, "a late failure does not prolong the pause")
        let actions = bench.connected(ids[3])
        #expect(actions.breakers == [] && actions.grants.count == 1, "its connection is good, its news are old")
        #expect(bench.machine.hostSnapshots()[0].breaker == .open)
    }

    @Test func waitersStayWhileSomebodyHoldsAConnection() throws {
        var bench = bench()
        let held = try bench.fill(1)[0]
        _ = try open(&bench)
        #expect(bench.snapshot.waiting == 1, "the held one may come back")
        #expect(bench.returned(held).grants.count == 1)
    }

    @Test func otherHostTakesOver() throws {
        var bench = bench { $0.hosts = ["a", "b"] }
        let first = bench.lease()
        #expect(first.actions.hosts == ["a"])
        #expect(bench.failed(first.actions.connects[0]).hosts == ["b"], "at once: only a is to be left alone")
    }

    @Test func connectionsSpreadOverTheHosts() throws {
        var bench = Bench(limit: 6) {
            $0.hosts = ["a", "b", "c"]
            $0.connecting.concurrency = 6
        }
        let hosts = (0..<6).flatMap { _ in bench.lease().actions.hosts }
        #expect(hosts == ["a", "b", "c", "a", "b", "c"])
    }

    @Test func pausesAreJitteredWithinBounds() {
        let settings = PoolConfiguration.Connecting()
        for (count, whole) in [(1, 100), (2, 200), (3, 400), (8, 10_000), (1_000, 10_000)] {
            #expect(settings.pause(afterFailures: count, draw: 0) == .milliseconds(whole / 2))
            #expect(settings.pause(afterFailures: count, draw: .max) == .milliseconds(whole))
        }
    }

    @Test func lateConnectionIsDiscarded() throws {
        var bench = bench()
        let id = try #require(bench.lease().actions.connects.first)
        _ = bench.failed(id)
        #expect(bench.connected(id) == [.discard(id)])
        #expect(bench.failed(id) == [])
        #expect(bench.snapshot.size == 0)
    }
}
