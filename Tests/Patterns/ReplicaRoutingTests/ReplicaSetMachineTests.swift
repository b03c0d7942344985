import Determinism
import ReplicaRouting
import Testing

@Suite("ReplicaSetMachine")
struct ReplicaSetMachineTests {
    // MARK: Every event in every state

    private static let states: [(name: String, make: @Sendable () -> MachineBench)] = [
        ("nothing known", { MachineBench() }),
        ("registry unread", { MachineBench(hasRegistry: true) }),
        (
            "registry empty, primary waits",
            {
                var bench = MachineBench(hasRegistry: true)
                bench.handle(.registered(nil))
                bench.settle()
                return bench
            }
        ),
        (
            "settled",
            {
                var bench = MachineBench()
                bench.settle()
                return bench
            }
        ),
        (
            "settled on timeline 2, history known",
            {
                var bench = MachineBench()
                bench.settle(timeline: 2)
                return bench
            }
        ),
        (
            "primary lost",
            {
                var bench = MachineBench()
                bench.settle()
                bench.miss(0, times: 3)
                return bench
            }
        ),
        (
            "two rivals",
            {
                var bench = MachineBench()
                bench.hear(1, .replica, 900)
                bench.hear(0, .primary, 1_000, timeline: 2)
                bench.hear(2, .primary, 1_000, timeline: 2)
                return bench
            }
        ),
        (
            "old primary refused",
            {
                var bench = MachineBench()
                bench.settle()
                bench.handle(.timelineSeen(Timeline(2)))
                return bench
            }
        ),
    ]

    private static let events: [ReplicaSetMachine.Event] = {
        let since = Instant(nanoseconds: 1_000_000_000_000)
        var events: [ReplicaSetMachine.Event] = []
        for number in [0, 1, 2, 3, 64, -1] {
            let host = HostIndex(number)
            for role in [HostReading.Role.primary, .replica] {
                for timeline in [nil, 1, 2, 3] as [UInt32?] {
                    events.append(.read(host, MachineBench.reading(role, 2_000, timeline: timeline), since: since))
                }
                events.append(.read(host, MachineBench.reading(role, 0, system: 8), since: since))
                // A late answer.
                events.append(.read(host, MachineBench.reading(role, 1), since: Instant(nanoseconds: 0)))
            }
            for failure in [ProbeFailure.refused, .timedOut, .unreachable] {
                events.append(.unanswered(host, failure, since: since))
            }
            events.append(.replayed(host, LSN(bytes: 5_000), since: since))
            for failure in ReplicaSetMachine.ConnectionFailure.allCases {
                events.append(.connectionFailed(host, failure, generation: 0))
                events.append(.connectionFailed(host, failure, generation: .max))
            }
            events.append(.measured(host, latency: .seconds(1), count: 10))
            events.append(.measured(host, latency: .zero, count: 0))
        }
        for record in [nil, 1, 2, 9] as [UInt32?] {
            events.append(
                .registered(
                    record.map {
                        TimelineRecord(systemIdentifier: 7, timeline: Timeline($0), primary: "host-1")
                    }))
        }
        events += [.registryUnanswered, .historyUnanswered(.first), .historyUnanswered(Timeline(2))]
        for timeline in 0...3 as ClosedRange<UInt32> {
            events.append(.timelineSeen(Timeline(timeline)))
            events.append(.history(TimelineHistory(of: Timeline(timeline))))
        }
        return events
    }()

    @Test(arguments: states.map(\.name))
    func everyEventInEveryState(name: String) throws {
        let make = try #require(Self.states.first { $0.name == name }?.make)
        for first in Self.events {
            for second in Self.events.enumerated().filter({ $0.offset % 7 == 0 }).map(\.element) {
                var bench = make()
                for event in [first, second] { check(&bench, event) }
            }
        }
    }

    private func check(_ bench: inout MachineBench, _ event: ReplicaSetMachine.Event) {
        let before = bench.snapshot
        let actions = bench.handle(event)
        let after = bench.snapshot
        let published = actions.compactMap { if case .publish(let snapshot) = $0 { snapshot } else { nil } }
        #expect(published.count <= 1)
        if let only = published.first {
            #expect(only == after && after.generation == before.generation + 1)
        } else {
            #expect(after == before)
        }
        #expect(after.hosts.count { $0.standing == .primary } == (after.primary == nil ? 0 : 1))
        #expect((after.timeline ?? Timeline(0)) >= (before.timeline ?? Timeline(0)))
        #expect(after.primary == nil || after.primary?.timeline == after.timeline)
        if let old = before.primary, after.primary?.host != old.host {
            #expect(
                actions.contains {
                    if case .evict(old.host, _, after.generation) = $0 { true } else { false }
                })
        }
    }

    // MARK: Health

    @Test func healthHasHysteresis() {
        var bench = MachineBench()
        bench.settle()
        bench.miss(1, times: 2)
        #expect(bench.standings[1] == .serving)
        bench.hear(1, .replica, 1_000)
        bench.miss(1, times: 2)
        #expect(bench.standings[1] == .serving)
        bench.miss(1)
        #expect(bench.standings[1] == .down)
        #expect(bench.last.contains(.evict(HostIndex(1), .unreachable, before: bench.snapshot.generation)))
        bench.hear(1, .replica, 1_000)
        #expect(bench.standings[1] == .down)
        bench.hear(1, .replica, 1_000)
        #expect(bench.standings[1] == .serving)
    }

    @Test func theFirstAnswerIsEnough() {
        var bench = MachineBench()
        #expect(bench.standings == [.untried, .untried, .untried])
        bench.settle()
        #expect(bench.primary == 0)
        #expect(bench.standings == [.primary, .serving, .serving])
    }

    @Test func aLateAnswerDecidesNothing() {
        var bench = MachineBench()
        bench.settle()
        let old = bench.now
        bench.advance(.milliseconds(100))
        bench.hear(0, .replica, 2_000)
        #expect(bench.primary == nil)
        bench.handle(.read(HostIndex(0), MachineBench.reading(.primary, 1_500), since: old))
        #expect(bench.primary == nil && bench.last == [])
        // Nor does a failure that was asked for before the last answer.
        for _ in 0..<5 { bench.handle(.unanswered(HostIndex(0), .timedOut, since: old)) }
        #expect(bench.standings[0] != .down)
    }

    @Test func aRouterThatWasPausedKnowsNoPrimary() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.seconds(5))
        #expect(bench.primary == nil)
        #expect(bench.choice(.strong) == .none(.noPrimary))
        bench.hear(0, .primary, 1_000)
        #expect(bench.primary == 0)
    }

    @Test func probesAreUrgentWhileSomethingIsUnsettled() {
        let configuration = ReplicaRoutingConfiguration()
        var bench = MachineBench()
        #expect(bench.machine.probePeriod(of: HostIndex(0), isBusy: false) == configuration.urgentProbePeriod)
        bench.settle()
        #expect(bench.machine.probePeriod(of: HostIndex(0), isBusy: true) == configuration.probePeriod)
        #expect(bench.machine.probePeriod(of: HostIndex(0), isBusy: false) == configuration.idleProbePeriod)
        bench.miss(1)
        #expect(bench.machine.probePeriod(of: HostIndex(1), isBusy: true) == configuration.urgentProbePeriod)
        bench.miss(1, times: 2)
        #expect(bench.machine.probePeriod(of: HostIndex(1), isBusy: true) == configuration.idleProbePeriod)
        bench.miss(0, times: 3)
        #expect(bench.machine.probePeriod(of: HostIndex(1), isBusy: false) == configuration.urgentProbePeriod)
        #expect(bench.machine.probePeriod(of: HostIndex(9), isBusy: true) == configuration.idleProbePeriod)
    }

    @Test func aSlowHostGetsMoreTime() {
        let configuration = ReplicaRoutingConfiguration()
        var bench = MachineBench()
        #expect(bench.machine.probeTimeout(of: HostIndex(0)) == configuration.longestProbeTimeout)
        bench.hear(0, .primary, 1_000)
        #expect(bench.machine.probeTimeout(of: HostIndex(0)) == configuration.shortestProbeTimeout)
        bench.miss(0, times: 2)
        for _ in 0..<40 {
            let since = bench.now
            bench.advance(.milliseconds(50))
            bench.handle(.read(HostIndex(0), MachineBench.reading(.primary, 1_000), since: since))
        }
        let patient = bench.machine.probeTimeout(of: HostIndex(0))
        #expect(patient > .milliseconds(350) && patient <= .milliseconds(400))
        bench.miss(0, times: 2)
        #expect(bench.machine.probeTimeout(of: HostIndex(0)) == configuration.longestProbeTimeout)
    }

    // MARK: Slow replicas

    @Test func aSlowReplicaIsLeftOutForATime() {
        var bench = MachineBench(hosts: 4)
        bench.settle()
        for host in [1, 2] { bench.handle(.measured(HostIndex(host), latency: .milliseconds(4), count: 10)) }
        bench.handle(.measured(HostIndex(3), latency: .milliseconds(19), count: 10))
        #expect(bench.choice(.eventual).replicas == [1, 2, 3])
        bench.handle(.measured(HostIndex(3), latency: .milliseconds(190), count: 10))
        #expect(bench.choice(.eventual).replicas == [1, 2])
        bench.advance(.milliseconds(999))
        #expect(bench.choice(.eventual).replicas == [1, 2])
        bench.advance(.milliseconds(1))
        #expect(bench.choice(.eventual).replicas == [1, 2, 3])
        // A second time in a row: twice as long.
        bench.handle(.measured(HostIndex(3), latency: .milliseconds(190), count: 10))
        bench.advance(.milliseconds(1_500))
        #expect(bench.choice(.eventual).replicas == [1, 2])
    }

    @Test func neverMoreThanHalfAreLeftOut() {
        var bench = MachineBench(hosts: 3)
        bench.settle()
        bench.handle(.measured(HostIndex(1), latency: .milliseconds(1), count: 10))
        bench.handle(.measured(HostIndex(2), latency: .seconds(1), count: 10))
        #expect(bench.choice(.eventual).replicas == [1])
        bench.handle(.measured(HostIndex(1), latency: .seconds(9), count: 10))
        #expect(bench.choice(.eventual).replicas == [1])
        // If all the others fail a read, a slow one serves it.
        #expect(bench.choice(.eventual, excluding: HostSet(HostIndex(1))).replicas == [2])
    }
}
