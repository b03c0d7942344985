import Determinism
import StrictJSON
import Synchronization

/// Many clients that order, cancel, fulfil, refund and repeat themselves, all of it written into a history. What a
/// client does next follows from the plan's seed; how the clients interleave does not.
public struct LoadDriver: Sendable {
    /// What is done.
    public let plan: LoadPlan
    /// What may be ordered.
    public let catalog: Catalog
    /// Whose orders these are; clients are dealt to them in turn.
    public let sessions: [TenantSession]

    /// A driver for these organizations.
    public init(_ plan: LoadPlan, catalog: Catalog, sessions: [TenantSession]) {
        (self.plan, self.catalog, self.sessions) = (plan, catalog, sessions)
    }

    /// Runs the clients until each has sent its requests, was stopped, or got no answer: then the server is gone.
    public func run(until stop: StopSwitch = StopSwitch()) async {
        let book = OrderBook()
        await withTaskGroup(of: Void.self) { group in
            for client in 0..<plan.clients {
                group.addTask { await run(client, book, stop) }
            }
        }
    }

    /// Runs the clients, and kills the server after `moment`. Returns when the clients have noticed and the server is
    /// gone.
    public func run(killing process: PantryProcess, after moment: Duration) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await run() }
            try await SystemTime().sleep(for: moment)
            process.kill()
            try await group.waitForAll()
        }
        try await process.ended()
    }

    private func run(_ client: Int, _ book: OrderBook, _ stop: StopSwitch) async {
        let random = SeededRandom(seed: plan.seed &+ UInt64(client) &* 0x1_0001)
        let session = sessions[client % sessions.count]
        var number = 0
        while !stop.isSet, number < plan.requestsPerClient ?? .max {
            number += 1
            let request = draw(random, key: "\(plan.name)-\(client)-\(number)", session.tenant.id, book)
            let outcome = await session.again(request)
            guard let answer = outcome.answer else { return }
            if request.kind == .order { book.add(answer, of: session.tenant.id) }
        }
    }

    /// The next request: one of the latest once more, or a new one with `key`.
    private func draw(_ random: SeededRandom, key: String, _ organization: String, _ book: OrderBook) -> Exchange {
        let action = plan.actions.draw(random)
        if action == .again, let request = book.drawRequest(of: organization, random) { return request }
        let order = book.draw(of: organization, random)
        let (path, body): (String, JSONValue?) =
            switch (action, order) {
            case (.cancel, let order?): ("/v1/orders/\(order.id)/cancel", nil)
            case (.fulfill, let order?): ("/v1/orders/\(order.id)/fulfill", nil)
            case (.refund, let order?): ("/v1/orders/\(order.id)/refunds", drawRefund(of: order, random))
            default: ("/v1/orders", drawOrder(random, key: key))
            }
        let request = Exchange(
            number: 0, organization: organization, method: "POST", path: path, idempotencyKey: key, body: body)
        book.publish(request)
        return request
    }

    private func drawRefund(of order: OrderBook.Entry, _ random: SeededRandom) -> JSONValue {
        let amount = random.next(below: 3) == 0 ? order.total : max(1, order.total / 3)
        return ["amount": .integer(amount), "reason": "load"]
    }

    private func drawOrder(_ random: SeededRandom, key: String) -> JSONValue {
        let lines = (0..<random.next(in: plan.lines)).map { _ in
            (
                sku: catalog.items[random.next(in: 0...(catalog.items.count - 1))].sku,
                quantity: Int64(random.next(in: Int(plan.units.lowerBound)...Int(plan.units.upperBound)))
            )
        }
        return TenantSession.orderBody(lines, method: plan.methods.draw(random), key: key)
    }
}

/// Tells a load to come to its end.
public final class StopSwitch: Sendable {
    private let flag = Atomic<Bool>(false)

    /// Not set.
    public init() {}

    /// Whether it was set.
    public var isSet: Bool { flag.load(ordering: .acquiring) }

    /// Sets it; there is no way back.
    public func set() { flag.store(true, ordering: .releasing) }
}
