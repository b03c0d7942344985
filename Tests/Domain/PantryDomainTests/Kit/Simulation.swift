import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Synchronization
import Testing

@testable import PantryDomain

/// A shop under fire: a few callers, a provider behind a bad network, servers that die between any two steps and wake
/// up later, and time that leaps. Everything that a caller heard is kept, to be held against the rows at the end.
final class Simulation: Sendable {
    /// What a caller asked for.
    enum Request: Sendable {
        case place(items: [(sku: String, quantity: Int64)], method: String, onUnavailable: OnPaymentUnavailable)
        case cancel(OrderID)
        case refund(OrderID, Int64?)
        case fulfill(OrderID)
        case adjust(String, Int64)
    }
    struct Entry: Sendable {
        var key: RequestKey
        var request: Request
        var heard: Heard
    }
    static let skus = ["a", "b", "c"]
    let store: Store
    let shop: Shop
    let random: SeededRandom
    let seed: UInt64
    let provider: ScriptedProvider
    let happenings = Happenings()
    private let isCalm: Flag
    private let history = Mutex<[Entry]>([])
    private let servers: Mutex<[Server]>
    private let terms: CheckoutTerms

    init(_ store: Store, seed: UInt64) async throws {
        (self.store, self.seed) = (store, seed)
        let (random, isCalm) = (SeededRandom(seed: seed), Flag())
        (self.random, self.isCalm) = (random, isCalm)
        var terms = CheckoutTerms()
        (terms.holdTime, terms.queueTime) = (.seconds(600), .seconds(3_600))
        self.terms = terms
        shop = try await Shop.open(in: store)
        for sku in Self.skus { try await shop.product(sku, price: 100 + Int64(random.next(below: 400)), stock: 6) }
        let happenings = happenings
        provider = ScriptedProvider(SandboxProvider(lane: store.booksLane, time: store.time)) { verb in
            if isCalm.isRaised { return .pass }
            let fate = Self.fate(verb, random.next(below: 100))
            happenings.note(fate)
            return fate
        }
        servers = Mutex([Server(store, provider: provider, terms: terms, seed: seed)])
    }

    private static func fate(_ verb: Verb, _ dice: UInt64) -> Fate {
        switch dice {
        case 0..<9: .notSent
        case 9..<19: .unknownButDone
        case 19..<27: .unknownAndLost
        case 27..<35 where verb != .lookup: .delayed
        default: .pass
        }
    }

    var entries: [Entry] { history.withLock { $0 } }
    var server: Server { servers.withLock { $0[$0.count - 1] } }

    // MARK: what happens

    /// Everything up to the moment at which nothing is under way any more.
    func run(callers: Int, requests: Int) async throws {
        let lives = Int(random.next(below: 4))
        for life in 0...lives {
            if life < lives { server.life.die(after: Int(random.next(below: 60))) }
            try await store.drive {
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<callers { group.addTask { await self.call(requests) } }
                }
            }
            if random.next(below: 3) == 0 { try await deliver() }
            if life < lives { try await restart() }
        }
        // Servers that had only been paused wake up beside the living one.
        let paused = servers.withLock { $0.dropLast() }
        for server in paused { server.life.release() }
        try await store.pass(.seconds(2))
        isCalm.raise()
        try await deliver()
        try await settle()
        for server in paused { try await server.stop() }
        try await settle()
    }

    private func deliver() async throws {
        let provider = provider
        try await store.drive { await provider.deliver() }
    }

    private func restart() async throws {
        server.life.die(after: 0)
        if random.next(below: 2) == 0 { store.time.advance(by: .seconds(Int64(random.next(below: 1_200)))) }
        let next = Server(
            store, provider: provider, terms: terms, seed: seed &+ 1_000 &* UInt64(servers.withLock { $0.count }))
        servers.withLock { $0.append(next) }
        happenings.add(.restarted)
        if random.next(below: 4) > 0 { happenings.add(.recovered, try await next.recover()) }
    }

    func settle() async throws {
        let unfinished = "SELECT COUNT(*) FROM sagas WHERE state IN ('running', 'parked', 'compensating')"
        for _ in 0..<60 where try await store.number(unfinished) > 0 { try await store.leap(.seconds(150)) }
    }

    func stop() async throws { try await server.stop() }

    private func call(_ requests: Int) async {
        for _ in 0..<requests {
            if server.life.isDead { return }
            switch random.next(below: 12) {
            case 0..<4: await perform(newOrder(), key(route: "place"))
            case 4, 5: await repeatOne()
            case 6: store.time.advance(by: .seconds(Int64(random.next(below: 400))))
            case 7: await perform(.adjust(sku(), Int64(random.next(below: 7)) - 3), key(route: "adjust"))
            case 8: if random.next(below: 2) == 0 { await provider.deliver() }
            default:
                guard let order = knownOrder() else { continue }
                switch random.next(below: 4) {
                case 0: await perform(.cancel(order), key(route: "cancel"))
                case 1: await perform(.refund(order, nil), key(route: "refund"))
                case 2: await perform(.refund(order, 1 + Int64(random.next(below: 200))), key(route: "refund"))
                default: await perform(.fulfill(order), key(route: "fulfill"))
                }
            }
        }
    }

    private func key(route: String) -> RequestKey {
        RequestKey(route: route, key: String(random.next(), radix: 36), fingerprint: "f")
    }
    private func sku() -> String { Self.skus[Int(random.next(below: 3))] }

    private func newOrder() -> Request {
        var items = [(sku: sku(), quantity: Int64(random.next(below: 3)) + 1)]
        if random.next(below: 3) == 0 { items.append((sku: sku(), quantity: 1)) }
        let methods = ["pm_ok", "pm_ok", "pm_ok", "pm_ok"] + SandboxProvider.methods
        return .place(
            items: items, method: methods[Int(random.next(below: UInt64(methods.count)))],
            onUnavailable: random.next(below: 3) == 0 ? .fail : .queue)
    }
    private func repeatOne() async {
        let known = entries
        guard !known.isEmpty else { return }
        // Most of all those that had no answer, as clients do.
        let unanswered = known.filter { $0.heard == .nothing }
        let among = unanswered.isEmpty || random.next(below: 3) == 0 ? known : unanswered
        let entry = among[Int(random.next(below: UInt64(among.count)))]
        await perform(entry.request, entry.key)
    }
    private func knownOrder() -> OrderID? {
        let orders = entries.compactMap(\.heard.order)
        return orders.isEmpty ? nil : orders[Int(random.next(below: UInt64(orders.count)))]
    }

    private func perform(_ request: Request, _ key: RequestKey) async {
        let entry = Entry(key: key, request: request, heard: await ask(request, key))
        history.withLock { $0.append(entry) }
        happenings.note(entry)
    }

    /// What a caller hears now.
    func ask(_ request: Request, _ key: RequestKey) async -> Heard {
        let server = server
        switch request {
        case .place(let items, let method, let onUnavailable):
            return await server.place(items, key: key, method: method, onUnavailable: onUnavailable, in: shop)
        case .cancel(let order): return await server.cancel(order, key: key, in: shop)
        case .refund(let order, let amount): return await server.refund(order, amount, key: key, in: shop)
        case .fulfill(let order): return await server.fulfill(order, key: key, in: shop)
        case .adjust(let sku, let delta):
            let command = AdjustStock(
                organization: shop.number, sku: sku, delta: delta, reason: "count", reference: key.scope,
                seed: random.next(), traceparent: nil)
            let context = server.context(shop)
            return await server.hear { () async throws(Refusal) in
                let kept = try await context.answer(command, key: key)
                return .answer(kept.answer, isReplay: kept.isReplay)
            }
        }
    }
}
