import Determinism
import ReplicaRouting
import Testing

/// Who the primary is, by timeline and by registry.
@Suite("Finding the primary")
struct ElectionTests {
    private func record(_ timeline: UInt32, _ host: Int, system: UInt64 = 7) -> TimelineRecord {
        TimelineRecord(systemIdentifier: system, timeline: Timeline(timeline), primary: "host-\(host)")
    }

    @Test func aPromotionIsFoundWithoutARestart() {
        var bench = MachineBench()
        bench.settle()
        let generation = bench.snapshot.generation
        bench.advance(.milliseconds(50))
        bench.hear(1, .primary, 1_100, timeline: 2)
        #expect(bench.primary == 1)
        #expect(bench.standings[0] == .refused(.oldTimeline))
        #expect(bench.last.contains(.evict(HostIndex(0), .superseded, before: bench.snapshot.generation)))
        #expect(bench.last.contains(.readHistory(Timeline(2), from: HostIndex(1))))
        #expect(bench.snapshot.generation > generation)
    }

    @Test func anOldPrimaryThatComesBackIsRefused() {
        var bench = MachineBench()
        bench.settle()
        bench.miss(0, times: 3)
        #expect(bench.last.contains(.evict(HostIndex(0), .unreachable, before: bench.snapshot.generation)))
        bench.hear(1, .primary, 1_100, timeline: 2)
        bench.miss(1, times: 3)
        #expect(bench.primary == nil)
        for _ in 0..<5 {
            bench.advance(.milliseconds(50))
            bench.hear(0, .primary, 9_000, timeline: 1)
            #expect(bench.primary == nil)
        }
        #expect(bench.standings[0] == .refused(.oldTimeline))
    }

    @Test func ofTwoNewPrimariesOnOneTimelineNoneIsBelieved() {
        var bench = MachineBench()
        bench.hear(0, .primary, 1_000, timeline: 2)
        #expect(bench.primary == 0)
        bench.hear(1, .primary, 2_000, timeline: 2)
        #expect(bench.primary == 0)
        #expect(bench.standings[1] == .refused(.rival))
        // Not even when the first is gone: the timeline is its own.
        bench.miss(0, times: 3)
        bench.hear(1, .primary, 2_000, timeline: 2)
        #expect(bench.primary == nil)
    }

    @Test func aPrimaryThatTakesNoWritesIsNoneAtOnce() {
        var bench = MachineBench()
        bench.settle()
        let generation = bench.snapshot.generation
        bench.advance(.milliseconds(1))
        bench.handle(.connectionFailed(HostIndex(0), .readOnly, generation: generation))
        #expect(bench.primary == nil)
        #expect(bench.last.contains(.probeAtOnce))
        #expect(bench.evictions == [.evict(HostIndex(0), .demoted, before: bench.snapshot.generation)])
        // An answer from before the failure does not bring it back, a newer one does.
        bench.handle(
            .read(
                HostIndex(0), MachineBench.reading(.primary, 1_000),
                since: bench.now + .milliseconds(-1)))
        #expect(bench.primary == nil)
        bench.advance(.milliseconds(1))
        bench.hear(0, .primary, 1_000)
        #expect(bench.primary == 0)
        // What an evicted connection says is not listened to.
        bench.handle(.connectionFailed(HostIndex(0), .readOnly, generation: generation))
        #expect(bench.primary == 0 && bench.last == [])
    }

    @Test func aDemotedPrimaryIsAReplica() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.milliseconds(1))
        bench.hear(0, .replica, 1_000)
        #expect(bench.primary == nil && bench.standings[0] == .serving)
        #expect(bench.evictions == [.evict(HostIndex(0), .demoted, before: bench.snapshot.generation)])
    }

    @Test func aPrimaryThatForgetsIsRefused() {
        let careless = HostReading.Durability(syncsFiles: false)
        var bench = MachineBench()
        bench.hear(0, .primary, 1_000, durability: careless)
        #expect(bench.primary == nil && bench.standings[0] == .refused(.notDurable))
        bench.hear(0, .primary, 1_000, durability: HostReading.Durability(commitsSynchronously: false))
        #expect(bench.primary == nil)
        var configuration = ReplicaRoutingConfiguration()
        configuration.requiresDurability = false
        bench = MachineBench(configuration: configuration)
        bench.hear(0, .primary, 1_000, durability: careless)
        #expect(bench.primary == 0)
    }

    @Test func aHostOfAnotherClusterIsRefused() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.milliseconds(1))
        bench.hear(1, .primary, 9_000, timeline: 5, system: 8)
        bench.hear(2, .replica, 1_000, system: 8)
        #expect(bench.primary == 0)
        #expect(bench.standings == [.primary, .refused(.foreign), .refused(.foreign)])
    }

    @Test func aReplicaTellsOfATimelineThatNobodyFoundYet() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.milliseconds(1))
        bench.hear(2, .replica, 1_200, timeline: 2)
        #expect(bench.primary == nil && bench.standings[0] == .refused(.oldTimeline))
        #expect(bench.standings[2] == .ahead)
        bench.hear(1, .primary, 1_300, timeline: 2)
        bench.handle(.history(TimelineHistory(of: Timeline(2), ancestors: [.init(.first, end: LSN(bytes: 1_150))])))
        #expect(bench.primary == 1 && bench.standings[2] == .serving)
    }

    @Test func aTokenTellsOfATimelineThatNobodyFoundYet() {
        var bench = MachineBench()
        bench.settle()
        let position = LogPosition(Timeline(2), LSN(bytes: 1_100))
        #expect(bench.choice(.position(position)) == .none(.timelineUnknown(position)))
        bench.handle(.timelineSeen(Timeline(2)))
        #expect(bench.primary == nil && bench.last.contains(.probeAtOnce))
        #expect(bench.evictions == [.evict(HostIndex(0), .superseded, before: bench.snapshot.generation)])
    }

    // MARK: The registry

    @Test func theFirstPrimaryIsRegisteredBeforeItIsBelieved() {
        var bench = MachineBench(hasRegistry: true)
        bench.settle()
        #expect(bench.primary == nil && bench.standings[0] == .refused(.unregistered))
        bench.handle(.registered(nil))
        #expect(bench.last.contains(.register(record(1, 0), replacing: nil)))
        #expect(bench.primary == nil)
        bench.handle(.registered(record(1, 0)))
        #expect(bench.primary == 0)
    }

    @Test func aPromotedReplicaIsRegisteredBeforeItIsBelieved() {
        var bench = MachineBench(hasRegistry: true)
        bench.handle(.registered(record(1, 0)))
        bench.settle()
        bench.advance(.milliseconds(1))
        bench.hear(1, .primary, 1_100, timeline: 2)
        #expect(bench.last.contains(.register(record(2, 1), replacing: record(1, 0))))
        #expect(bench.primary == nil)
        // Asked for once, however often it answers.
        bench.hear(1, .primary, 1_200, timeline: 2)
        #expect(!bench.last.contains(.register(record(2, 1), replacing: record(1, 0))))
        bench.handle(.registered(record(2, 1)))
        #expect(bench.primary == 1)
    }

    @Test func whoeverLosesTheRegistryIsRefused() {
        var bench = MachineBench(hasRegistry: true)
        bench.handle(.registered(record(1, 0)))
        bench.settle()
        bench.miss(0, times: 3)
        bench.hear(1, .primary, 1_100, timeline: 2)
        // Somebody else was faster.
        bench.handle(.registered(record(2, 2)))
        #expect(bench.primary == nil && bench.standings[1] == .refused(.rival))
        bench.advance(.milliseconds(1))
        bench.hear(2, .primary, 1_050, timeline: 2)
        #expect(bench.primary == 2 && bench.standings[1] == .refused(.rival))
    }

    /// A server that is cut off from the new primary, but reaches the registry and the old primary.
    @Test func anOldPrimaryIsRefusedByWhoeverReachesTheRegistry() {
        var bench = MachineBench(hasRegistry: true)
        bench.handle(.registered(record(1, 0)))
        bench.settle()
        #expect(bench.primary == 0)
        bench.handle(.registered(record(2, 1)))
        #expect(bench.primary == nil && bench.standings[0] == .refused(.oldTimeline))
        #expect(bench.evictions == [.evict(HostIndex(0), .superseded, before: bench.snapshot.generation)])
        bench.hear(0, .primary, 2_000)
        #expect(bench.primary == nil)
        // A registry's copy that is behind changes nothing.
        bench.handle(.registered(record(1, 0)))
        bench.handle(.registered(nil))
        #expect(bench.primary == nil && bench.last == [])
    }

    @Test func whileTheRegistryIsAwayTheKnownPrimaryStays() {
        var bench = MachineBench(hasRegistry: true)
        bench.handle(.registered(record(1, 0)))
        bench.settle()
        bench.handle(.registryUnanswered)
        #expect(bench.primary == 0)
        bench.advance(.milliseconds(1))
        bench.hear(1, .primary, 1_100, timeline: 2)
        bench.handle(.registryUnanswered)
        #expect(bench.primary == nil && bench.standings[1] == .refused(.unregistered))
        // It is asked again with the next answer, and not before.
        #expect(!bench.last.contains(.register(record(2, 1), replacing: record(1, 0))))
        bench.hear(1, .primary, 1_100, timeline: 2)
        #expect(bench.last.contains(.register(record(2, 1), replacing: record(1, 0))))
        #expect(bench.primary == nil)
        bench.handle(.registered(record(2, 1)))
        #expect(bench.primary == 1)
    }

    @Test func whoeverPrefersWritesBelievesTheHighestTimeline() {
        var configuration = ReplicaRoutingConfiguration()
        configuration.whenRegistryIsAway = .believeHighestTimeline
        var bench = MachineBench(hasRegistry: true, configuration: configuration)
        bench.settle()
        #expect(bench.primary == nil)
        bench.handle(.registryUnanswered)
        #expect(bench.primary == 0)
        bench.advance(.milliseconds(1))
        bench.hear(1, .primary, 1_100, timeline: 2)
        #expect(bench.primary == 1)
        bench.handle(.registered(record(2, 2)))
        #expect(bench.primary == nil && bench.standings[1] == .refused(.rival))
    }

    @Test func theRegistryKnowsTheCluster() {
        var bench = MachineBench(hasRegistry: true)
        bench.handle(.registered(record(1, 0, system: 99)))
        bench.settle()
        #expect(bench.primary == nil && bench.standings[0] == .refused(.foreign))
    }
}
