import Determinism
import Sagas
import Storage

/// Sagas of several shards, and the shards that could not be asked for theirs.
package struct SagaList: Sendable {
    package var page: Page
    /// The names of the shards whose sagas are missing.
    package var unreachable: [String]
}

/// Sagas of all organizations as operators see and direct them.
package struct SagaOperations: Sendable {
    /// The most entries of a saga's history that are shown, the youngest.
    package static let historyLimit = 2_000

    private let organizations: OrganizationService
    private let registry: SagaRegistry
    private let time: any TimeSource

    /// - Parameter registry: the definitions that this process works on.
    package init(organizations: OrganizationService, registry: SagaRegistry = SagaRegistry([]), time: any TimeSource) {
        (self.organizations, self.registry, self.time) = (organizations, registry, time)
    }

    /// Sagas of all shards, the youngest first. A shard that is away does not keep back those of the others.
    /// - Throws: ``Refusal``, among others when no shard at all can be asked.
    package func list(
        state: SagaStateMachine.State?, definition: String?, organization: OrganizationID?, after: SagaID?, limit: Int
    ) async throws(Refusal) -> SagaList {
        var filter = SagaFilter()
        (filter.state, filter.definition, filter.before, filter.limit) = (state, definition, after, limit + 1)
        var shards = organizations.shards.shards
        if let organization {
            let record = try await organizations.organization(try await organizations.number(of: organization))
            filter.organization = record.number
            shards = [try organizations.shards.shard(record.shard)]
        }
        let asked = await asking(shards) { [filter] shard in
            try await SQLSagaArchive(database: shard.database).sagas(filter)
        }
        if asked.answers.isEmpty, let failure = asked.failures.first { throw failure.reason }
        var found = asked.answers.flatMap { $0.value }
        found.sort { $1.id.uuid < $0.id.uuid }
        var items: [String] = []
        for saga in found.prefix(limit) { items.append(try await document(saga).json) }
        let page = Page(
            items: items, next: found.count > limit ? found[limit - 1].id.description : nil,
            servedBy: "\(shards.first?.name ?? "none")/primary")
        return SagaList(page: page, unreachable: asked.failures.map { $0.shard.name })
    }

    /// One saga, with its steps and its history, who works on it, and what it holds and waits for.
    /// - Returns: it, and whose it is.
    package func show(_ id: SagaID) async throws(Refusal) -> (served: Served, organization: OrganizationID) {
        let (saga, shard) = try await find(id)
        let archive = SQLSagaArchive(database: shard.database)
        let detail = try await reading {
            let history = try await archive.history(of: id, in: saga.organization, limit: Self.historyLimit)
            let progress = SagaReading(saga, history, registry, at: time.now())
            var lease: SagaWorkerLease?
            if let owner = saga.owner { lease = try await archive.lease(of: owner) }
            let locks = try await archive.locks(progress.locks, of: saga.organization)
            return SagaDetail(history: history, reading: progress, lease: lease, locks: locks)
        }
        var document = try await document(saga)
        document.detail = detail
        return (Served(document: document.json, servedBy: "\(shard.name)/primary"), document.organization)
    }

    /// Carries out what an operator has decided; the saga as it is then.
    /// - Parameters:
    ///   - step: nil where the saga leaves no choice.
    ///   - actor: who decides it.
    ///   - reason: why; kept in the saga's history.
    /// - Returns: the answer, and the saga's organization's own corner, whose trail knows how far its shard had come.
    package func direct(
        _ id: SagaID, _ verb: SagaDirective.Verb, step: String?, by actor: String, because reason: String,
        key: RequestKey?, traceparent: String? = nil
    ) async throws(Refusal) -> (kept: KeyedAnswer, context: TenantContext) {
        let (saga, shard) = try await find(id)
        var isBackward = false
        if saga.progress == nil {
            let history = try await reading {
                try await SQLSagaArchive(database: shard.database).history(
                    of: id, in: saga.organization, limit: Self.historyLimit)
            }
            isBackward = SagaReading.isBackward(saga, history)
        }
        let context = try await organizations.context(
            for: saga.organization, traceparent: traceparent, deadline: time.instant() + .seconds(10))
        let command = DirectedSaga(
            organization: saga.organization, organizationID: context.caller.organizationID, saga: id, verb: verb,
            step: step, actor: actor, reason: reason, registry: registry, entries: saga.entries,
            isBackward: isBackward)
        let kept = try await context.answer(command, key: key)
        shard.sagas.runtime.lookForDue()
        return (kept, context)
    }

    /// A saga's id carries its organization's slot, and few organizations share one.
    private func find(_ id: SagaID) async throws(Refusal) -> (SagaRecord, Shard) {
        let candidates = try await organizations.organizations(inSlot: id.uuid.slot)
        let numbers = Dictionary(grouping: candidates, by: \.shard).mapValues { $0.map(\.number) }
        let shards = organizations.shards.shards.filter { numbers[$0.name] != nil }
        let asked = await asking(shards, until: { (saga: SagaRecord?) in saga != nil }) { shard in
            try await SQLSagaArchive(database: shard.database).saga(id, ofOneOf: numbers[shard.name] ?? [])
        }
        for (shard, saga) in asked.answers { if let saga { return (saga, shard) } }
        // That there is none can be said once every shard was asked where it may be, also one that is not known here.
        if let failure = asked.failures.first { throw failure.reason }
        for name in numbers.keys.sorted() { _ = try organizations.shards.shard(name) }
        throw .notFound("there is no saga “\(id)”")
    }

    private func document(_ saga: SagaRecord) async throws(Refusal) -> SagaDocument {
        SagaDocument(
            saga: saga, organization: try await organizations.organization(saga.organization).id,
            possible: SagaDirective.sound(for: saga, registry),
            nextTryAt: SagaReading(saga, [], registry, at: time.now()).nextTryAt)
    }

    /// What shards have answered, and why others have not, in their own order.
    private struct Asked<Value: Sendable>: Sendable {
        var answers: [(shard: Shard, value: Value)] = []
        var failures: [(shard: Shard, reason: Refusal)] = []
    }

    /// Asks shards at the same time, so that those that are away cost their time only once.
    /// - Parameter isEnough: of an answer after which nobody is waited for any more.
    private func asking<Value: Sendable>(
        _ shards: [Shard], until isEnough: @Sendable (Value) -> Bool = { _ in false },
        _ read: @escaping @Sendable (Shard) async throws -> Value
    ) async -> Asked<Value> {
        await withTaskGroup(of: (Int, Result<Value, Refusal>).self, returning: Asked<Value>.self) { group in
            for (index, shard) in shards.enumerated() {
                group.addTask {
                    do throws(Refusal) {
                        return (index, .success(try await reading { try await read(shard) }))
                    } catch { return (index, .failure(error)) }
                }
            }
            var results: [Int: Result<Value, Refusal>] = [:]
            for await (index, result) in group {
                results[index] = result
                if case .success(let value) = result, isEnough(value) { group.cancelAll() }
            }
            var asked = Asked<Value>()
            for (index, shard) in shards.enumerated() {
                switch results[index] {
                case .success(let value)?: asked.answers.append((shard, value))
                case .failure(let reason)?: asked.failures.append((shard, reason))
                case nil: break
                }
            }
            return asked
        }
    }

    private func reading<Value: Sendable>(
        _ body: @Sendable () async throws -> Value
    ) async throws(Refusal) -> Value {
        do { return try await body() } catch let error as StorageError { throw Refusal(error) } catch {
            throw .shardUnavailable("\(error)")
        }
    }
}
