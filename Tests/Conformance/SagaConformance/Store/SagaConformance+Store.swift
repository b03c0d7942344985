import Determinism
import Sagas
import Storage
import Testing

/// What is due, and for whom.
extension SagaConformance {
    static let store = [
        SagaBehavior("what waits is due at its time, the oldest first", dueOrder),
        SagaBehavior("a crowd in one organization does not keep the others waiting", fairness),
        SagaBehavior("what a living worker holds is nobody else's, by the store's clock", livingOwner),
        SagaBehavior("what a worker holds is due when its lease is over", lapsedOwner),
        SagaBehavior("what a worker held is due at once when it has retired", retiredOwner),
        SagaBehavior("a worker asks after its own that has not moved for a while", ownLost),
        SagaBehavior("whoever is alone takes up what was at work, whatever the clock says", alone),
        SagaBehavior("whoever has a database for itself needs no leases", unshared),
        SagaBehavior("what no definition here fits is left to others", unserved),
        SagaBehavior("what a fenced organization has is left alone", fencedOrganization),
        SagaBehavior("what has ended or is stuck is never due", endedOrStuck),
        SagaBehavior("a signal makes what waits for it due", signaled),
    ]

    private static func dueOrder(_ bench: SagaBench) async throws {
        var sagas: [Int: SagaID] = [:]
        for pause in [300, 100, 200] { sagas[pause] = try await bench.began(Definitions.pause, Diary(pause: pause)) }
        let inOrder = [100, 200, 300].compactMap { sagas[$0] }
        #expect(try await bench.due() == [])
        #expect(try await bench.due(after: .seconds(150)) == [inOrder[0]])
        #expect(try await bench.due(after: .seconds(400)) == inOrder)
        #expect(try await bench.due(after: .seconds(400), limit: 2) == Array(inOrder.prefix(2)))
        let waiting = try await bench.record(inOrder[0])
        #expect(waiting.state == .parked && waiting.owner == nil)
    }

    private static func fairness(_ bench: SagaBench) async throws {
        var expected: [[SagaID]] = [[], [], []]
        for pause in 1...4 { expected[0].append(try await bench.began(Definitions.pause, Diary(pause: pause), of: 1)) }
        for pause in 11...12 {
            expected[1].append(try await bench.began(Definitions.pause, Diary(pause: pause), of: 2))
        }
        expected[2].append(try await bench.began(Definitions.pause, Diary(pause: 30), of: 3))
        let due = try await bench.due(after: .seconds(60))
        let turns = [
            expected[0][0], expected[1][0], expected[2][0], expected[0][1], expected[1][1], expected[0][2],
            expected[0][3],
        ]
        #expect(due == turns)
        #expect(try await bench.due(after: .seconds(60), limit: 3) == Array(turns.prefix(3)))
    }

    static func leases(_ bench: SagaBench, of worker: SagaWorkerID) throws -> any SagaLeases {
        try #require(bench.first.stores(Definitions.registry, worker).leases)
    }

    private static func livingOwner(_ bench: SagaBench) async throws {
        let worker = bench.newWorker()
        try await leases(bench, of: worker).renew(worker, lease: .seconds(600))
        let saga = try await bench.began(Definitions.call, by: worker)
        #expect(try await bench.record(saga).owner == worker)
        #expect(try await bench.due() == [])
        // The caller's clock may be an hour ahead: how long a lease lasts is the store's clock alone.
        #expect(try await bench.due(after: .seconds(3_600)) == [])
        #expect(try await bench.due(ignoringLeases: true) == [saga])
    }

    private static func lapsedOwner(_ bench: SagaBench) async throws {
        let (worker, stranger) = (bench.newWorker(), bench.newWorker())
        let leases = try leases(bench, of: worker)
        try await leases.renew(worker, lease: .seconds(600))
        let saga = try await bench.began(Definitions.call, by: worker)
        let ownerless = try await bench.began(Definitions.call, by: stranger)
        #expect(try await bench.due() == [ownerless], "a worker without a lease holds nothing")
        // A renewal counts from its own moment, also when it makes the lease shorter.
        try await leases.renew(worker, lease: .milliseconds(1))
        try await bench.eventually("the lease is over") { try await Set(bench.due()) == [saga, ownerless] }
        try await leases.renew(worker, lease: .seconds(600))
        #expect(try await bench.due() == [ownerless], "a lease may be had again")
    }

    private static func retiredOwner(_ bench: SagaBench) async throws {
        let worker = bench.newWorker()
        let leases = try leases(bench, of: worker)
        try await leases.renew(worker, lease: .seconds(600))
        let saga = try await bench.began(Definitions.call, by: worker)
        #expect(try await bench.due() == [])
        try await leases.retire(worker)
        #expect(try await bench.due() == [saga])
        try await leases.retire(worker)
    }

    private static func ownLost(_ bench: SagaBench) async throws {
        let worker = bench.newWorker()
        try await leases(bench, of: worker).renew(worker, lease: .seconds(600))
        let saga = try await bench.began(Definitions.call, by: worker)
        let other = try await bench.began(Definitions.pause, Diary(pause: 1), of: 2)
        #expect(try await bench.due(for: worker, after: .seconds(2)) == [other])
        #expect(try await bench.due(for: worker, after: .seconds(60)) == [other, saga], "its own come last")
    }

    private static func alone(_ bench: SagaBench) async throws {
        let saga = try await bench.began(Definitions.call)
        let waiting = try await bench.began(Definitions.pause)
        // The clock has stepped back by a day since the saga began.
        #expect(try await bench.due(after: .seconds(-86_400), ignoringLeases: true) == [saga])
        #expect(try await bench.record(waiting).state == .parked)
    }

    private static func unshared(_ bench: SagaBench) async throws {
        let (before, now) = (bench.newWorker(), bench.newWorker())
        // An earlier run has left a lease behind that nobody keeps.
        try await leases(bench, of: before).renew(before, lease: .seconds(600))
        let saga = try await bench.began(Definitions.call, by: before)
        let stores = bench.first.open(Definitions.registry, now, false)
        #expect(stores.leases == nil)
        let due = try await stores.store.due(at: SystemTime().now(), ignoringLeases: false, limit: 10)
        #expect(due.map(\.id) == [saga])
        #expect(try await stores.store.claim(try #require(due.first))?.epoch == 2)
        #expect(try await stores.store.due(at: SystemTime().now(), ignoringLeases: false, limit: 10).isEmpty)
    }

    private static func unserved(_ bench: SagaBench) async throws {
        let saga = try await bench.began(Definitions.call)
        let registries = [
            SagaRegistry([]), SagaRegistry([AnySagaDefinition(Definitions.pause)]),
            SagaRegistry([AnySagaDefinition(Definitions.longerCall)]),
        ]
        for registry in registries { #expect(try await bench.due(in: registry, ignoringLeases: true) == []) }
        #expect(try await bench.due(in: SagaRegistry([AnySagaDefinition(Definitions.call)])) == [saga])
    }

    private static func fencedOrganization(_ bench: SagaBench) async throws {
        let (saga, other) = (try await bench.began(Definitions.call), try await bench.began(Definitions.call, of: 2))
        let tickets = try await bench.tickets()
        #expect(
            Set(tickets.map(\.id)) == [saga, other] && tickets.allSatisfy { $0.tenant.epoch == 3 && $0.epoch == 1 })
        try await bench.fence(1, .fenced)
        #expect(try await bench.due() == [other])
        #expect(try await bench.due(limit: 1) == [other], "what is left alone does not stand before the others")
    }

    private static func endedOrStuck(_ bench: SagaBench) async throws {
        let failing = Saga(Diary.self, "failing", version: 1)
            .pivot("call", .local(.add(1, to: "a"))).retriable("mail", .local(.refusing("no", touching: "b")))
            .definition
        let runtime = bench.runtime([AnySagaDefinition(failing), AnySagaDefinition(Definitions.short)])
        try await bench.running(runtime) {
            let states = [
                try await bench.outcome(of: failing, in: runtime).state,
                try await bench.outcome(of: Definitions.short, in: runtime).state,
            ]
            #expect(states == [.stuck, .succeeded])
        }
        let registry = SagaRegistry([AnySagaDefinition(failing), AnySagaDefinition(Definitions.short)])
        for ignoringLeases in [false, true] {
            #expect(try await bench.due(in: registry, after: .seconds(9_000), ignoringLeases: ignoringLeases) == [])
        }
    }

    private static func signaled(_ bench: SagaBench) async throws {
        let saga = try await bench.began(Definitions.approval)
        #expect(try await bench.due(after: .seconds(86_400)) == [], "it waits without a limit")
        func signal(_ token: String, named name: String = "approved") async throws -> SignalSaga.Outcome {
            try await bench.submit(
                SignalSaga(
                    organization: 1, saga: saga, name: name, token: token, payload: "anna",
                    registry: Definitions.registry), tenant: bench.tenant(), at: bench.second)
        }
        #expect(try await signal("1", named: "approve") == .unexpected)
        #expect(try await bench.due() == [])
        #expect(try await signal("1") == .accepted(wakes: true))
        #expect(try await signal("1") == .repeated)
        #expect(try await signal("2") == .busy)
        #expect(try await bench.due() == [saga])
    }
}
