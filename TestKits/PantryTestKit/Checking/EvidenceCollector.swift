import StrictJSON

/// Asks a server, and the provider's books, for everything that the checker holds a history against.
struct EvidenceCollector: Sendable {
    let client: PantryClient
    let tenants: [Tenant]
    let catalog: Catalog
    let books: @Sendable () async throws -> ProviderBooks

    /// Waits until no order is on its way any more. An order whose payment waits for the provider may wait for hours
    /// and counts as arrived.
    /// - Returns: a line for each order that is still on its way at the deadline.
    func settle(within limit: Duration) async throws -> [String] {
        var moving: [Evidence.Order] = []
        do {
            try await Poll.untilTrue("orders to settle", within: limit, every: .milliseconds(50)) {
                moving = []
                for tenant in tenants {
                    let pending = try await client.all(
                        "/v1/orders?status=pending&consistency=strong", key: tenant.apiKey)
                    moving += pending.map { Evidence.Order(organization: tenant.id, json: $0) }
                }
                moving.removeAll { $0.paymentStatus == "queued" }
                return moving.isEmpty
            }
            return []
        } catch let error as PollTimeout {
            return moving.map { "order \($0.id) is still pending (payment \($0.paymentStatus)): \(error)" }
        }
    }

    /// Reads until no order changed between the first and the last look, so that orders, stock and books belong
    /// together.
    func collect(acknowledged: [String: String]) async throws -> Evidence {
        try await Poll.until("a moment in which no order changes", within: .seconds(30), every: .milliseconds(50)) {
            var evidence = Evidence()
            evidence.orders = try await orders()
            evidence.stock = try await stock()
            evidence.books = try await books()
            evidence.read = await read(acknowledged)
            return try await orders() == evidence.orders ? evidence : nil
        }
    }

    private func orders() async throws -> [Evidence.Order] {
        var orders: [Evidence.Order] = []
        for tenant in tenants {
            orders += try await client.all("/v1/orders?consistency=strong", key: tenant.apiKey).map {
                Evidence.Order(organization: tenant.id, json: $0)
            }
        }
        return orders
    }

    /// - Parameter acknowledged: order ids with their organizations' ids.
    private func read(_ acknowledged: [String: String]) async -> [String: Outcome] {
        let keys = Dictionary(tenants.map { ($0.id, $0.apiKey) }, uniquingKeysWith: { first, _ in first })
        let outcomes = await acknowledged.concurrentMap(limit: 8) { id, organization in
            (id, await client.get("/v1/orders/\(id)?consistency=strong", key: keys[organization]))
        }
        return Dictionary(outcomes, uniquingKeysWith: { first, _ in first })
    }

    private func stock() async throws -> [Evidence.Stock] {
        let places = tenants.flatMap { tenant in catalog.items.map { (tenant: tenant, sku: $0.sku) } }
        return try await places.concurrentMap(limit: 8) { place in
            let path = "/v1/stock/\(place.sku)"
            let outcome = await client.get("\(path)?consistency=strong", key: place.tenant.apiKey)
            guard let answer = outcome.answer, answer.status == 200, let onHand = answer["onHand"]?.integer,
                let reserved = answer["reserved"]?.integer, let available = answer["available"]?.integer
            else { throw UnexpectedAnswer("GET \(path)", outcome) }
            let movements = try await client.all("\(path)/ledger?consistency=strong", key: place.tenant.apiKey).map {
                line in
                Evidence.Stock.Movement(
                    line.object?["delta"]?.integer ?? 0, reference: line.object?["reference"]?.string)
            }
            return Evidence.Stock(
                organization: place.tenant.id, sku: place.sku, onHand: onHand, reserved: reserved,
                available: available, movements: movements)
        }
    }
}
