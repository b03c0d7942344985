import Determinism
import DeterminismTestKit
import Logging
import Sagas
import Storage
import Synchronization

@testable import PantryDomain

/// One server process over an installation's databases: everything of the domain that is wired in the real one.
final class Server: Sendable {
    let control: WatchedDatabase
    let database: WatchedDatabase
    let books: WatchedDatabase
    let controlLane: WriteLane
    let lane: WriteLane
    let booksLane: WriteLane
    let provider: ProviderLine
    let store: SQLSagaStore
    let shard: Shard
    let organizations: OrganizationService
    let orders: OrderService
    private let loops: [Task<Void, Never>]
    private let bench: Workbench

    /// - Parameter databases: control, shard and provider.
    init(_ databases: [OpenedDatabase], _ bench: Workbench, time: ManualTime, seed: UInt64) async throws {
        self.bench = bench
        let watched = databases.map { WatchedDatabase(inner: $0, bench: bench) }
        (control, database, books) = (watched[0], watched[1], watched[2])
        let lanes = watched.map { WriteLane(engine: $0, time: time) }
        (controlLane, lane, booksLane) = (lanes[0], lanes[1], lanes[2])
        let random = SeededRandom(seed: seed)
        var terms = CheckoutTerms()
        // Time leaps here; whether a lease holds is not what this suite is about.
        terms.lease = .seconds(86_400)
        provider = ProviderLine(SandboxProvider(lane: booksLane, time: time))
        var configuration = OrderSagas.Configuration()
        (configuration.terms, configuration.sharedBy) = (terms, .process(time))
        let sagas = OrderSagas(
            database: database, lane: lane, provider: provider, configuration: configuration, time: time,
            random: random, reportTrouble: { _ in })
        store = SQLSagaStore(
            database: database, lane: lane, time: time, serving: sagas.runtime.registry,
            worker: sagas.runtime.worker, sharedBy: .process(time))
        shard = Shard(name: "shard-0", database: database, lane: lane, sagas: sagas)
        orders = OrderService(terms: terms, time: time, random: random)
        organizations = OrganizationService(
            database: control, lane: controlLane, shards: ShardDirectory([shard]), plans: ["standard", "plus"],
            secrets: try await FleetSecrets.load(control, time: time, random: random), time: time, random: random)
        loops =
            lanes.map { lane in Task(executorPreference: bench) { await lane.run() } }
            + [Task(executorPreference: bench) { await sagas.runtime.run() }]
    }

    func stop(_ drive: (@escaping @Sendable () async -> Void) async -> Void) async {
        await drive { [self] in
            shard.sagas.runtime.stop()
            await loops[3].value
            for lane in [controlLane, lane, booksLane] { lane.stop() }
            for loop in loops { await loop.value }
        }
    }
}

/// The line to the provider, through which at times no charge goes.
final class ProviderLine: PaymentProvider {
    private let inner: any PaymentProvider
    private let down = Atomic(false)

    init(_ inner: any PaymentProvider) { self.inner = inner }

    var isDown: Bool {
        get { down.load(ordering: .acquiring) }
        set { down.store(newValue, ordering: .releasing) }
    }
    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        await call { await $0.authorize(charge, capture: capture) }
    }
    func capture(_ charge: ProviderCharge) async -> CallResult { await call { await $0.capture(charge) } }
    func void(_ charge: ProviderCharge) async -> CallResult { await inner.void(charge) }
    func refund(_ refund: ProviderRefund) async -> CallResult { await inner.refund(refund) }
    func lookup(_ charge: ProviderCharge) async -> AskResult { await inner.lookup(charge) }
    func lookup(_ refund: ProviderRefund) async -> AskResult { await inner.lookup(refund) }

    private func call(_ body: (any PaymentProvider) async -> CallResult) async -> CallResult {
        isDown ? .notSent("the line is down") : await body(inner)
    }
}
