import Determinism
import Testing

@testable import Sagas
@testable import Storage

/// Rows of one saga, and the commits of a worker on it, one at a time and at moments that the test says.
struct SagaOperationsBench {
    static let start = Timestamp(microseconds: 1_000_000)
    static let worker = SagaWorkerID(UUIDv7(time: start, slot: 1, random: 99))

    let definition: SagaDefinition<Trip>
    let id: SagaID
    var rows = Rows()
    var terms = SagaTerms()
    /// What the worker knows, as the engine's runs do.
    private var known: SagaSituation<Trip>?

    /// A saga that has begun at ``start``, without its first step's being decided.
    init(_ definition: SagaDefinition<Trip>, number: UInt64 = 1) throws {
        self.definition = definition
        id = SagaID(UUIDv7(time: Self.start, slot: 1, random: number))
        try begin(at: Self.start)
    }

    /// The same rows, for another saga.
    init(_ definition: SagaDefinition<Trip>, number: UInt64, beside other: Self, at now: Timestamp) throws {
        self.definition = definition
        (rows, terms) = (other.rows, other.terms)
        id = SagaID(UUIDv7(time: Self.start, slot: 1, random: number))
        try begin(at: now)
    }

    private mutating func begin(at now: Timestamp) throws {
        var record = SagaRecord(
            organization: 1, id: id, outline: definition.outline, subject: id.uuid,
            deadline: definition.deadline.map { now + $0 }, owner: Self.worker, now: now)
        record.progress = SagaProgress(definition.outline).stored(definition.outline)
        record.data = try Trip().stored()
        rows.store(record)
    }

    var registry: SagaRegistry { SagaRegistry([AnySagaDefinition(definition)]) }
    var record: SagaRecord? { rows[SagaRecord.key(1, id)] }
    var progress: SagaProgress? {
        record.flatMap { record in try? SagaProgress(stored: record.progress ?? "", definition.outline) }
    }
    /// The history of this saga.
    var history: [String] { rows.log.filter { $0.saga == id }.map { "\($0.step) \($0.kind.rawValue)" } }

    /// A commit of the worker.
    /// - Returns: whether it was written; nil with an issue when it was not decided.
    @discardableResult
    mutating func commit(_ move: SagaMove<Trip>, busy steps: Set<Int> = [], at now: Timestamp) throws -> Bool {
        let epoch = try #require(record).epoch
        let busy = BusySteps()
        for step in steps { busy.begin(step) }
        let step = AdvanceSaga(
            definition: definition, terms: terms, move: move, known: known, busy: busy, chance: 0)
        let outcome = rows.run(SagaCommand(step, saga: id, organization: 1, epoch: epoch), at: now)
        guard case .done(.advanced(let situation))? = outcome else {
            known = nil
            return false
        }
        known = situation
        return true
    }

    /// Somebody takes the saga over.
    mutating func claim(at now: Timestamp) throws {
        let epoch = try #require(record).epoch
        let claim = ClaimSaga(worker: Self.worker)
        _ = rows.run(SagaCommand(claim, saga: id, organization: 1, epoch: epoch), at: now)
        known = nil
    }

    /// Changes the row, as it could have been left by a worker.
    mutating func edit(_ change: (inout SagaRecord, inout SagaProgress) -> Void) throws {
        var (record, progress) = (try #require(record), try #require(progress))
        change(&record, &progress)
        record.progress = progress.stored(definition.outline)
        rows.store(record)
        known = nil
    }
}

extension LocalAction where Self == LocalStep<Trip> {
    /// Adds to a tally, and refuses where its row was not loaded, which would trap.
    static func careful(_ amount: Int64, to name: String) -> LocalStep<Trip> {
        LocalStep(needing: { _, _, context in [.row(TallyRecord.key(context.organization, name))] }) {
            work, trip, context in
            let key = TallyRecord.key(context.organization, name)
            guard work.isLoaded(key) else { return .refused("was decided without its rows: the engine would trap") }
            var row = work[key] ?? TallyRecord(organization: context.organization, name: name, value: 0)
            row.value += amount
            work.put(row)
            trip.done.append("\(context.isCompensation ? "-" : "+")\(name)")
            return .done
        }
    }
}

extension SagaOperationsBench {
    /// A signal to the saga.
    func signal(_ name: String, token: String = "1", _ payload: String = "") -> SignalSaga {
        SignalSaga(organization: 1, saga: id, name: name, token: token, payload: payload, registry: registry)
    }

    /// So many seconds after the saga's beginning.
    func later(_ seconds: Int64) -> Timestamp { Self.start + .seconds(seconds) }
}
