import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Synchronization

/// Runs one saga to its end under one affliction, in memory, in time that leaps.
final class SagaTrialRun<State: SagaState>: Sendable {
    private let trial: SagaTrial<State>
    private let affliction: Affliction
    private let refusing: String?
    private let tormentor: Tormentor
    private let time = LeapingTime()
    private let memory: MemoryLaneEngine
    private let sagas: MemorySagas
    private let lane: WriteLane
    private let random = SeededRandom(seed: 1)
    private let tenant = Tenant(organization: 1, epoch: 1)
    private let id = SagaID(UUIDv7(high: 1 << 12 | 7 << 12, low: 1 << 63 | 1))

    /// The most times that somebody takes the saga up. One that needs more goes round in a circle.
    private static var roundLimit: Int { 400 }

    /// - Parameter refusing: the local step that refuses; nil for none.
    init(_ trial: SagaTrial<State>, _ affliction: Affliction, refusing: String?) {
        (self.trial, self.affliction, self.refusing) = (trial, affliction, refusing)
        let tormentor = Tormentor(affliction, refusing: refusing)
        self.tormentor = tormentor
        memory = MemoryLaneEngine(time: time)
        sagas = MemorySagas(memory, time: time)
        lane = WriteLane(engine: FaultyLaneEngine(memory) { _ in tormentor.commitFault() }, time: time)
    }

    /// What goes wrong, in words.
    var description: String { (refusing.map { "“\($0)” refuses; " } ?? "") + affliction.description }
    /// The same, without the commit or call that it befalls.
    var strike: SagaTrialStrike { SagaTrialStrike(affliction.kind, refusing: refusing) }
    /// Whether what was to go wrong did not come to pass.
    var wasSpared: Bool { tormentor.hasSpared }

    /// How many commits and calls there were, to let each of them go wrong.
    var counts: (commits: Int, calls: Int) { (tormentor.commitCount, tormentor.callCount) }

    /// - Throws: ``SagaTrialFault`` and what the check throws.
    func run() async throws -> SagaProgressMachine.Ending {
        try await memory.change { [trial] tables in
            try tables.put(FenceRecord(organization: 1, epoch: 1, state: .active))
            try trial.prepare(&tables)
        }
        async let running: Void = lane.run()
        let result: Result<SagaProgressMachine.Ending, any Error>
        do { result = .success(try await ended()) } catch { result = .failure(error) }
        lane.stop()
        await running
        return try result.get()
    }

    /// The saga's history so far.
    func history() async -> [String] {
        let entries = (try? await sagas.history(of: id, in: 1)) ?? []
        return entries.map { "\($0.step) \($0.kind.rawValue)" + ($0.detail.map { " (\($0))" } ?? "") }
    }

    private func ended() async throws -> SagaProgressMachine.Ending {
        var ticket = try await begin()
        var signals = trial.signals
        if case .signalsAtOnce = affliction {
            for signal in signals.reversed() + signals { try await send(signal) }
            signals = []
        }
        for _ in 0..<Self.roundLimit {
            if let ending = try await ending() { return try await checked(ending) }
            if case .pausedInCall = affliction {
                try await workOvertaken(ticket)
            } else {
                _ = await engine().work(on: ticket)
            }
            if tormentor.isDead { tormentor.revive() }
            if case .cancel(let count) = affliction, tormentor.commitCount >= count { try await cancel() }
            if let ending = try await ending() { return try await checked(ending) }
            if try await record().state == .parked, !signals.isEmpty { try await send(signals.removeFirst()) }
            ticket = try await claim()
        }
        throw SagaTrialFault("the saga had not ended when it had been taken up \(Self.roundLimit) times")
    }

    /// If the worker is paused in its call, another works on the saga until it has ended or waits; then the first one
    /// wakes up, and must change nothing.
    private func workOvertaken(_ ticket: SagaTicket) async throws {
        let paused = engine()
        async let work = paused.work(on: ticket)
        // It either comes to the call, or leaves the saga.
        while tormentor.pausedCount == 0, try await record().owner != nil { await Task.yield() }
        guard tormentor.pausedCount > 0 else {
            _ = await work
            return
        }
        _ = await engine().work(on: try await claim())
        let before = memory.tables.sagaTexts
        tormentor.wake()
        _ = await work
        guard memory.tables.sagaTexts == before else {
            throw SagaTrialFault("a worker that had been overtaken changed the saga")
        }
    }

    private var terms: SagaTerms {
        var terms = SagaTerms()
        terms.interposer = tormentor
        return terms
    }
    private func engine() -> SagaEngine {
        SagaEngine(
            registry: registry, lane: lane, time: time, random: random, terms: terms, reportTrouble: { _, _ in })
    }
    private var registry: SagaRegistry { SagaRegistry([AnySagaDefinition(trial.definition)]) }

    private func begin() async throws -> SagaTicket {
        let worker = SagaWorkerID(UUIDv7(high: 9, low: random.next()))
        let claimant = SagaClaimant(
            definition: trial.definition, tenant: tenant, worker: worker, terms: terms)
        let opening = claimant.opening(id: id, about: id.uuid, key: "trial", trial.state)
        while true {
            do {
                switch try await submit(BeginSaga(opening: opening)) {
                case .opened(.began(let ticket)): return ticket
                // Its answer was lost: it is taken up like one whose process died.
                case .opened(.existing): return try await claim()
                case .broken(let error): throw error
                }
            } catch is LaneFailure { tormentor.revive() }
        }
    }

    private func submit<C: LaneCommand>(_ command: C) async throws -> C.Outcome {
        try await lane.submit(command, tenant: tenant, deadline: time.instant() + .seconds(60))
    }

    private func claim() async throws -> SagaTicket {
        var record = try await record()
        if record.dueAt > time.now() { time.leap(to: record.dueAt) }
        let worker = SagaWorkerID(UUIDv7(high: 9, low: random.next()))
        while true {
            let ticket = SagaTicket(
                tenant: tenant, id: id, definition: record.definition, subject: record.subject, epoch: record.epoch,
                mayHaveBeenCalled: true)
            let stores = sagas.stores(lane: lane, serving: registry, worker: worker, isShared: false)
            do { if let claimed = try await stores.store.claim(ticket) { return claimed } } catch is LaneFailure {
                tormentor.revive()
            }
            record = try await self.record()
            if record.state.isEnded || record.state == .stuck { return ticket }
        }
    }

    private func send(_ signal: (name: String, payload: String)) async throws {
        let command = SignalSaga(
            organization: 1, saga: id, name: signal.name, token: signal.name, payload: signal.payload,
            registry: registry)
        while true {
            do {
                _ = try await submit(command)
                return
            } catch is LaneFailure { tormentor.revive() }
        }
    }

    private func cancel() async throws {
        let command = DirectSaga(
            .cancel, organization: 1, saga: id, by: "trial", because: "canceled", registry: registry)
        _ = try? await submit(command)
    }

    private func record() async throws -> SagaRecord {
        guard let record = try await sagas.saga(id, of: 1) else { throw SagaTrialFault("the saga is gone") }
        return record
    }

    private func ending() async throws -> SagaProgressMachine.Ending? {
        switch try await record().state {
        case .succeeded: .succeeded
        case .compensated: .compensated
        case .stuck: .stuck
        case .running, .parked, .compensating: nil
        }
    }

    private func checked(_ ending: SagaProgressMachine.Ending) async throws -> SagaProgressMachine.Ending {
        guard trial.endings.contains(ending) else {
            throw SagaTrialFault("it ended \(ending): \(try await record().reason ?? "no reason")")
        }
        let tables = memory.tables
        let state = try State(stored: try await record().data ?? "")
        try trial.check(
            SagaTrialEnd(ending: ending, state: state, tables: tables, history: await history()))
        return ending
    }
}

extension MemoryTables {
    /// The saga's own rows as text, to be compared.
    fileprivate var sagaTexts: [String] {
        let sagas = (try? records(of: SagaRecord.self).map { "\($0)" }) ?? []
        let log = (try? records(of: SagaLogRecord.self).map { "\($0)" }) ?? []
        return sagas + log.sorted()
    }
}
