import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Testing

/// One server process' way to the sagas of a database.
struct SagaSite: Sendable {
    let lane: WriteLane
    /// What a worker works with, in a database that it shares with others or has for itself.
    let open: @Sendable (SagaRegistry, SagaWorkerID, _ isShared: Bool) -> SagaStores

    init(lane: WriteLane, _ open: @escaping @Sendable (SagaRegistry, SagaWorkerID, Bool) -> SagaStores) {
        (self.lane, self.open) = (lane, open)
    }
    /// What a worker of this process works with.
    func stores(_ registry: SagaRegistry, _ worker: SagaWorkerID) -> SagaStores { open(registry, worker, true) }
}

/// A database with three organizations and two server processes' ways to it.
final class SagaBench: Sendable {
    static let schema = Migration(
        1, "sagas",
        [
            """
            CREATE TABLE fences (
              organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL, state TEXT NOT NULL, version {int} NOT NULL
            ) {table}
            """, Count.schema,
        ] + SagaSchema.whole)

    let first: SagaSite
    let second: SagaSite
    let archive: any SagaArchive
    let trouble = Notes<String>()
    private let random = SeededRandom(seed: 7)

    private init(_ sites: [SagaSite]) {
        (first, second) = (sites[0], sites[1])
        archive = sites[0].stores(Definitions.registry, SagaWorkerID(UUIDv7(high: 1, low: 1))).archive
    }

    /// Runs `body` over two sites of one empty database.
    static func with(_ sites: [SagaSite], _ body: (SagaBench) async throws -> Void) async throws {
        let bench = SagaBench(sites)
        async let lanes: Void = bench.runLanes()
        let result = await bench.result(of: body)
        for site in sites { site.lane.stop() }
        await lanes
        try result.get()
    }
    private func runLanes() async {
        async let other: Void = second.lane.run()
        await first.lane.run()
        await other
    }
    private func result(of body: (SagaBench) async throws -> Void) async -> Result<Void, any Error> {
        do {
            for organization in 1...3 as ClosedRange<Int64> { try await fence(organization, .active) }
            return .success(try await body(self))
        } catch { return .failure(error) }
    }

    // MARK: rows

    func tenant(_ organization: Int64 = 1) -> Tenant { Tenant(organization: organization, epoch: 3) }
    func newID() -> UUIDv7 { UUIDv7(time: SystemTime().now(), slot: 1, random: random.next()) }
    func newWorker() -> SagaWorkerID { SagaWorkerID(newID()) }

    func submit<C: LaneCommand>(_ command: C, tenant: Tenant? = nil, at site: SagaSite? = nil) async throws -> C.Outcome
    {
        try await (site ?? first).lane.submit(
            command, tenant: tenant, deadline: SystemTime().instant() + .seconds(60))
    }
    func fence(_ organization: Int64, _ state: FenceRecord.State) async throws {
        let key = FenceRecord.key(organization)
        try await submit(
            OneCommit([.row(key)]) { work, _ in
                var row = work[key] ?? FenceRecord(organization: organization, epoch: 3, state: state)
                row.state = state
                work.put(row)
            })
    }
    func count(_ name: String, of organization: Int64 = 1) async throws -> Int64? {
        let key = Count.key(organization, name)
        return try await submit(OneCommit([.row(key)]) { work, _ in work[key]?.value })
    }
    func record(_ saga: SagaID, of organization: Int64 = 1) async throws -> SagaRecord {
        try #require(try await archive.saga(saga, of: organization))
    }
    func history(_ saga: SagaID) async throws -> [String] {
        try await archive.history(of: saga, in: 1).map { "\($0.step) \($0.kind.rawValue)" }
    }

    // MARK: sagas

    /// Begins a saga in the name of a worker that does not exist; whatever comes next is the test's business.
    func begin(
        _ definition: SagaDefinition<Diary>, _ diary: Diary = Diary(), by worker: SagaWorkerID? = nil,
        of organization: Int64 = 1, about subject: UUIDv7? = nil, key: String? = nil, at site: SagaSite? = nil
    ) async throws -> SagaOpening<Diary>.Outcome {
        let claimant = SagaClaimant(
            definition: definition, tenant: tenant(organization), worker: worker ?? newWorker(), terms: SagaTerms())
        let opening = claimant.opening(id: SagaID(newID()), about: subject ?? newID(), key: key, diary)
        switch try await submit(BeginSaga(opening: opening), tenant: tenant(organization), at: site) {
        case .opened(let outcome): return outcome
        case .broken(let error): throw error
        }
    }
    func began(
        _ definition: SagaDefinition<Diary>, _ diary: Diary = Diary(), by worker: SagaWorkerID? = nil,
        of organization: Int64 = 1, about subject: UUIDv7? = nil, key: String? = nil
    ) async throws -> SagaID {
        let outcome = try await begin(definition, diary, by: worker, of: organization, about: subject, key: key)
        guard case .began(let ticket) = outcome else { throw SagaTestFailure("it had been begun before") }
        return ticket.id
    }

    /// What somebody of the second process finds due.
    func due(
        for worker: SagaWorkerID? = nil, in registry: SagaRegistry = Definitions.registry,
        after pause: Duration = .zero,
        ignoringLeases: Bool = false, limit: Int = 100
    ) async throws -> [SagaID] {
        try await tickets(for: worker, in: registry, after: pause, ignoringLeases: ignoringLeases, limit: limit)
            .map(\.id)
    }
    func tickets(
        for worker: SagaWorkerID? = nil, in registry: SagaRegistry = Definitions.registry,
        after pause: Duration = .zero,
        ignoringLeases: Bool = false, limit: Int = 100
    ) async throws -> [SagaTicket] {
        try await second.stores(registry, worker ?? newWorker()).store.due(
            at: SystemTime().now() + pause, ignoringLeases: ignoringLeases, limit: limit)
    }

    // MARK: runtimes

    func runtime(
        _ definitions: [AnySagaDefinition], at site: SagaSite? = nil, worker: SagaWorkerID? = nil,
        time: any TimeSource = SystemTime(), sweeping sweepInterval: Duration = .milliseconds(50),
        leases: ((any SagaLeases) -> any SagaLeases)? = nil,
        _ change: (inout SagaTerms) -> Void = { _ in }
    ) -> SagaRuntime {
        var terms = SagaTerms()
        (terms.lease, terms.patience) = (.seconds(10), .milliseconds(200))
        change(&terms)
        var coordination = SagaCoordinatorConfiguration()
        (coordination.sweepInterval, coordination.waiterInterval) = (sweepInterval, .milliseconds(10))
        let (site, registry, worker) = (site ?? first, SagaRegistry(definitions), worker ?? newWorker())
        var stores = site.stores(registry, worker)
        if let leases { stores.leases = stores.leases.map(leases) }
        return SagaRuntime(
            registry: registry, lane: site.lane, stores: stores, worker: worker, time: time, terms: terms,
            coordination: coordination, reportTrouble: { [trouble] in trouble.note("\($0)") })
    }

    /// Runs these runtimes while `body` is under way.
    func running(_ runtimes: SagaRuntime..., body: @Sendable @escaping () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for runtime in runtimes { group.addTask { await runtime.run() } }
            do {
                for runtime in runtimes { try await eventually("a lease") { runtime.hasRoom } }
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            for runtime in runtimes { runtime.stop() }
            try await group.waitForAll()
        }
    }

    /// Begins a saga and waits for what becomes of it.
    func outcome(
        of definition: SagaDefinition<Diary>, _ diary: Diary = Diary(), key: String? = nil, in runtime: SagaRuntime
    ) async throws -> SagaReport {
        let report = try await runtime.run(
            definition, id: SagaID(newID()), for: tenant(), about: newID(), key: key, diary,
            until: SystemTime().instant() + .seconds(60))
        return try #require(report)
    }
    func begin(
        _ definition: SagaDefinition<Diary>, _ diary: Diary = Diary(), in runtime: SagaRuntime
    ) async throws -> SagaID {
        try await runtime.begin(definition, id: SagaID(newID()), for: tenant(), about: newID(), diary)
    }
    func eventually(_ state: SagaStateMachine.State, _ saga: SagaID) async throws {
        try await eventually("\(saga) is \(state.rawValue)") { try await self.record(saga).state == state }
    }

    /// Asks again and again, up to a minute.
    func eventually(_ what: String, _ holds: () async throws -> Bool) async throws {
        let deadline = SystemTime().instant() + .seconds(60)
        while try await !holds() {
            guard SystemTime().instant() < deadline else {
                throw SagaTestFailure("never happened: \(what); trouble: \(trouble.all.suffix(5))")
            }
            await Task.yield()
        }
    }
}

/// What is wrong, in words.
struct SagaTestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A command that commits whatever its closure does.
struct OneCommit<Outcome: Sendable>: LaneCommand {
    private let rows: [Need]
    private let body: @Sendable (inout WorkingSet, Timestamp) -> Outcome

    init(_ rows: [Need], _ body: @escaping @Sendable (inout WorkingSet, Timestamp) -> Outcome) {
        (self.rows, self.body) = (rows, body)
    }
    func needs(_ loaded: WorkingSet) -> [Need] { rows }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> { .commit(body(&work, now)) }
}

/// Something that every store of sagas must do.
struct SagaBehavior: Sendable, CustomTestStringConvertible {
    let name: String
    let check: @Sendable (SagaBench) async throws -> Void

    init(_ name: String, _ check: @escaping @Sendable (SagaBench) async throws -> Void) {
        (self.name, self.check) = (name, check)
    }
    var testDescription: String { name }
}
