import Determinism
import Storage
import Synchronization

/// Sagas in memory, in the tables of a ``Storage/MemoryLaneEngine``: for tests, and for programs whose sagas need not
/// outlive them. Several workers may share one, as several processes share a database.
public final class MemorySagas: SagaLeases, SagaArchive {
    private let engine: MemoryLaneEngine
    fileprivate let time: any TimeSource
    private let leases = Mutex<[SagaWorkerID: SagaWorkerLease]>([:])

    /// The sagas of that engine.
    public init(_ engine: MemoryLaneEngine, time: any TimeSource) { (self.engine, self.time) = (engine, time) }

    /// What one worker works with.
    /// - Parameter isShared: whether other workers may have sagas here; otherwise no leases are needed.
    public func stores(
        lane: WriteLane, serving registry: SagaRegistry, worker: SagaWorkerID, isShared: Bool
    ) -> SagaStores {
        SagaStores(
            store: MemorySagaStore(sagas: self, lane: lane, registry: registry, worker: worker, isShared: isShared),
            leases: isShared ? self : nil, archive: self)
    }

    // MARK: leases

    /// See ``SagaLeases/renew(_:lease:)``.
    public func renew(_ worker: SagaWorkerID, lease: Duration) async throws {
        let now = time.now()
        leases.withLock { leases in
            // Those of workers that are long gone are of no use to anybody.
            leases = leases.filter { $0.value.leaseUntil + .seconds(86_400) > now }
            leases[worker] = SagaWorkerLease(
                startedAt: leases[worker]?.startedAt ?? now, leaseUntil: now + lease)
        }
    }
    /// See ``SagaLeases/retire(_:)``.
    public func retire(_ worker: SagaWorkerID) async throws { leases.withLock { $0[worker] = nil } }

    fileprivate func hasLease(_ worker: SagaWorkerID, at now: Timestamp) -> Bool {
        leases.withLock { $0[worker].map { $0.leaseUntil > now } ?? false }
    }
    fileprivate var tables: MemoryTables { engine.tables }

    // MARK: archive

    /// See ``SagaArchive/saga(_:of:)``.
    public func saga(_ id: SagaID, of organization: Int64) async throws -> SagaRecord? {
        try engine.record(SagaRecord.key(organization, id))
    }
    /// See ``SagaArchive/saga(_:ofOneOf:)``.
    public func saga(_ id: SagaID, ofOneOf organizations: [Int64]) async throws -> SagaRecord? {
        let tables = engine.tables
        for organization in organizations {
            if let found = try tables.record(SagaRecord.key(organization, id)) { return found }
        }
        return nil
    }
    /// See ``SagaArchive/history(of:in:limit:)``.
    public func history(of saga: SagaID, in organization: Int64, limit: Int) async throws -> [SagaLogEntry] {
        let entries = try engine.records(of: SagaLogRecord.self).flatMap(\.entries)
            .filter { $0.organization == organization && $0.saga == saga }.sorted { $0.entry < $1.entry }
        return Array(entries.suffix(limit))
    }
    /// See ``SagaArchive/lease(of:)``.
    public func lease(of worker: SagaWorkerID) async throws -> SagaWorkerLease? {
        leases.withLock { $0[worker] }
    }
    /// See ``SagaArchive/sagas(_:)``.
    public func sagas(_ filter: SagaFilter) async throws -> [SagaRecord] {
        let found = try engine.records(of: SagaRecord.self).filter { saga in
            (filter.organization ?? saga.organization) == saga.organization
                && (filter.state ?? saga.state) == saga.state
                && (filter.definition ?? saga.definition) == saga.definition
                && (filter.subject ?? saga.subject) == saga.subject && filter.before.map { saga.id < $0 } ?? true
        }
        return Array(found.sorted { $0.id > $1.id }.prefix(min(max(filter.limit, 1), 1_000)))
    }
    /// See ``SagaArchive/locks(_:of:)``.
    public func locks(_ resources: [String], of organization: Int64) async throws -> [SagaLockRecord] {
        let tables = engine.tables
        return try resources.compactMap { try tables.record(SagaLockRecord.key(organization, $0)) }
    }
    /// See ``SagaArchive/misfits(_:)``.
    public func misfits(_ registry: SagaRegistry) async throws -> [SagaMisfits] {
        struct Kind: Hashable {
            let definition: String
            let version: Int64
            let outline: Int64
        }
        let unfinished = try engine.records(of: SagaRecord.self).filter { !$0.state.isEnded }
        let kinds = Dictionary(
            grouping: unfinished.filter { $0.outline != nil },
            by: { Kind(definition: $0.definition, version: $0.definitionVersion, outline: $0.outline ?? 0) })
        return kinds.compactMap { kind, sagas in
            guard registry.definition(kind.definition, version: kind.version, outline: kind.outline) == nil else {
                return nil
            }
            return SagaMisfits(
                definition: kind.definition, version: kind.version, count: Int64(sagas.count),
                examples: Array(sagas.map(\.id).sorted().prefix(10)))
        }.sorted { ($0.definition, $0.version) < ($1.definition, $1.version) }
    }
    /// See ``SagaArchive/prune(endedBefore:limit:)``.
    public func prune(endedBefore moment: Timestamp, limit: Int) async throws -> Int {
        try await engine.change { tables in
            let old = try tables.records(of: SagaRecord.self)
                .filter { $0.state.isEnded && $0.updatedAt < moment }
                .sorted { $0.id < $1.id }.prefix(limit)
            let ids = Set(old.map(\.id))
            for commit in try tables.records(of: SagaLogRecord.self) where ids.contains(commit.entries[0].saga) {
                tables.remove(commit.key)
            }
            for signal in try tables.records(of: SagaSignalRecord.self) where ids.contains(signal.saga) {
                tables.remove(signal.key)
            }
            for start in try tables.records(of: SagaStartRecord.self) where ids.contains(start.saga) {
                tables.remove(start.key)
            }
            for fence in try tables.records(of: FenceEntryRecord.self)
            where fence.text.split(separator: "/").first.flatMap({ SagaID($0) }).map(ids.contains) == true {
                tables.remove(fence.key)
            }
            for saga in old { tables.remove(saga.key) }
            return old.count
        }
    }
}

/// What is due among sagas in memory.
struct MemorySagaStore: SagaStore {
    let sagas: MemorySagas
    let lane: WriteLane
    let registry: SagaRegistry
    let worker: SagaWorkerID
    let isShared: Bool

    func due(at now: Timestamp, ignoringLeases: Bool, limit: Int) async throws -> [SagaTicket] {
        let tables = sagas.tables
        let fences = Dictionary(
            try tables.records(of: FenceRecord.self).filter { $0.state == .active }.map { ($0.organization, $0.epoch) },
            uniquingKeysWith: { $1 })
        let due = try tables.records(of: SagaRecord.self).filter { saga in
            saga.state.isUnfinished && fences[saga.organization] != nil && (ignoringLeases || saga.leaseUntil <= now)
                && registry.definition(saga.definition, version: saga.definitionVersion, outline: saga.outline) != nil
                && isFree(saga, now, ignoringLeases)
        }
        var turns: [Int64: Int] = [:]
        let inTurn = due.sorted { $0.dueAt < $1.dueAt }.map { saga in
            defer { turns[saga.organization, default: 0] += 1 }
            return (isOwn: saga.owner == worker, turn: turns[saga.organization, default: 0], saga: saga)
        }
        let sorted = inTurn.sorted {
            ($0.isOwn ? 1 : 0, $0.turn, $0.saga.dueAt) < ($1.isOwn ? 1 : 0, $1.turn, $1.saga.dueAt)
        }
        return sorted.prefix(limit).map { _, _, saga in
            SagaTicket(
                tenant: Tenant(organization: saga.organization, epoch: fences[saga.organization] ?? 0), id: saga.id,
                definition: saga.definition, subject: saga.subject, epoch: saga.epoch, mayHaveBeenCalled: true)
        }
    }

    private func isFree(_ saga: SagaRecord, _ now: Timestamp, _ ignoringLeases: Bool) -> Bool {
        guard let owner = saga.owner else { return saga.dueAt <= now || ignoringLeases && saga.state == .running }
        if owner == worker { return saga.updatedAt + SQLSagaStore.unheardOf <= now }
        return ignoringLeases || !isShared || !sagas.hasLease(owner, at: sagas.time.now())
    }

    func claim(_ ticket: SagaTicket) async throws -> SagaTicket? {
        try await ticket.claimed(by: worker, through: lane, until: sagas.time.instant() + .seconds(30))
    }
}
