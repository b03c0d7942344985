import Determinism
import ReplicaRouting
import Testing

/// How old a replica's state is, and what follows for reads.
@Suite("Lag")
struct LagTests {
    private func age(_ bench: MachineBench, _ host: Int) -> Duration? {
        bench.snapshot.age(of: HostIndex(host), at: bench.now)
    }

    /// PostgreSQL's own measure, `now() - pg_last_xact_replay_timestamp()`, grows while nothing is written; GitLab and
    /// PgDog each need a second test for that.
    @Test func anIdlePrimaryIsNotTakenForLag() {
        var bench = MachineBench()
        bench.settle()
        for _ in 0..<600 {
            bench.advance(.milliseconds(500))
            bench.hear(0, .primary, 1_000)
        }
        #expect(bench.standings[1] == .serving)
        #expect(age(bench, 1) == .zero)
        #expect(bench.choice(.eventual).replicas == [1, 2])
    }

    @Test func aReplicaIsAsOldAsTheFirstPositionItLacks() {
        var bench = MachineBench()
        bench.settle()
        for step in 1...20 {
            bench.advance(.milliseconds(200))
            bench.hear(0, .primary, 1_000 + UInt64(step) * 100)
            bench.hear(1, .replica, 1_000 + UInt64(step) * 100)
            bench.hear(2, .replica, 1_250)
        }
        #expect(age(bench, 0) == .zero)
        #expect(age(bench, 1) == .zero)
        // Where the primary was after two steps, 18 steps ago.
        #expect(age(bench, 2) == .milliseconds(3_600))
        #expect(bench.snapshot.hosts[2].lagBytes == 1_750)
        #expect(bench.choice(.eventual).replicas == [1, 2])
        #expect(bench.choice(.eventual(maximumAge: .seconds(3))).replicas == [1])
    }

    @Test func laggingHasHysteresis() {
        var bench = MachineBench()
        bench.settle()
        func step(_ bench: inout MachineBench, replica: UInt64) {
            bench.advance(.seconds(1))
            bench.hear(0, .primary, bench.snapshot.hosts[0].position.bytes + 100)
            bench.hear(1, .replica, replica)
        }
        for _ in 0..<6 { step(&bench, replica: 1_000) }
        #expect(bench.standings[1] == .lagging)
        #expect(bench.choice(.eventual(maximumAge: .seconds(60))).replicas == [1, 2])
        // Four seconds behind is not yet well again, two are.
        step(&bench, replica: 1_300)
        #expect(age(bench, 1) == .seconds(4) && bench.standings[1] == .lagging)
        step(&bench, replica: 1_600)
        #expect(age(bench, 1) == .seconds(2) && bench.standings[1] == .serving)
    }

    @Test func bytesCountToo() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.milliseconds(1))
        bench.hear(0, .primary, 70 << 20)
        #expect(bench.standings[1] == .lagging)
        bench.hear(1, .replica, 30 << 20)
        #expect(bench.standings[1] == .lagging)
        bench.hear(1, .replica, 40 << 20)
        #expect(bench.standings[1] == .serving)
    }

    @Test func heartbeatsTellWhereThePrimaryCannotBeAsked() {
        var bench = MachineBench()
        bench.settle()
        bench.miss(0, times: 3)
        bench.advance(.seconds(30))
        bench.hear(1, .replica, 5_000, heartbeatAge: .milliseconds(700))
        #expect(age(bench, 1) == .milliseconds(1_200))
        // A clock that is ahead makes nobody younger than the tolerance.
        bench.hear(1, .replica, 5_000, heartbeatAge: .seconds(-3))
        #expect(age(bench, 1) == .milliseconds(500))
    }

    @Test func whileThereIsNoPrimaryEventualReadsGoOn() {
        var bench = MachineBench()
        bench.settle()
        bench.miss(0, times: 3)
        #expect(bench.choice(.eventual).replicas == [1, 2])
        bench.advance(.seconds(6))
        bench.hear(1, .replica, 1_000)
        bench.hear(2, .replica, 1_050)
        #expect(bench.choice(.strong) == .none(.noPrimary))
        let position = LogPosition(.first, LSN(bytes: 1_000))
        #expect(bench.choice(.position(position)) == .none(.noPrimary))
        #expect(bench.choice(.eventual) == .stale(HostIndex(2)))
        #expect(age(bench, 2) == .seconds(6))
        var strict = ReplicaRoutingConfiguration()
        strict.servesStaleWithoutPrimary = false
        #expect(bench.snapshot.choice(for: .eventual, at: bench.now, strict) == .none(.noReplica))
    }

    @Test func whatTheOldPrimaryWroteBeyondTheSwitchIsNoMeasure() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.seconds(1))
        bench.hear(0, .primary, 9_000)
        bench.advance(.seconds(1))
        bench.hear(1, .primary, 1_300, timeline: 2)
        bench.hear(2, .replica, 1_300, timeline: 2)
        bench.handle(.history(TimelineHistory(of: Timeline(2), ancestors: [.init(.first, end: LSN(bytes: 1_200))])))
        #expect(bench.standings[2] == .serving)
        #expect(age(bench, 2) == .zero)
        #expect(bench.snapshot.hosts[2].lagBytes == 0)
        // One that has not come as far: older than the sample that is common to both timelines.
        bench.hear(0, .replica, 1_000, timeline: 2)
        #expect(age(bench, 0) == .seconds(2))
    }

    /// The old primary stood, unreplaced for all we knew, exactly where it was left: found by the simulation.
    @Test func whereAnOldPrimaryStoodIdleIsNoMeasureEither() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.seconds(4))
        bench.hear(0, .primary, 1_000)
        bench.hear(1, .primary, 1_300, timeline: 2)
        bench.handle(.history(TimelineHistory(of: Timeline(2), ancestors: [.init(.first, end: LSN(bytes: 1_000))])))
        bench.hear(2, .replica, 1_000, timeline: 2)
        #expect(age(bench, 2) == nil)
        #expect(bench.choice(.eventual) == .primary(HostIndex(1)))
    }

    @Test func aReplicaThatWentTooFarIsDiverged() {
        var bench = MachineBench()
        bench.settle()
        bench.hear(2, .replica, 1_500)
        bench.advance(.milliseconds(1))
        bench.hear(1, .primary, 1_300, timeline: 2)
        #expect(bench.standings[2] == .refused(.timelineUnknown))
        bench.handle(.history(TimelineHistory(of: Timeline(2), ancestors: [.init(.first, end: LSN(bytes: 1_200))])))
        #expect(bench.standings[2] == .refused(.diverged))
        // Taken back and made to follow, it is one again.
        bench.advance(.milliseconds(1))
        bench.hear(2, .replica, 1_200, timeline: 2)
        #expect(bench.standings[2] == .serving)
    }

    @Test func aReplicaOfAnUnknownTimelineServesUpToTheLastSwitch() {
        var bench = MachineBench()
        bench.settle(timeline: 2)
        bench.advance(.milliseconds(1))
        var fresh = MachineBench()
        fresh.hear(0, .primary, 1_000, timeline: 2)
        fresh.hear(1, .replica, 400, timeline: nil)
        fresh.hear(2, .replica, 600, timeline: nil)
        #expect(fresh.standings == [.primary, .refused(.timelineUnknown), .refused(.timelineUnknown)])
        fresh.handle(.history(TimelineHistory(of: Timeline(2), ancestors: [.init(.first, end: LSN(bytes: 500))])))
        #expect(fresh.standings[1] != .refused(.timelineUnknown))
        #expect(fresh.standings[2] == .refused(.timelineUnknown))
    }

    @Test func aPrimaryThatCrashedMayBeginFurtherBack() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.seconds(1))
        // An insert position that was never written to the disk.
        bench.hear(0, .primary, 5_000)
        bench.advance(.seconds(1))
        bench.hear(0, .primary, 1_200)
        bench.hear(1, .replica, 1_200)
        #expect(age(bench, 1) == .zero)
        #expect(bench.standings[1] == .serving)
    }
}
