import Determinism
import ReplicaRouting
import Testing

/// Every event in every state of a set of three: who the primary is, what each host is good for, and what follows. The
/// expectations are written down by hand; an event that is added does not compile before they say what it comes to.
@Suite("The machine of a replica set: every event in every state")
struct ReplicaSetMatrixTests {
    enum State: CaseIterable {
        case unknown
        /// The first is the primary of the first timeline; the others follow.
        case settled
        /// The second was promoted; the history of its timeline is asked for, or known.
        case promoted, followed
        /// The primary does not answer; or took no write.
        case lost, doubted
        /// Two claim the second timeline.
        case contested
        /// A token named the second timeline.
        case overtaken
        /// With a registry: it was not read; has nothing, and the primary is being registered; knows the primary; and
        /// the one that was promoted is being registered.
        case unread, claiming, registered, succeeding
    }
    enum Event: CaseIterable {
        /// The first says it is the primary of the first timeline, or a replica; the second says it is the primary of
        /// the second; the third follows that, or another cluster.
        case primary, demotion, promotion, replicaAhead, foreign
        /// Asked for a second ago.
        case late, unansweredLate
        case unanswered, unansweredThrice, replayed, measured
        case lost, shuttingDown, readOnly
        /// By a connection from the beginning.
        case readOnlyEarlier
        case registeredNone, registeredFirst, registeredSecond, registryUnanswered
        case historyOfFirst, historyOfSecond, firstUnanswered, secondUnanswered
        case nothingSeen, secondSeen
    }

    @Test("has its effect and no other", arguments: State.allCases)
    func pair(state: State) {
        for event in Event.allCases {
            var bench = Self.bench(state)
            #expect(Self.standing(bench) == Self.before(state), "the set-up of \(state)")
            let actions = Self.happen(event, &bench)
            let outcome = ([Self.standing(bench)] + actions.compactMap(Self.name)).joined(separator: ", ")
            #expect(outcome == Self.expected(event, state), "\(event) when \(state)")
        }
    }

    @Test("by a host that there is not changes nothing", arguments: State.allCases)
    func strangersAreIgnored(state: State) {
        for number in [3, 64, -1, .max, .min] {
            let host = HostIndex(number)
            var bench = Self.bench(state)
            let before = bench.snapshot
            let reading = MachineBench.reading(.primary, 9_000, timeline: 9)
            var actions = bench.handle(.read(host, reading, since: bench.now))
            for _ in 0..<3 { actions += bench.handle(.unanswered(host, .timedOut, since: bench.now)) }
            actions += bench.handle(.replayed(host, LSN(bytes: 9_000), since: bench.now))
            actions += bench.handle(.measured(host, latency: .seconds(9), count: 9))
            for failure in ReplicaSetMachine.ConnectionFailure.allCases {
                actions += bench.handle(.connectionFailed(host, failure, generation: .max))
            }
            #expect(actions == [] && bench.snapshot == before, "\(number) when \(state)")
        }
    }

    private static func record(_ timeline: UInt32, _ host: Int) -> TimelineRecord {
        TimelineRecord(systemIdentifier: 7, timeline: Timeline(timeline), primary: "host-\(host)")
    }
    private static let second = TimelineHistory(of: Timeline(2), ancestors: [.init(.first, end: LSN(bytes: 1_150))])

    /// The event is a millisecond later than what came before.
    private static func bench(_ state: State) -> MachineBench {
        let hasRegistry =
            switch state {
            case .unread, .claiming, .registered, .succeeding: true
            case .unknown, .settled, .promoted, .followed, .lost, .doubted, .contested, .overtaken: false
            }
        var bench = MachineBench(hasRegistry: hasRegistry)
        if state == .registered || state == .succeeding { bench.handle(.registered(record(1, 0))) }
        if state == .contested {
            bench.hear(1, .replica, 900)
            for host in [0, 2] { bench.hear(host, .primary, 1_000, timeline: 2) }
        } else if state != .unknown {
            bench.settle()
        }
        switch state {
        case .unknown, .settled, .contested, .unread, .registered: break
        case .promoted, .followed, .succeeding:
            _ = happen(.promotion, &bench)
            if state == .followed { bench.handle(.history(second)) }
        case .lost: bench.miss(0, times: 3)
        case .doubted: _ = happen(.readOnly, &bench)
        case .overtaken: bench.handle(.timelineSeen(Timeline(2)))
        case .claiming: bench.handle(.registered(nil))
        }
        return bench
    }

    private static func happen(_ event: Event, _ bench: inout MachineBench) -> [ReplicaSetMachine.Action] {
        bench.advance(.milliseconds(1))
        let (first, earlier) = (HostIndex(0), bench.now + .seconds(-1))
        switch event {
        case .primary: bench.hear(0, .primary, 1_200)
        case .demotion: bench.hear(0, .replica, 1_200)
        case .promotion: bench.hear(1, .primary, 1_300, timeline: 2)
        case .replicaAhead: bench.hear(2, .replica, 1_300, timeline: 2)
        case .foreign: bench.hear(2, .replica, 1_200, system: 8)
        case .late: bench.handle(.read(first, MachineBench.reading(.primary, 1_100), since: earlier))
        case .unansweredLate:
            return (0..<3).flatMap { _ in bench.handle(.unanswered(first, .timedOut, since: earlier)) }
        case .unanswered: bench.handle(.unanswered(first, .refused, since: bench.now))
        case .unansweredThrice:
            return (0..<3).flatMap { _ in bench.handle(.unanswered(first, .timedOut, since: bench.now)) }
        case .replayed: bench.handle(.replayed(HostIndex(2), LSN(bytes: 1_100), since: bench.now))
        case .measured: bench.handle(.measured(HostIndex(1), latency: .seconds(1), count: 10))
        case .lost: fail(.lost, &bench)
        case .shuttingDown: fail(.shuttingDown, &bench)
        case .readOnly: fail(.readOnly, &bench)
        case .readOnlyEarlier: bench.handle(.connectionFailed(first, .readOnly, generation: 0))
        case .registeredNone: bench.handle(.registered(nil))
        case .registeredFirst: bench.handle(.registered(record(1, 0)))
        case .registeredSecond: bench.handle(.registered(record(2, 1)))
        case .registryUnanswered: bench.handle(.registryUnanswered)
        case .historyOfFirst: bench.handle(.history(TimelineHistory(of: .first)))
        case .historyOfSecond: bench.handle(.history(second))
        case .firstUnanswered: bench.handle(.historyUnanswered(.first))
        case .secondUnanswered: bench.handle(.historyUnanswered(Timeline(2)))
        case .nothingSeen: bench.handle(.timelineSeen(Timeline(0)))
        case .secondSeen: bench.handle(.timelineSeen(Timeline(2)))
        }
        return bench.last
    }

    private static func fail(_ failure: ReplicaSetMachine.ConnectionFailure, _ bench: inout MachineBench) {
        bench.handle(.connectionFailed(HostIndex(0), failure, generation: bench.snapshot.generation))
    }

    /// A letter for each host, and the valid timeline.
    private static func standing(_ bench: MachineBench) -> String {
        let letters = bench.standings.map { standing in
            switch standing {
            case .untried: "U"
            case .down: "D"
            case .primary: "P"
            case .serving: "S"
            case .lagging: "L"
            case .ahead: "A"
            case .refused(.foreign): "f"
            case .refused(.notDurable): "d"
            case .refused(.oldTimeline): "o"
            case .refused(.rival): "r"
            case .refused(.unregistered): "u"
            case .refused(.diverged): "v"
            case .refused(.timelineUnknown): "?"
            }
        }
        return letters.joined() + (bench.snapshot.timeline.map { "@\($0)" } ?? "")
    }

    /// What is published shows in the standing.
    private static func name(_ action: ReplicaSetMachine.Action) -> String? {
        switch action {
        case .publish: nil
        case .evict(let host, let reason, _): "evict \(host) \(reason)"
        case .register(let record, let old):
            "register \(record.timeline) of \(record.primary) for \(old.map { "\($0.timeline)" } ?? "none")"
        case .readHistory(let timeline, let host): "history \(timeline) of \(host)"
        case .probeAtOnce: "probe"
        }
    }
}

// MARK: what is to be expected

extension ReplicaSetMatrixTests {
    static func before(_ state: State) -> String {
        switch state {
        case .unknown: "UUU"
        case .settled, .registered: "PSS@1"
        // Whether the third has what the second timeline contains cannot be told before its history is known.
        case .promoted: "oP?@2"
        case .followed: "oPS@2"
        case .lost: "DSS@1"
        case .doubted: "?SS@1"
        case .contested: "P?r@2"
        case .overtaken: "oSS@1"
        case .unread, .claiming: "uSS"
        case .succeeding: "ouS@1"
        }
    }

    static func expected(_ event: Event, _ state: State) -> String {
        let same = before(state)
        return switch event {
        case .primary: primary(state)
        case .demotion: demotion(state)
        case .promotion: promotion(state)
        case .replicaAhead: replicaAhead(state)
        case .foreign: foreign(state)
        // A first answer is news, however old its question.
        case .late: state == .unknown ? "PUU@1" : same
        case .unansweredLate: state == .unknown ? unansweredThrice(state) : same
        case .unanswered, .replayed, .measured, .nothingSeen: same
        case .unansweredThrice: unansweredThrice(state)
        case .lost, .shuttingDown: "\(same), probe"
        case .readOnly: readOnly(state)
        // Who was evicted since is not listened to.
        case .readOnlyEarlier:
            switch state {
            case .promoted, .followed, .lost, .doubted, .overtaken, .succeeding: same
            case .unknown, .settled, .contested, .unread, .claiming, .registered: readOnly(state)
            }
        case .registeredNone, .registeredFirst, .registeredSecond: registered(event, state)
        // What is known stays; what is to be registered is, with the next answer.
        case .registryUnanswered: same
        case .historyOfFirst, .firstUnanswered: same
        case .historyOfSecond:
            // Of who has not come as far as anything known of the second timeline, it is not known how old it is.
            state == .promoted ? "oPS@2" : state == .contested ? "PLr@2" : same
        case .secondUnanswered:
            state == .promoted ? "\(same), history 2 of 1" : state == .contested ? "\(same), history 2 of 0" : same
        case .secondSeen: secondSeen(state)
        }
    }

    private static func primary(_ state: State) -> String {
        switch state {
        case .unknown: "PUU@1"
        // It is the answer that was missing.
        case .doubted: "PSS@1"
        // It has left the timeline that it alone was believed on.
        case .contested: "o?r@2, evict 0 superseded, probe"
        // One answer does not bring back who was down.
        case .settled, .promoted, .followed, .lost, .overtaken, .unread, .claiming, .registered, .succeeding:
            before(state)
        }
    }

    private static func demotion(_ state: State) -> String {
        switch state {
        case .unknown: "SUU"
        case .settled, .registered: "SSS@1, evict 0 demoted, probe"
        case .promoted: "?P?@2"
        // It has written beyond the switch.
        case .followed: "vPS@2"
        case .lost: "DSS@1"
        case .doubted, .overtaken: "SSS@1"
        case .contested: "S?r@2, evict 0 demoted, probe"
        case .unread, .claiming: "SSS"
        case .succeeding: "SuS@1"
        }
    }

    private static func promotion(_ state: State) -> String {
        switch state {
        case .unknown: "UPU@2, history 2 of 1"
        case .settled: "oP?@2, evict 0 superseded, history 2 of 1"
        case .promoted, .followed, .succeeding: before(state)
        case .lost: "DP?@2, history 2 of 1"
        case .doubted: "?P?@2, history 2 of 1"
        case .contested: "Prr@2"
        case .overtaken: "oP?@2, history 2 of 1"
        // One claim at a time.
        case .unread, .claiming: "ouS"
        case .registered: "ouS@1, register 2 of host-1 for 1, evict 0 superseded, probe"
        }
    }

    /// A registry would know of a promotion; where there is none, who follows it tells.
    private static func replicaAhead(_ state: State) -> String {
        switch state {
        case .unknown: "UUS"
        case .settled: "oSA@1, evict 0 superseded, probe"
        case .promoted, .followed: "oPS@2"
        case .lost: "DSA@1"
        case .doubted: "?SA@1"
        case .contested: "P?S@2"
        case .overtaken: "oSA@1"
        case .unread, .claiming: "uSS"
        case .registered: "PSA@1"
        case .succeeding: "ouA@1"
        }
    }

    /// Before a primary is believed or registered nobody knows which cluster is the right one.
    private static func foreign(_ state: State) -> String {
        switch state {
        case .unknown: "UUS"
        case .settled, .registered: "PSf@1"
        case .promoted, .followed: "oPf@2"
        case .lost: "DSf@1"
        case .doubted: "?Sf@1"
        case .contested: "P?f@2"
        case .overtaken: "oSf@1"
        case .unread, .claiming: "uSS"
        case .succeeding: "ouf@1"
        }
    }

    private static func unansweredThrice(_ state: State) -> String {
        switch state {
        case .unknown: "DUU, evict 0 unreachable"
        case .settled, .registered: "DSS@1, evict 0 unreachable, probe"
        case .promoted: "DP?@2, evict 0 unreachable"
        case .followed: "DPS@2, evict 0 unreachable"
        case .lost: "DSS@1"
        case .doubted, .overtaken: "DSS@1, evict 0 unreachable"
        // The other one does not inherit the timeline.
        case .contested: "D?r@2, evict 0 unreachable, probe"
        case .unread, .claiming: "DSS, evict 0 unreachable"
        case .succeeding: "DuS@1, evict 0 unreachable"
        }
    }

    /// Only of the primary it is news that it takes no write.
    private static func readOnly(_ state: State) -> String {
        switch state {
        case .settled, .registered: "?SS@1, probe, evict 0 demoted, probe"
        case .contested: "??r@2, probe, evict 0 demoted, probe"
        case .unknown, .promoted, .followed, .lost, .doubted, .overtaken, .unread, .claiming, .succeeding:
            "\(before(state)), probe"
        }
    }

    private static func registered(_ event: Event, _ state: State) -> String {
        switch (state, event) {
        case (.unread, .registeredNone), (.claiming, .registeredNone): "uSS, register 1 of host-0 for none"
        case (.unread, .registeredFirst), (.claiming, .registeredFirst): "PSS@1"
        case (.unread, .registeredSecond), (.claiming, .registeredSecond): "oSS"
        case (.registered, .registeredSecond): "oSS@1, evict 0 superseded, probe"
        // The claim was not heard, or came too late for what stood: once more.
        case (.succeeding, .registeredFirst): "ouS@1, register 2 of host-1 for 1"
        case (.succeeding, .registeredSecond): "oP?@2, history 2 of 1"
        // There is no registry, or it was read from somewhere that is behind.
        default: before(state)
        }
    }

    private static func secondSeen(_ state: State) -> String {
        switch state {
        case .unknown, .lost, .doubted, .succeeding: "\(before(state)), probe"
        case .settled, .registered: "oSS@1, probe, evict 0 superseded, probe"
        case .promoted, .followed, .contested, .overtaken: before(state)
        case .unread, .claiming: "oSS, probe"
        }
    }
}
