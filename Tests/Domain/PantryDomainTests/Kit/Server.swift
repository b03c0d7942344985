import Determinism
import DeterminismTestKit
import Logging
import Sagas
import Storage
import Testing

@testable import PantryDomain

/// One server process of a test, over the files of a store: a lane, the sagas, and the order service.
final class Server: Sendable {
    let store: Store
    let life = Life()
    let faults = CommitFaults()
    let trips = LaneTrips()
    let shard: Shard
    let orders: OrderService
    private let loops: [Task<Void, Never>]

    init(
        _ store: Store, provider: any PaymentProvider, terms: CheckoutTerms = CheckoutTerms(), seed: UInt64 = 1,
        loadsAreRemote: Bool = false
    ) {
        self.store = store
        let time = store.time
        let database = ServerDatabase(inner: store.shard, life: life, bench: store.bench)
        let random = SeededRandom(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ 77)
        let faults = faults
        let engine = FaultyLaneEngine(database, loadsAreRemote: loadsAreRemote) { _ in faults.next() }
        let lane = WriteLane(engine: engine, time: time, observer: trips)
        var configuration = OrderSagas.Configuration()
        configuration.terms = terms
        // A call that hangs stands for a server that is paused in it. Bounded calls would also have tasks of their own,
        // outside the bench.
        configuration.calls.timeout = nil
        configuration.coordination.sweepInterval = .seconds(1)
        configuration.coordination.waiterInterval = .milliseconds(500)
        let sagas = OrderSagas(
            database: database, lane: lane, provider: ServerProvider(inner: provider, life: life),
            configuration: configuration, time: time, random: random, reportTrouble: { _ in })
        shard = Shard(name: "shard-0", database: database, lane: lane, sagas: sagas)
        orders = OrderService(terms: terms, time: time, random: random)
        loops = [
            Task(executorPreference: store.bench) { await lane.run() },
            Task(executorPreference: store.bench) { await sagas.runtime.run() },
        ]
    }

    /// Ends every loop; a dead server wakes up for it and does what it was about to do.
    func stop() async throws {
        life.release()
        let (loops, shard) = (loops, shard)
        try await store.drive {
            shard.sagas.runtime.stop()
            await loops[1].value
            shard.lane.stop()
            await loops[0].value
        }
    }

    @discardableResult
    func recover() async throws -> Int {
        let sagas = shard.sagas.runtime
        return try await store.drive { try await sagas.recover() }
    }

    // MARK: requests

    func context(_ shop: Shop) -> TenantContext {
        TenantContext(
            shard: shard, caller: shop.caller, now: store.time.now(),
            deadline: store.time.instant() + .seconds(20))
    }

    /// What a client hears who hangs up after 25 seconds.
    func hear(_ request: @escaping @Sendable () async throws(Refusal) -> PlacedOrder) async -> Heard {
        let heard = await store.within(.seconds(25)) {
            do throws(Refusal) { return Heard(try await request()) } catch { return Heard.refused(error) }
        }
        return life.isDead ? .nothing : heard ?? .nothing
    }
    func place(
        _ items: [(sku: String, quantity: Int64)], key: RequestKey, method: String = "pm_ok",
        onUnavailable: OnPaymentUnavailable = .queue, in shop: Shop
    ) async -> Heard {
        let context = context(shop)
        let request = OrderRequest(items: items, method: method, onUnavailable: onUnavailable, metadata: nil)
        let orders = orders
        return await hear { () async throws(Refusal) in try await orders.place(request, key: key, in: context) }
    }
    func cancel(_ order: OrderID, key: RequestKey? = nil, in shop: Shop) async -> Heard {
        let (orders, context) = (orders, context(shop))
        return await hear { () async throws(Refusal) in try await orders.cancel(order, key: key, in: context) }
    }
    func refund(_ order: OrderID, _ amount: Int64?, key: RequestKey, in shop: Shop) async -> Heard {
        let (orders, context) = (orders, context(shop))
        return await hear { () async throws(Refusal) in
            try await orders.refund(order, amount: amount, reason: nil, key: key, in: context)
        }
    }
    func fulfill(_ order: OrderID, key: RequestKey? = nil, in shop: Shop) async -> Heard {
        let (orders, context) = (orders, context(shop))
        return await hear { () async throws(Refusal) in try await orders.fulfill(order, key: key, in: context) }
    }
}

/// A store with one shop, a server, and a sandbox provider behind a script.
struct Checkout: Sendable {
    let store: Store
    let shop: Shop
    let script: Script
    let provider: ScriptedProvider
    let server: Server
    let terms: CheckoutTerms

    static func open(
        in store: Store, terms: CheckoutTerms = CheckoutTerms(), loadsAreRemote: Bool = false
    ) async throws -> Checkout {
        let script = Script()
        let provider = ScriptedProvider(
            SandboxProvider(lane: store.booksLane, time: store.time), draw: { script.next($0) })
        return Checkout(
            store: store, shop: try await Shop.open(in: store), script: script, provider: provider,
            server: Server(store, provider: provider, terms: terms, loadsAreRemote: loadsAreRemote), terms: terms)
    }

    func place(
        _ items: [(sku: String, quantity: Int64)], key: String, method: String = "pm_ok",
        onUnavailable: OnPaymentUnavailable = .queue
    ) async throws -> Heard {
        let (server, shop) = (server, shop)
        return try await store.drive {
            await server.place(items, key: shop.key(key), method: method, onUnavailable: onUnavailable, in: shop)
        }
    }
    func cancel(_ order: OrderID, key: String? = nil) async throws -> Heard {
        let (server, shop) = (server, shop)
        return try await store.drive {
            await server.cancel(order, key: key.map { shop.key($0, route: "orders:cancel") }, in: shop)
        }
    }
    func refund(_ order: OrderID, _ amount: Int64?, key: String) async throws -> Heard {
        let (server, shop) = (server, shop)
        return try await store.drive {
            await server.refund(order, amount, key: shop.key(key, route: "orders:refund"), in: shop)
        }
    }
    func fulfill(_ order: OrderID, key: String? = nil) async throws -> Heard {
        let (server, shop) = (server, shop)
        return try await store.drive {
            await server.fulfill(order, key: key.map { shop.key($0, route: "orders:fulfill") }, in: shop)
        }
    }
    /// The server dies here; another one starts over the same files.
    func restarted() async throws -> Checkout {
        server.life.die(after: 0)
        let next = Server(store, provider: provider, terms: terms, seed: 2)
        return Checkout(store: store, shop: shop, script: script, provider: provider, server: next, terms: terms)
    }
}

/// Opens a checkout with product `a` (10 units at 2.50) and `b` (10 units at 4.00), and checks at the end that every
/// invariant holds.
func withCheckout(
    terms: CheckoutTerms = CheckoutTerms(), loadsAreRemote: Bool = false,
    at location: SourceLocation = #_sourceLocation, _ body: (Checkout) async throws -> Void
) async throws {
    try await withStore { store in
        let checkout = try await Checkout.open(in: store, terms: terms, loadsAreRemote: loadsAreRemote)
        try await checkout.shop.product("a", price: 250, stock: 10)
        try await checkout.shop.product("b", price: 400, stock: 10)
        try await body(checkout)
        #expect(try await store.findings() == [], sourceLocation: location)
        try await checkout.server.stop()
        #expect(try await store.findings() == [], "after the server stopped", sourceLocation: location)
    }
}
