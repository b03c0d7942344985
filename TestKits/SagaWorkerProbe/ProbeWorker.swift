import Determinism
import Dispatch
import Foundation
import Sagas
import Storage
import Synchronization

/// One run of a probe: a runtime, and a crowd that begins sagas.
final class ProbeWorker: Sendable {
    /// How many sagas one probe has begun at a time.
    private static let crowd = 6

    private let databases: ProbeDatabases
    private let lane: WriteLane
    private let participantLane: WriteLane
    private let definition: SagaDefinition<Journey>
    private let runtime: SagaRuntime
    private let random: SeededRandom
    private let unaware: UnawareLeases?
    private let isStopped = Atomic(false)

    /// - Parameter isAware: whether the worker stops when its lease may be over.
    init(_ databases: ProbeDatabases, worker: SagaWorkerID, seed: UInt64, isAware: Bool) {
        let time = SystemTime()
        (self.databases, random) = (databases, SeededRandom(seed: seed))
        (lane, participantLane) = (
            WriteLane(engine: databases.sagas, time: time), WriteLane(engine: databases.participant, time: time)
        )
        definition = JourneySaga.definition(Participant(lane: participantLane, random: random))
        let registry = SagaRegistry([AnySagaDefinition(definition)])
        var terms = SagaTerms()
        (terms.lease, terms.patience, terms.troublePause) = (UnawareLeases.lease, .milliseconds(200), .seconds(1))
        var coordination = SagaCoordinatorConfiguration()
        coordination.sweepInterval = .milliseconds(100)
        var stores = SagaStores.sql(
            databases.sagas, lane: lane, serving: registry, worker: worker, time: time, sharedBy: .postgres)
        unaware = isAware ? nil : stores.leases.map { UnawareLeases($0) }
        if let unaware { (stores.leases, terms.lease) = (unaware, UnawareLeases.belief) }
        runtime = SagaRuntime(
            registry: registry, lane: lane, stores: stores, worker: worker, random: random, terms: terms,
            coordination: coordination, reportTrouble: Self.report)
    }

    private static func report(_ error: any Error) { FileHandle.standardError.write(Data("\(error)\n".utf8)) }

    /// What is printed once SIGTERM ends the process in order; before, it ends it as any other.
    private static let readiness = "ready"

    /// Begins the sagas with these numbers for keys, and works until SIGTERM.
    func run(_ numbers: Range<Int>) async throws {
        signal(SIGTERM, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGTERM)
        source.setEventHandler { [self] in
            isStopped.store(true, ordering: .releasing)
            runtime.stop()
        }
        source.resume()
        defer { source.cancel() }
        FileHandle.standardOutput.write(Data("\(Self.readiness)\n".utf8))
        try await databases.whileOpen {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.lane.run() }
                group.addTask { await self.participantLane.run() }
                group.addTask { await self.begin(numbers) }
                group.addTask { await self.endWithParent() }
                group.addTask { await self.unaware?.keep(for: self.runtime.worker, reportTrouble: Self.report) }
                await runtime.run()
                group.cancelAll()
                lane.stop()
                participantLane.stop()
            }
        }
    }

    /// A test that is killed leaves nobody behind.
    private func endWithParent() async {
        let parent = getppid()
        while !isStopped.load(ordering: .acquiring), (try? await SystemTime().sleep(for: .milliseconds(250))) != nil {
            if getppid() != parent { exit(1) }
        }
    }

    private func begin(_ numbers: Range<Int>) async {
        await withDiscardingTaskGroup { group in
            for place in 0..<Self.crowd {
                group.addTask {
                    for number in stride(from: numbers.lowerBound + place, to: numbers.upperBound, by: Self.crowd) {
                        await self.begin(number)
                    }
                }
            }
        }
    }

    /// Begins the saga with this key, if nobody has, and waits for what becomes of it here.
    private func begin(_ number: Int) async {
        let time = SystemTime()
        let organizations = ProbeSchema.organizations
        let tenant = Tenant(organization: organizations.lowerBound + Int64(number % organizations.count), epoch: 1)
        while !isStopped.load(ordering: .acquiring) {
            let id = UUIDv7(time: time.now(), slot: 1, random: random.next())
            do {
                _ = try await runtime.run(
                    definition, id: SagaID(id), for: tenant, about: id, key: "\(number)", Journey(room: number % 17),
                    until: time.instant() + .seconds(20))
                return
            } catch {
                // No lease yet, or the database was slow: the key makes sure that it is begun once.
                do { try await time.sleep(for: .milliseconds(20)) } catch { return }
            }
        }
    }
}
