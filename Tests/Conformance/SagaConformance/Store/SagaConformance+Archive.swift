import Determinism
import Sagas
import Storage
import Testing

/// What people look at.
extension SagaConformance {
    static let archive = [
        SagaBehavior("a saga and its history are found by its organization alone", history),
        SagaBehavior("lists are filtered and paged, the youngest first", lists),
        SagaBehavior("locks say who holds them and who waits", locks),
        SagaBehavior("sagas that no definition fits are counted", misfits),
        SagaBehavior("old sagas go with all that is theirs", prune),
        SagaBehavior("signals go with their saga", pruneSignals),
        SagaBehavior("the oldest go first, and not more than asked for", pruneLimit),
    ]

    private static func history(_ bench: SagaBench) async throws {
        let subject = bench.newID()
        let saga = try await bench.began(Definitions.approval, about: subject)
        let record = try await bench.record(saga)
        #expect(record.definition == "approval" && record.definitionVersion == 1 && record.subject == subject)
        let log = try await bench.archive.history(of: saga, in: 1)
        #expect(log.map(\.entry) == Array(1...record.entries))
        #expect(log.map(\.kind) == [.began, .completed, .waiting, .parked])
        #expect(zip(log, log.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect(try await bench.archive.saga(saga, of: 2) == nil)
        #expect(try await bench.archive.history(of: saga, in: 2) == [])
        #expect(try await bench.archive.saga(SagaID(bench.newID()), of: 1) == nil)
    }

    private static func lists(_ bench: SagaBench) async throws {
        let subject = bench.newID()
        let short = try await bench.began(Definitions.short)
        let call = try await bench.began(Definitions.call, about: subject)
        let pause = try await bench.began(Definitions.pause)
        let foreign = try await bench.began(Definitions.short, of: 2, about: subject)
        func list(_ change: (inout SagaFilter) -> Void) async throws -> [SagaID] {
            var filter = SagaFilter()
            change(&filter)
            return try await bench.archive.sagas(filter).map(\.id)
        }
        let all = [short, call, pause, foreign].sorted(by: >)
        #expect(try await list { _ in } == all)
        #expect(try await list { $0.organization = 2 } == [foreign])
        #expect(try await list { $0.state = .succeeded } == [short, foreign].sorted(by: >))
        #expect(try await list { $0.state = .parked } == [pause])
        #expect(try await list { $0.definition = "call" } == [call])
        #expect(try await list { $0.subject = subject } == [call, foreign].sorted(by: >))
        #expect(try await list { ($0.subject, $0.organization) = (subject, 1) } == [call])
        #expect(try await list { $0.limit = 3 } == Array(all.prefix(3)))
        #expect(try await list { ($0.limit, $0.before) = (3, all[2]) } == [all[3]])
        #expect(try await list { $0.limit = 0 } == [all[0]], "at least one")
        #expect(try await list { $0.before = all[3] } == [])
    }

    private static func locks(_ bench: SagaBench) async throws {
        let saga = Saga(Diary.self, "locking", version: 1)
            .compensatable(
                "edit", .local(.add(1, to: "edits")), undo: .local(.add(-1, to: "edits")), locks: { _ in ["b", "a"] }
            )
            .awaiting("saved", .signal("saved")).pivot("publish", .local(.add(1, to: "published"))).definition
        var sagas: [SagaID] = []
        for _ in 0..<3 { sagas.append(try await bench.began(saga)) }
        let rows = try await bench.archive.locks(["a", "b", "c"], of: 1)
        #expect(rows.map(\.resource) == ["a", "b"])
        #expect(rows.allSatisfy { $0.holder == sagas[0] && $0.waiting == Array(sagas.dropFirst()) })
        #expect(try await bench.archive.locks(["a"], of: 2) == [])
        #expect(try await bench.count("edits") == 1)
    }

    private static func misfits(_ bench: SagaBench) async throws {
        for _ in 0..<12 { _ = try await bench.began(Definitions.call) }
        _ = try await bench.began(Definitions.pause, of: 2)
        _ = try await bench.began(Definitions.short)
        #expect(try await bench.archive.misfits(Definitions.registry) == [])
        let without = SagaRegistry([AnySagaDefinition(Definitions.longerCall), AnySagaDefinition(Definitions.short)])
        let misfits = try await bench.archive.misfits(without)
        #expect(misfits.map(\.definition) == ["call", "pause"] && misfits.map(\.count) == [12, 1])
        #expect(misfits.map(\.version) == [1, 1] && misfits.map(\.examples.count) == [10, 1])
        let failing = Saga(Diary.self, "failing", version: 2)
            .pivot("call", .local(.add(1, to: "a"))).retriable("mail", .local(.refusing("no", touching: "b")))
            .definition
        let stuck = try await bench.began(failing)
        let runtime = bench.runtime([AnySagaDefinition(failing)])
        try await bench.running(runtime) { try await bench.eventually(.stuck, stuck) }
        let stuckOnes = try await bench.archive.misfits(Definitions.registry)
        #expect(stuckOnes.map(\.examples) == [[stuck]] && stuckOnes.map(\.version) == [2], "an operator needs it")
        var filter = SagaFilter()
        filter.definition = "call"
        let calls = try await bench.archive.sagas(filter).map(\.id).sorted()
        #expect(misfits.first?.examples == Array(calls.prefix(10)))
    }

    private static func prune(_ bench: SagaBench) async throws {
        let ended = try await bench.began(Definitions.short, key: "k")
        let waiting = try await bench.began(Definitions.approval, key: "w")
        for saga in [ended, waiting] {
            let fence = ParticipantFence(organization: 1, forwardKey: "\(saga)/call")
            let admission = try await bench.submit(
                OneCommit([fence.need]) { work, now in fence.admitForward(epoch: 1, in: &work, at: now) })
            #expect(admission == .proceed)
        }
        #expect(try await bench.archive.prune(endedBefore: SystemTime().now() + .seconds(-60), limit: 100) == 0)
        #expect(try await bench.archive.prune(endedBefore: SystemTime().now() + .seconds(60), limit: 100) == 1)
        #expect(try await bench.archive.saga(ended, of: 1) == nil)
        #expect(try await bench.archive.history(of: ended, in: 1) == [])
        #expect(try await bench.archive.saga(waiting, of: 1) != nil)
        #expect(try await bench.archive.history(of: waiting, in: 1).count == 4)
        // Its start key and its fence are gone, those of the other are not.
        _ = try await bench.began(Definitions.short, key: "k")
        guard case .existing(waiting) = try await bench.begin(Definitions.approval, key: "w") else {
            Issue.record("the key of a saga that goes on was forgotten")
            return
        }
        for (saga, admission) in [(ended, ParticipantFence.Admission.proceed), (waiting, .repeated)] {
            let fence = ParticipantFence(organization: 1, forwardKey: "\(saga)/call")
            let again = try await bench.submit(
                OneCommit([fence.need]) { work, now in fence.admitForward(epoch: 1, in: &work, at: now) })
            #expect(again == admission)
        }
    }

    private static func pruneSignals(_ bench: SagaBench) async throws {
        let runtime = bench.runtime([AnySagaDefinition(Definitions.approval)])
        var sagas: [SagaID] = []
        for _ in 0..<2 { sagas.append(try await bench.began(Definitions.approval)) }
        try await bench.running(runtime) { [sagas] in
            for saga in sagas {
                _ = try await runtime.signal(saga, of: bench.tenant(), named: "approved", token: "1")
                try await bench.eventually(.succeeded, saga)
            }
        }
        let keys = sagas.map { SagaSignalRecord.key(1, $0, "approved") }
        func kept() async throws -> Int {
            try await bench.submit(OneCommit(keys.map { .row($0) }) { work, _ in keys.count { work[$0] != nil } })
        }
        #expect(try await kept() == 2)
        #expect(try await bench.archive.prune(endedBefore: SystemTime().now() + .seconds(60), limit: 1) == 1)
        #expect(try await kept() == 1)
        #expect(try await bench.archive.saga(sagas[0], of: 1) == nil, "the one that ended first")
    }

    private static func pruneLimit(_ bench: SagaBench) async throws {
        var sagas: [SagaID] = []
        for number in 0..<4 { sagas.append(try await bench.began(Definitions.short, of: Int64(number % 2) + 1)) }
        let moment = SystemTime().now() + .seconds(60)
        #expect(try await bench.archive.prune(endedBefore: moment, limit: 3) == 3)
        var filter = SagaFilter()
        filter.limit = 10
        #expect(try await bench.archive.sagas(filter).map(\.id) == [sagas.max()])
        #expect(try await bench.archive.prune(endedBefore: moment, limit: 3) == 1)
    }
}
