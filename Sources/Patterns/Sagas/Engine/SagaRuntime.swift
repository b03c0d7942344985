import Determinism
import Storage
import Synchronization

/// Where a runtime's sagas are.
public struct SagaStores: Sendable {
    /// What is due.
    public var store: any SagaStore
    /// The leases of workers; nil where no other process can have sagas of this database.
    public var leases: (any SagaLeases)?
    /// What people look at.
    public var archive: any SagaArchive

    /// These stores, of one database.
    public init(store: any SagaStore, leases: (any SagaLeases)?, archive: any SagaArchive) {
        (self.store, self.leases, self.archive) = (store, leases, archive)
    }

    /// A database's tables.
    /// - Parameter clock: what leases are measured by: the clock of a database that several processes share; nil where
    ///   this is the only one, and no leases are needed.
    public static func sql(
        _ database: any Database, lane: WriteLane, serving registry: SagaRegistry, worker: SagaWorkerID,
        time: any TimeSource, sharedBy clock: SagaClock?
    ) -> SagaStores {
        SagaStores(
            store: SQLSagaStore(
                database: database, lane: lane, time: time, serving: registry, worker: worker, sharedBy: clock),
            leases: clock.map { SQLSagaLeases(database: database, clock: $0) },
            archive: SQLSagaArchive(database: database))
    }
}

/// Runs sagas of one database: begins them, works on them, takes up what is due or left behind, and hands directives
/// and signals to them.
///
/// Several processes may each have a runtime on one database. Each is a worker with a lease; what a worker leaves
/// behind is taken up by the others when its lease is over, at once when it has retired.
public final class SagaRuntime: Sendable {
    /// This run of this process.
    public let worker: SagaWorkerID
    /// What is looked at.
    public let archive: any SagaArchive
    /// What can be worked on here.
    public let registry: SagaRegistry
    private let engine: SagaEngine
    private let coordinator: SagaCoordinator<SagaEngine>
    private let lane: WriteLane
    private let leases: (any SagaLeases)?
    private let time: any TimeSource
    private let terms: SagaTerms
    private let lease: Mutex<WorkerLeaseMachine>
    private let wakes: AsyncStream<Wake>
    private let wake: AsyncStream<Wake>.Continuation
    private let reportTrouble: @Sendable (any Error) -> Void

    /// - Parameters:
    ///   - worker: a new id for each run; two runs never share one.
    ///   - reportTrouble: told of what went wrong and is tried again.
    public init(
        registry: SagaRegistry, lane: WriteLane, stores: SagaStores, worker: SagaWorkerID,
        time: any TimeSource = SystemTime(), random: any RandomSource = SystemRandom(), terms: SagaTerms = SagaTerms(),
        coordination: SagaCoordinatorConfiguration = SagaCoordinatorConfiguration(),
        observer: (any SagaObserver)? = nil, reportTrouble: @escaping @Sendable (any Error) -> Void
    ) {
        self.registry = registry
        engine = SagaEngine(
            registry: registry, lane: lane, time: time, random: random, terms: terms,
            reportTrouble: { _, error in reportTrouble(error) })
        coordinator = SagaCoordinator(
            worker: engine, store: stores.store, time: time, configuration: coordination, observer: observer,
            reportTrouble: reportTrouble)
        (self.worker, self.lane, leases, archive) = (worker, lane, stores.leases, stores.archive)
        (self.time, self.terms, self.reportTrouble) = (time, terms, reportTrouble)
        lease = Mutex(WorkerLeaseMachine(lease: terms.lease))
        // What is dropped is found by the sweep.
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1_024))
    }

    // MARK: beginning

    /// What begins sagas, or takes them over, inside the caller's own commands.
    public func claimant<State: SagaState>(
        of definition: SagaDefinition<State>, for tenant: Tenant
    ) -> SagaClaimant<State> {
        SagaClaimant(definition: definition, tenant: tenant, worker: worker, terms: terms)
    }

    /// Begins a saga in a commit of its own, with its first step if that is local.
    /// - Returns: its id; that of the saga that was begun with the same key before, if there is one.
    /// - Throws: ``SagaRefusal`` or ``Storage/LaneFailure``
    public func begin<State: SagaState>(
        _ definition: SagaDefinition<State>, id: SagaID, for tenant: Tenant, about subject: UUIDv7, key: String? = nil,
        _ state: State
    ) async throws -> SagaID {
        switch try await open(definition, id: id, for: tenant, about: subject, key: key, state) {
        case .began(let ticket):
            start(ticket)
            return ticket.id
        case .existing(let existing): return existing
        }
    }

    /// Begins a saga as ``begin(_:id:for:about:key:_:)`` does, and waits for what becomes of it.
    /// - Returns: its report; nil when it had been begun before with the same key and is not at work here, or when
    ///   `deadline` has passed.
    public func run<State: SagaState>(
        _ definition: SagaDefinition<State>, id: SagaID, for tenant: Tenant, about subject: UUIDv7, key: String? = nil,
        _ state: State, until deadline: Instant
    ) async throws -> SagaReport? {
        switch try await open(definition, id: id, for: tenant, about: subject, key: key, state) {
        case .began(let ticket): await coordinator.startAndReport(ticket, until: deadline)
        case .existing(let existing): await report(of: existing, until: deadline)
        }
    }

    private func open<State: SagaState>(
        _ definition: SagaDefinition<State>, id: SagaID, for tenant: Tenant, about subject: UUIDv7, key: String?,
        _ state: State
    ) async throws -> SagaOpening<State>.Outcome {
        let outline = definition.outline
        guard registry.definition(outline.name, version: outline.version, outline: outline.fingerprint) != nil else {
            throw SagaRefusal("the saga “\(outline.name)” version \(outline.version) is not one of this runtime's")
        }
        guard hasRoom else {
            throw SagaRefusal("this process takes no further saga now: it has too many, or no lease")
        }
        let opening = claimant(of: definition, for: tenant).opening(id: id, about: subject, key: key, state)
        switch try await engine.submit(BeginSaga(opening: opening), tenant: tenant, trail: nil) {
        case .opened(let outcome): return outcome
        case .broken(let error): throw error
        }
    }

    /// Works on a saga that the caller's own command has begun.
    public func start(_ ticket: SagaTicket) { coordinator.start(ticket) }

    /// Works on a saga that the caller's own command has begun, and waits for what becomes of it; nil when `deadline`
    /// has passed before.
    public func startAndReport(_ ticket: SagaTicket, until deadline: Instant) async -> SagaReport? {
        await coordinator.startAndReport(ticket, until: deadline)
    }

    /// What becomes of a saga that is at work here; nil when it is not, or when `deadline` has passed.
    public func report(of saga: SagaID, until deadline: Instant) async -> SagaReport? {
        await coordinator.report(of: saga, until: deadline)
    }

    /// Whether another saga may be begun here.
    public var hasRoom: Bool { mayWork && coordinator.hasRoom }
    /// Whether no saga is at work here.
    public var isIdle: Bool { coordinator.isIdle }
    private var mayWork: Bool { leases == nil || lease.withLock { $0.mayWork(time.instant()) } }

    // MARK: signals and directives

    /// Hands a signal to a saga.
    public func signal(
        _ saga: SagaID, of tenant: Tenant, named name: String, token: String, payload: String = ""
    ) async throws -> SignalSaga.Outcome {
        let outcome = try await engine.submit(
            SignalSaga(
                organization: tenant.organization, saga: saga, name: name, token: token, payload: payload,
                registry: registry),
            tenant: tenant, trail: nil)
        if outcome == .accepted(wakes: true) { lookForDue() }
        return outcome
    }

    /// Carries out what somebody has decided about a saga.
    public func direct(
        _ directive: SagaDirective, _ saga: SagaID, of tenant: Tenant, by actor: String, because reason: String
    ) async throws -> DirectSaga.Outcome {
        let outcome = try await engine.submit(
            DirectSaga(
                directive, organization: tenant.organization, saga: saga, by: actor, because: reason,
                registry: registry), tenant: tenant, trail: nil)
        if outcome == .accepted { lookForDue() }
        return outcome
    }

    /// Lets a saga that was put aside go on now instead of later: something that it waits for may have come. Its steps'
    /// pauses are over with it, but for those that wait for locks.
    /// - Returns: false when it is at work, due already, or at its end.
    @discardableResult
    public func hurry(_ saga: SagaID, of tenant: Tenant) async throws -> Bool {
        let isDue = try await engine.submit(
            HurrySaga(organization: tenant.organization, saga: saga, registry: registry), tenant: tenant, trail: nil)
        if isDue { lookForDue() }
        return isDue
    }

    /// Unfinished sagas of definitions that are not here, or not as they were: to be looked at when a process starts.
    public func misfits() async throws -> [SagaMisfits] { try await archive.misfits(registry) }

    /// Takes up at once what somebody else's command has just made due; it would be found by the next sweep.
    public func lookForDue() { wake.yield(.due) }

    // MARK: running

    /// Works until ``stop()`` or cancellation; then retires, so that others take up at once what is left.
    public func run() async {
        engine.whenWoken { [wake] sagas, tenant in
            for saga in sagas { wake.yield(.locked(saga, tenant)) }
        }
        // Whoever has no lease yet claims nothing: others would take it for free.
        if !mayWork { coordinator.suspend() }
        await withDiscardingTaskGroup { group in
            group.addTask(name: "saga lease") { await self.keepLease() }
            group.addTask { for await wake in self.wakes { await self.answer(wake) } }
            if let retention = terms.retention {
                group.addTask(name: "old sagas") { await self.forget(after: retention) }
            }
            await coordinator.run()
            wake.finish()
            group.cancelAll()
        }
        // One that is cancelled by then leaves its lease to run out.
        do { try await leases?.retire(worker) } catch { if !Task.isCancelled { reportTrouble(error) } }
    }

    /// Takes up everything that is unfinished and due, and returns once each of it has ended or waits: for a process
    /// that begins. Waits for the worker's lease, where it needs one.
    /// - Returns: how many sagas were worked on.
    @discardableResult
    public func recover() async throws -> Int {
        while !mayWork || coordinator.isSuspended { try await time.sleep(for: .milliseconds(20)) }
        return try await coordinator.recover(alone: leases == nil)
    }

    /// Takes no further saga; ``run()`` returns when those at work have ended or wait.
    public func stop() { coordinator.stop() }

    /// Why something may be due.
    private enum Wake: Sendable {
        /// Somebody has just made a saga due.
        case due
        /// The saga got a semantic lock that it waited for.
        case locked(SagaID, Tenant)
    }

    private func answer(_ wake: Wake) async {
        if case .locked(let saga, let tenant) = wake {
            // The lock is the saga's already. That it hears of it late is no harm.
            let command = MakeSagaDue(organization: tenant.organization, saga: saga)
            do { _ = try await engine.submit(command, tenant: tenant, trail: nil) } catch { reportTrouble(error) }
        }
        await coordinator.takeUpWhatIsDue()
    }

    /// Removes what ended long ago, in slices, so that nothing waits long behind one.
    private func forget(after retention: Duration) async {
        let slice = 500
        repeat {
            do {
                let before = time.now() + (.zero - retention)
                while try await archive.prune(endedBefore: before, limit: slice) == slice, !Task.isCancelled {}
            } catch { if !Task.isCancelled { reportTrouble(error) } }
        } while (try? await time.sleep(for: terms.pruneInterval)) != nil
    }

    /// Renews the lease; beside that somebody looks whether it still holds, because a renewal may hang.
    private func keepLease() async {
        guard let leases else { return }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.watchLease() }
            var event = WorkerLeaseMachine.Event.tick
            while !Task.isCancelled {
                let action = lease.withLock { $0.handle(event, at: time.instant()) }
                // Before it waits for the next renewal: what this one allows begins now.
                if mayWork { coordinator.resume() }
                switch action {
                case .renew: event = await renew(in: leases)
                case .wait(let until):
                    if (try? await time.sleep(until: until)) == nil { break }
                    event = .tick
                case .stopWork:
                    coordinator.suspend()
                    event = .tick
                }
            }
            group.cancelAll()
        }
    }

    private func watchLease() async {
        while true {
            let end = lease.withLock { $0.trustedUntil } ?? time.instant() + terms.lease / 3
            // Not again and again while a renewal is under way.
            let next = max(end, time.instant() + terms.lease / 30)
            guard (try? await time.sleep(until: next)) != nil else { return }
            if mayWork { continue }
            coordinator.suspend()
            // A renewal may have come between the look and the end.
            if mayWork { coordinator.resume() }
        }
    }

    private func renew(in leases: any SagaLeases) async -> WorkerLeaseMachine.Event {
        let asked = time.instant()
        do {
            try await leases.renew(worker, lease: terms.lease)
            return .renewed(asked: asked)
        } catch {
            if !Task.isCancelled { reportTrouble(error) }
            return .failed
        }
    }
}

/// Makes a saga that was put aside due now.
struct MakeSagaDue: LaneCommand {
    let organization: Int64
    let saga: SagaID

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(SagaRecord.key(organization, saga))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
        guard var record = work[SagaRecord.key(organization, saga)], record.owner == nil, record.dueAt > now,
            record.state.isUnfinished
        else { return .discard(false) }
        record.dueAt = now
        work.put(record)
        return .commit(true)
    }
}

/// Why a runtime does not do what it was asked for.
public struct SagaRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// In words.
    public let description: String
    init(_ description: String) { self.description = description }
}
