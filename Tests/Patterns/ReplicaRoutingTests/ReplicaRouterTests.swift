import Determinism
import DeterminismTestKit
import ReplicaRouting
import ReplicaRoutingTestKit
import Synchronization
import Testing

/// The shell, with hosts that say what the test decides and a clock that the test moves.
@Suite("ReplicaRouter")
struct ReplicaRouterTests {
    final class Observer: ReplicaRoutingObserver {
        let evictions = Mutex<[HostIndex]>([])
        let generations = Mutex<[UInt64]>([])
        func published(_ snapshot: ReplicaSetSnapshot) { generations.withLock { $0.append(snapshot.generation) } }
        func evict(_ host: HostIndex, _ reason: ReplicaSetMachine.EvictionReason, before generation: UInt64) {
            evictions.withLock { $0.append(host) }
        }
    }
    /// What a task found.
    final class Found<Value: Sendable>: Sendable {
        private let state = Mutex<Value?>(nil)
        var value: Value? { state.withLock { $0 } }
        func set(_ value: Value) { state.withLock { $0 = value } }
    }
    struct Stage {
        let probe = ScriptedProbe()
        let time = ManualTime()
        let observer = Observer()
        let router: ReplicaRouter

        init(
            hosts: Int = 3, registry: (any TimelineRegistry)? = nil,
            _ change: (inout ReplicaRoutingConfiguration) -> Void = { _ in }
        ) throws {
            var configuration = ReplicaRoutingConfiguration()
            change(&configuration)
            router = try ReplicaRouter(
                hosts: (0..<hosts).map { ReplicaHost("host-\($0)") }, probe: probe, registry: registry,
                observer: observer, configuration: configuration, time: time, random: SeededRandom(seed: 1))
        }

        func set(_ host: Int, _ role: HostReading.Role, _ position: UInt64, timeline: UInt32 = 1) {
            probe.set(HostIndex(host), MachineBench.reading(role, position, timeline: timeline))
        }

        /// Runs the router, and moves the clock in small steps until something holds.
        func running(_ body: @Sendable (Stage) async throws -> Void) async rethrows {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await router.run() }
                try await body(self)
                group.cancelAll()
            }
        }

        func moves(
            until what: Comment, at location: SourceLocation = #_sourceLocation, _ holds: () -> Bool
        ) async {
            let clock = SystemTime()
            let deadline = clock.instant() + .seconds(20)
            while !holds() {
                guard clock.instant() < deadline else {
                    Issue.record("never happened: \(what)", sourceLocation: location)
                    return
                }
                time.advance(by: .milliseconds(1))
                for _ in 0..<20 { await Task.yield() }
            }
        }
    }

    @Test func readsAndWritesFindTheirWay() async throws {
        let stage = try Stage()
        #expect(throws: ReplicaRoutingError.noPrimary) { try stage.router.write() }
        for host in 0..<3 { stage.set(host, host == 0 ? .primary : .replica, 1_000) }
        await stage.running { stage in
            await stage.moves(until: "all hosts are known") {
                stage.router.snapshot.hosts.map(\.standing) == [.primary, .serving, .serving]
            }
            let write = try? stage.router.write()
            #expect(write?.host == HostIndex(0) && write?.timeline == .first)
            let read = try? stage.router.routeAtOnce(.eventual)
            #expect(read?.isPrimary == false && read?.isBeyondLimit == false)
            #expect((read?.age ?? .seconds(9)) < .seconds(1))
            let strong = try? stage.router.routeAtOnce(.strong)
            #expect(strong?.host == HostIndex(0) && strong?.age == .zero)
        }
    }

    @Test func theLessLoadedOfTwoIsTaken() async throws {
        let stage = try Stage()
        for host in 0..<3 { stage.set(host, host == 0 ? .primary : .replica, 1_000) }
        try await stage.running { stage in
            await stage.moves(until: "all hosts are known") {
                stage.router.snapshot.hosts.map(\.standing) == [.primary, .serving, .serving]
            }
            // With two to choose from, both are drawn: the loads never differ by more than one.
            var routes: [ReadRoute] = []
            for _ in 0..<100 { routes.append(try stage.router.routeAtOnce(.eventual)) }
            #expect(routes.count { $0.host == HostIndex(1) } == 50)
            for route in routes where route.host == HostIndex(1) {
                stage.router.end(route, .served(latency: .milliseconds(1)))
            }
            for _ in 0..<50 { #expect(try stage.router.routeAtOnce(.eventual).host == HostIndex(1)) }
        }
    }

    @Test func aReadWaitsAMomentForTheFurthestReplica() async throws {
        let stage = try Stage(hosts: 2)
        stage.set(0, .primary, 1_000)
        stage.set(1, .replica, 1_000)
        try await stage.running { stage in
            await stage.moves(until: "all hosts are known") {
                stage.router.snapshot.hosts.map(\.standing) == [.primary, .serving]
            }
            let route = Found<ReadRoute>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    route.set(try await stage.router.route(.position(LogPosition(.first, LSN(bytes: 1_100)))))
                }
                await stage.moves(until: "the replica is asked") { stage.probe.positionCount(of: HostIndex(1)) > 0 }
                #expect(route.value == nil)
                stage.set(1, .replica, 1_100)
                await stage.moves(until: "it is served") { route.value != nil }
                try await group.waitForAll()
            }
            #expect(route.value?.host == HostIndex(1))
            #expect(stage.probe.positionCount(of: HostIndex(0)) == 0)
        }
    }

    @Test func thePrimaryServesWhenTheWaitWasInVain() async throws {
        let stage = try Stage(hosts: 2)
        stage.set(0, .primary, 1_000)
        stage.set(1, .replica, 1_000)
        try await stage.running { stage in
            await stage.moves(until: "all hosts are known") {
                stage.router.snapshot.hosts.map(\.standing) == [.primary, .serving]
            }
            for limit in [nil, .milliseconds(20)] as [Duration?] {
                let start = stage.time.instant()
                let deadline = limit.map { start + $0 }
                let end = Found<(ReadRoute, Instant)>()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let route = try await stage.router.route(
                            .position(LogPosition(.first, LSN(bytes: 9_000))), deadline: deadline)
                        end.set((route, stage.time.instant()))
                    }
                    await stage.moves(until: "it is served") { end.value != nil }
                    try await group.waitForAll()
                }
                let (route, moment) = try #require(end.value)
                #expect(route.isPrimary)
                // A tenth of what was left, or the configured wait; the clock moves on while tasks are scheduled.
                #expect(moment - start >= (deadline == nil ? .milliseconds(10) : .milliseconds(2)))
            }
        }
    }

    @Test func aPromotionIsFoundAndTheOldPrimaryEvicted() async throws {
        let registry = InMemoryTimelineRegistry()
        let stage = try Stage(registry: registry)
        for host in 0..<3 { stage.set(host, host == 0 ? .primary : .replica, 1_000) }
        await stage.running { stage in
            await stage.moves(until: "the primary is registered and known") { (try? stage.router.write()) != nil }
            stage.probe.set(HostIndex(0), .failure(.unreachable))
            await stage.moves(until: "the primary is lost") { (try? stage.router.write()) == nil }
            stage.probe.set(TimelineHistory(of: Timeline(2), ancestors: [.init(.first, end: LSN(bytes: 1_000))]))
            stage.set(1, .primary, 1_100, timeline: 2)
            await stage.moves(until: "the new one is found") { (try? stage.router.write().host) == HostIndex(1) }
            stage.set(0, .primary, 5_000)
            await stage.moves(until: "the old one answers") {
                stage.router.snapshot.hosts[0].standing == .refused(.oldTimeline)
            }
            await stage.moves(until: "the history is known") { stage.router.snapshot.history != nil }
            let lost = LogPosition(.first, LSN(bytes: 1_001))
            #expect(throws: ReplicaRoutingError.writeLost(lost, switchPoint: LSN(bytes: 1_000))) {
                try stage.router.routeAtOnce(.position(lost))
            }
            #expect(stage.observer.evictions.withLock { $0.contains(HostIndex(0)) })
            let generations = stage.observer.generations.withLock { $0 }
            #expect(Set(generations).count == generations.count)
        }
        let standing = try await registry.current()
        #expect(standing == TimelineRecord(systemIdentifier: 7, timeline: Timeline(2), primary: "host-1"))
    }

    /// A driver that ignores its timeout does not stop the router from seeing that a host is gone.
    @Test func aProbeThatHangsCountsAsAFailure() async throws {
        let stage = try Stage(hosts: 1)
        stage.set(0, .primary, 1_000)
        await stage.running { stage in
            await stage.moves(until: "the primary is known") { (try? stage.router.write()) != nil }
            stage.probe.set(HostIndex(0), .silence)
            await stage.moves(until: "it counts as down") { stage.router.snapshot.hosts[0].standing == .down }
        }
    }

    @Test func aFailedReadGoesElsewhereAndAConnectionIsJudged() async throws {
        let stage = try Stage()
        for host in 0..<3 { stage.set(host, host == 0 ? .primary : .replica, 1_000) }
        try await stage.running { stage in
            await stage.moves(until: "all hosts are known") {
                stage.router.snapshot.hosts.map(\.standing) == [.primary, .serving, .serving]
            }
            let first = try stage.router.routeAtOnce(.position(LogPosition(.first, LSN(bytes: 1_000))))
            stage.router.end(first, .abandoned)
            let second = try stage.router.routeAtOnce(.eventual, excluding: HostSet(first.host))
            #expect(second.host != first.host && !second.isPrimary)
            #expect(stage.router.stillHolds(first))
            // It was made anew from an old backup, and says so when a connection is opened.
            stage.router.connected(
                to: first.host, MachineBench.reading(.replica, 400), since: stage.time.instant())
            #expect(!stage.router.stillHolds(first))
            #expect(first.isSatisfied(by: LogPosition(.first, LSN(bytes: 1_000))))
            #expect(!first.isSatisfied(by: LogPosition(.first, LSN(bytes: 999))))
            #expect(!first.isSatisfied(by: LogPosition(Timeline(2), LSN(bytes: 5_000))))
        }
    }

    /// Behind a pooler that led to another server, one that had gone its own way after the failover was as far as the
    /// token, and was believed.
    @Test func aPositionOnAnOlderTimelineSatisfiesNoTokenOfANewerOne() async throws {
        let stage = try Stage()
        for host in 0..<3 { stage.set(host, host == 0 ? .primary : .replica, 1_000, timeline: 2) }
        try await stage.running { stage in
            await stage.moves(until: "all hosts are known") {
                stage.router.snapshot.hosts.map(\.standing) == [.primary, .serving, .serving]
            }
            let route = try stage.router.routeAtOnce(.position(LogPosition(Timeline(2), LSN(bytes: 900))))
            #expect(route.isSatisfied(by: LogPosition(Timeline(2), LSN(bytes: 900))))
            #expect(!route.isSatisfied(by: LogPosition(.first, LSN(bytes: 5_000))))
            stage.router.end(route, .abandoned)
        }
    }

    /// A replica that did not answer once was not asked again until nobody waited, which under load is never.
    @Test func aReplicaThatDidNotAnswerOnceIsAskedAgainWhileSomebodyWaits() async throws {
        let stage = try Stage(hosts: 2) { $0.catchUpWait = .seconds(2) }
        stage.set(0, .primary, 1_000)
        stage.set(1, .replica, 1_000)
        try await stage.running { stage in
            await stage.moves(until: "all hosts are known") {
                stage.router.snapshot.hosts.map(\.standing) == [.primary, .serving]
            }
            stage.probe.setPosition(HostIndex(1), .failure(.unreachable))
            let route = Found<ReadRoute>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    route.set(try await stage.router.route(.position(LogPosition(.first, LSN(bytes: 1_100)))))
                }
                await stage.moves(until: "the replica is asked") { stage.probe.positionCount(of: HostIndex(1)) > 0 }
                await stage.moves(until: "and again") { stage.probe.positionCount(of: HostIndex(1)) > 2 }
                #expect(route.value == nil)
                stage.set(1, .replica, 1_100)
                await stage.moves(until: "it is served") { route.value != nil }
                try await group.waitForAll()
            }
            #expect(route.value?.host == HostIndex(1))
        }
    }

    @Test func aReadIsTakenToEachHostOnceAndToThePrimaryLast() async throws {
        struct Conflict: Error, Equatable { let host: HostIndex }
        let stage = try Stage()
        for host in 0..<3 { stage.set(host, host == 0 ? .primary : .replica, 1_000) }
        try await stage.running { stage in
            await stage.moves(until: "all hosts are known") {
                stage.router.snapshot.hosts.map(\.standing) == [.primary, .serving, .serving]
            }
            var tried: [HostIndex] = []
            await #expect(throws: Conflict(host: HostIndex(0))) {
                try await stage.router.read(.eventual, judge: { _ in .elsewhere }) { route in
                    tried.append(route.host)
                    throw Conflict(host: route.host)
                }
            }
            #expect(tried.last == HostIndex(0) && Set(tried).count == 3 && tried.count == 3)
            tried = []
            await #expect(throws: Conflict.self) {
                try await stage.router.read(.eventual, judge: { _ in .final }) { route in
                    tried.append(route.host)
                    throw Conflict(host: route.host)
                }
            }
            #expect(tried.count == 1)
            await #expect(throws: Conflict.self) {
                try await stage.router.read(
                    .eventual, deadline: stage.time.instant(), judge: { _ in .failed(.lost) }
                ) { route in throw Conflict(host: route.host) }
            }
            tried = []
            let answer = try await stage.router.read(.eventual, judge: { _ in .failed(.lost) }) { route in
                tried.append(route.host)
                if tried.count == 1 { throw Conflict(host: route.host) }
                return route.host
            }
            #expect(tried.count == 2 && tried[0] != answer && answer != HostIndex(0))
            // Every route was given back: with two replicas the loads are equal again.
            let routes = try (0..<10).map { _ in try stage.router.routeAtOnce(.eventual).host }
            #expect(routes.count { $0 == HostIndex(1) } == 5)
        }
    }

    @Test func routersAreMadeWithCare() {
        let probe = ScriptedProbe()
        #expect(throws: ReplicaRoutingConfigurationError.self) { try ReplicaRouter(hosts: [], probe: probe) }
        #expect(throws: ReplicaRoutingConfigurationError.self) {
            try ReplicaRouter(hosts: [ReplicaHost("a"), ReplicaHost("a")], probe: probe)
        }
        #expect(throws: ReplicaRoutingConfigurationError.self) {
            try ReplicaRouter(hosts: (0...64).map { ReplicaHost("\($0)") }, probe: probe)
        }
    }
}
