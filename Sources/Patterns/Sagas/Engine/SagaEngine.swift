import Determinism
import Storage
import Synchronization

/// A definition without its state's type, as an engine keeps it.
public struct AnySagaDefinition: Sendable {
    /// Its steps by name and kind.
    public let outline: SagaOutline
    let adopts: Bool
    /// The signals that its steps wait for.
    let signals: Set<String>
    let run: @Sendable (SagaTicket, SagaEngine) async throws -> SagaReport

    /// The definition.
    public init<State: SagaState>(_ definition: SagaDefinition<State>) {
        (outline, adopts) = (definition.outline, definition.adoption != nil)
        signals = Set(
            definition.bodies.compactMap { body in
                guard case .awaiting(let wait) = body.forward else { return nil }
                return wait.signal
            })
        run = { ticket, engine in
            try await SagaRun(definition: definition, ticket: ticket, engine: engine).report()
        }
    }
}

/// The definitions that a process can work on, by name and version.
public struct SagaRegistry: Sendable {
    private let definitions: [String: [Int64: AnySagaDefinition]]

    /// These definitions. Two of one name and version are a bug.
    public init(_ definitions: [AnySagaDefinition]) {
        var byName: [String: [Int64: AnySagaDefinition]] = [:]
        for definition in definitions {
            let (name, version) = (definition.outline.name, definition.outline.version)
            precondition(byName[name]?[version] == nil, "the saga “\(name)” has two definitions of version \(version)")
            byName[name, default: [:]][version] = definition
        }
        self.definitions = byName
    }

    /// The definition that began such an instance; nil when it is not here, or has another outline by now.
    public func definition(_ name: String, version: Int64, outline: Int64?) -> AnySagaDefinition? {
        guard let definition = definitions[name]?[version] else { return nil }
        guard let outline else { return definition.adopts ? definition : nil }
        return definition.outline.fingerprint == outline ? definition : nil
    }

    /// What a saga's row says of its definition, for each kind of row that can be worked on here: the name, the version
    /// and the outline, which is missing in what a worker written by hand has begun.
    var served: [(name: String, version: Int64, outline: Int64?)] {
        all.flatMap { definition in
            let outline = definition.outline
            let own = (outline.name, outline.version, Int64?.some(outline.fingerprint))
            return definition.adopts ? [own, (outline.name, outline.version, nil)] : [own]
        }
    }

    /// All of them.
    public var all: [AnySagaDefinition] { definitions.values.flatMap(\.values) }
}

/// Works on sagas by their definitions: the ``SagaWorker`` of a ``SagaRuntime``.
public final class SagaEngine: SagaWorker {
    let registry: SagaRegistry
    let lane: WriteLane
    let time: any TimeSource
    let random: any RandomSource
    let terms: SagaTerms
    private let onWoken: Mutex<(@Sendable ([SagaID], Tenant) -> Void)?> = Mutex(nil)
    /// One for each timeout that the definitions have.
    private let limits: Mutex<[Duration: TimeLimit]> = Mutex([:])
    private let reportTrouble: @Sendable (SagaID, any Error) -> Void

    /// - Parameter reportTrouble: told of a saga that is left for later, and why.
    package init(
        registry: SagaRegistry, lane: WriteLane, time: any TimeSource, random: any RandomSource, terms: SagaTerms,
        reportTrouble: @escaping @Sendable (SagaID, any Error) -> Void
    ) {
        (self.registry, self.lane, self.time, self.random) = (registry, lane, time, random)
        (self.terms, self.reportTrouble) = (terms, reportTrouble)
    }

    /// Works on the saga; nil when it is somebody else's, or has to wait for somebody who can work on it.
    public func work(on ticket: SagaTicket) async -> SagaReport? {
        do {
            let record: SagaRecord?
            if let memo = ticket.memo as? SagaRecord {
                record = memo
            } else if ticket.memo != nil {
                record = nil
            } else {
                record = try await submit(
                    LookAtSaga(organization: ticket.tenant.organization, saga: ticket.id), tenant: ticket.tenant,
                    trail: nil)
            }
            guard let definition = definition(of: ticket, record) else {
                throw SagaMisfit(record: record, ticket: ticket)
            }
            return try await definition.run(ticket, self)
        } catch is CancellationError {
            return nil
        } catch let error as SagaLost {
            // Whoever holds it works on it.
            reportTrouble(ticket.id, error)
            return nil
        } catch {
            reportTrouble(ticket.id, error)
            await giveBack(ticket, because: error)
            return nil
        }
    }

    /// What surrounds an attempt at an external step.
    func attempt(
        _ calls: ExternalCallConfiguration, mayHaveBeenCalled: Bool, isResumed: Bool
    ) -> ExternalAttempt {
        let limit = calls.timeout.map { timeout in
            limits.withLock { limits in
                if let limit = limits[timeout] { return limit }
                let limit = TimeLimit(timeout, time: time)
                limits[timeout] = limit
                return limit
            }
        }
        return ExternalAttempt(
            calls: calls, mayHaveBeenCalled: mayHaveBeenCalled, isResumed: isResumed, limit: limit, time: time,
            interposer: terms.interposer)
    }

    /// Puts a saga that cannot be worked on now aside, for whoever can. What cannot be written now is found by a sweep:
    /// a worker looks after its own.
    private func giveBack(_ ticket: SagaTicket, because error: any Error) async {
        let command = SagaCommand(
            GiveBackSaga(reason: "\(error)", pause: terms.troublePause), saga: ticket.id,
            organization: ticket.tenant.organization, epoch: ticket.epoch)
        do { _ = try await submit(command, tenant: ticket.tenant, trail: nil) } catch {
            reportTrouble(ticket.id, error)
        }
    }

    private func definition(of ticket: SagaTicket, _ record: SagaRecord?) -> AnySagaDefinition? {
        if let record {
            return registry.definition(record.definition, version: record.definitionVersion, outline: record.outline)
        }
        guard let memo = ticket.memo as? any SagaMemo else { return nil }
        return registry.definition(ticket.definition, version: memo.version, outline: memo.fingerprint)
    }

    func submit<C: LaneCommand>(_ command: C, tenant: Tenant, trail: CommitTrail?) async throws -> C.Outcome {
        try await lane.submit(
            command, tenant: tenant, deadline: time.instant() + terms.commitPatience, trail: trail)
    }

    /// Sagas got a semantic lock; whoever works on them next should hear of it.
    func wake(_ sagas: [SagaID], _ tenant: Tenant) {
        if sagas.isEmpty { return }
        onWoken.withLock { $0 }?(sagas, tenant)
    }

    func whenWoken(_ body: @escaping @Sendable ([SagaID], Tenant) -> Void) { onWoken.withLock { $0 = body } }
}

/// Puts a saga aside whose worker cannot go on.
struct GiveBackSaga: SagaStep {
    let reason: String
    let pause: Duration

    func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need] { [] }
    func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<Bool> {
        // What cannot be worked on for a reason that stays must not be tried, and written down, every few seconds.
        let isAsBefore = saga.record.reason == reason
        saga.park(saga.record.step, until: saga.now + (isAsBefore ? pause * 12 : pause), reason)
        return .commit(true)
    }
}

/// Somebody else holds a saga by now, or it has ended in another way.
struct SagaLost: Error, CustomStringConvertible {
    let description: String
}

/// What the one who begins a saga knows of its definition.
protocol SagaMemo: Sendable {
    var version: Int64 { get }
    var fingerprint: Int64 { get }
}

extension SagaSituation: SagaMemo {
    var version: Int64 { record.definitionVersion }
    var fingerprint: Int64 { machine.outline.fingerprint }
}

/// A saga whose definition is not here: another version began it, or the steps have changed under it.
public struct SagaMisfit: Error, Sendable, CustomStringConvertible {
    /// Which definition began it, and with which version.
    public let definition: String
    /// The version that began it; nil when the row is gone.
    public let version: Int64?

    init(record: SagaRecord?, ticket: SagaTicket) {
        (definition, version) = (ticket.definition, record?.definitionVersion)
    }

    /// In words.
    public var description: String {
        guard let version else { return "the saga “\(definition)” is not in the database" }
        return "no definition here fits a saga that began as “\(definition)” version \(version); serve that version "
            + "until its last instance has ended"
    }
}
