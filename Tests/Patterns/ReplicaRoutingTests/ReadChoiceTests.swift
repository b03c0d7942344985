import Determinism
import ReplicaRouting
import Testing

/// Reads with a position, and what other systems got wrong with them.
@Suite("Choosing a host")
struct ReadChoiceTests {
    private func position(_ lsn: UInt64, timeline: UInt32 = 1) -> ReadRequirement {
        .position(LogPosition(Timeline(timeline), LSN(bytes: lsn)))
    }

    @Test func onlyReplicasThatHaveItServeAPosition() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.milliseconds(10))
        bench.hear(0, .primary, 2_000)
        bench.hear(1, .replica, 1_500)
        #expect(bench.choice(position(1_000)).replicas == [1, 2])
        #expect(bench.choice(position(1_500)).replicas == [1])
        #expect(bench.choice(position(1_501)) == .primary(HostIndex(0)))
        #expect(bench.snapshot.furthestReplica(excluding: .empty, at: bench.now) == HostIndex(1))
        #expect(bench.choice(position(1_500), excluding: HostSet(HostIndex(1))) == .primary(HostIndex(0)))
        bench.handle(.replayed(HostIndex(2), LSN(bytes: 1_900), since: bench.now))
        #expect(bench.choice(position(1_501)).replicas == [2])
    }

    /// gitlab-org/gitlab issue 413203: the token was cleared when one replica had caught up, and the next read went to
    /// another. Here a token is never cleared; each replica is held against it by itself.
    @Test func oneReplicaThatCaughtUpDoesNotSpeakForTheOthers() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.milliseconds(10))
        bench.hear(0, .primary, 2_000)
        bench.hear(1, .replica, 2_000)
        for _ in 0..<10 { #expect(bench.choice(position(2_000)).replicas == [1]) }
        #expect(bench.choice(position(2_000), excluding: HostSet(HostIndex(1))) == .primary(HostIndex(0)))
    }

    /// gitlab-org/gitlab merge request 49294: a race while the list of hosts was filled. Here a read meets one
    /// snapshot.
    @Test func beforeAnythingIsKnownNothingIsServed() {
        let bench = MachineBench()
        #expect(bench.choice(.strong) == .none(.noPrimary))
        #expect(bench.choice(.eventual) == .none(.noReplica))
        #expect(bench.choice(position(0)) == .none(.noPrimary))
    }

    /// After a failover the positions of the lost tail lie *ahead* of the new primary; comparing numbers alone would
    /// make a client wait for ever, and then show it somebody else's writes as its own.
    @Test func aWriteThatWasLostIsToldSo() {
        var bench = MachineBench()
        bench.settle(timeline: 2)
        bench.advance(.milliseconds(1))
        bench.hear(0, .primary, 9_000, timeline: 2)
        bench.hear(1, .replica, 9_000, timeline: 2)
        let lost = LogPosition(.first, LSN(bytes: 501))
        #expect(bench.choice(.position(lost)) == .none(.writeLost(lost, switchPoint: LSN(bytes: 500))))
        #expect(bench.choice(position(500)).replicas == [1, 2])
        let foreign = LogPosition(Timeline(0), .zero)
        #expect(bench.choice(.position(foreign)) == .none(.writeLost(foreign, switchPoint: .zero)))
    }

    @Test func whileTheHistoryIsUnknownNothingOlderIsShown() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.milliseconds(1))
        bench.hear(1, .primary, 1_300, timeline: 2)
        let position = LogPosition(.first, LSN(bytes: 900))
        #expect(bench.choice(.position(position)) == .none(.timelineUnknown(position)))
        #expect(ReplicaRoutingError.timelineUnknown(position).isTransient)
        bench.handle(.history(TimelineHistory(of: Timeline(2), ancestors: [.init(.first, end: LSN(bytes: 1_200))])))
        #expect(bench.choice(.position(position)).replicas == [2])
        #expect(bench.choice(self.position(1_100)) == .primary(HostIndex(1)))
    }

    @Test func aReplicaThatLagsServesNoPositionEither() {
        var bench = MachineBench()
        bench.settle()
        bench.advance(.seconds(6))
        bench.hear(0, .primary, 2_000)
        #expect(bench.choice(position(900)) == .primary(HostIndex(0)))
    }

    @Test func thePrimaryIsNeverChosenForEventualReadsWhileReplicasServe() {
        var bench = MachineBench()
        bench.settle()
        #expect(bench.choice(.eventual).replicas == [1, 2])
        bench.miss(1, times: 3)
        bench.miss(2, times: 3)
        #expect(bench.choice(.eventual) == .primary(HostIndex(0)))
        #expect(bench.choice(.eventual, excluding: HostSet(HostIndex(0))) == .none(.noReplica))
    }

    @Test func strongReadsGoToThePrimaryOnly() {
        var bench = MachineBench()
        bench.settle()
        #expect(bench.choice(.strong) == .primary(HostIndex(0)))
        #expect(bench.choice(.strong, excluding: HostSet(HostIndex(0))) == .none(.noPrimary))
    }

    @Test func errorsSayWhatHappened() {
        let position = LogPosition(Timeline(2), LSN(bytes: 0x3000148))
        let all: [ReplicaRoutingError] = [
            .noPrimary, .noReplica, .writeLost(position, switchPoint: .zero), .timelineUnknown(position),
            .mapOutdated(tokenEpoch: 4), .cancelled,
        ]
        #expect(Set(all.map(\.description)).count == all.count)
        #expect(all.filter(\.isTransient).count == 4)
        #expect(all[2].description.contains("2@0/3000148"))
    }

    @Test func configurationsAreChecked() throws {
        let wrong: [(inout ReplicaRoutingConfiguration) -> Void] = [
            { $0.probePeriod = .zero }, { $0.primaryLease = .seconds(1) },
            { $0.longestProbeTimeout = .milliseconds(1) },
            { $0.catchUpWait = .seconds(-1) }, { $0.longestEjection = .milliseconds(1) }, { $0.failuresUntilDown = 0 },
            { $0.successesUntilUp = 0 }, { $0.waiterLimit = -1 }, { $0.ejectionFactor = 0.5 }, { $0.lagLimit = .zero },
        ]
        try ReplicaRoutingConfiguration().validate()
        for change in wrong {
            var configuration = ReplicaRoutingConfiguration()
            change(&configuration)
            #expect(throws: ReplicaRoutingConfigurationError.self) { try configuration.validate() }
        }
    }
}
