import Determinism
import HTTPTypes
import PantryDomain

/// Stock: balances, counts, adjustments and the ledger.
struct StockRoutes {
    let services: PantryServices
    /// What fits into a query, and into one statement.
    private static let skuLimit = 100

    var all: [Route] {
        [
            Route(.get, "/v1/stock", .organization(.read), answering: list),
            Route(.get, "/v1/stock/{sku}", .organization(.read), answering: show),
            Route(.put, "/v1/stock/{sku}", .organization(.write), answering: count),
            Route(.post, "/v1/stock/{sku}/adjustments", .organization(.write), answering: adjust),
            Route(.get, "/v1/stock/{sku}/ledger", .organization(.read), answering: ledger),
        ]
    }

    private func list(_ call: Call) async throws -> Reply {
        let query = try QueryReader(
            call.query, known: ["sku", "limit", "cursor", "consistency"], repeatable: ["sku"])
        let skus = query.values("sku")
        guard skus.count <= Self.skuLimit else {
            throw Problem.malformedRequest("sku may occur at most \(Self.skuLimit) times.")
        }
        guard skus.allSatisfy(SKU.isValid) else { throw Problem.malformedRequest(Problem.sentence("sku: \(SKU.rule)")) }
        let (limit, context) = (try PageLimit.read(query), try await services.context(call))
        let consistency = try await services.consistency(call, query, context)
        let scope = services.scope(call, owner: try call.organization().organizationID, filters: skus)
        let after = try scope.position(query)
        let page = try await InventoryQueries.stock(
            skus: skus, after: after, limit: limit, consistency, in: context)
        return ReadAnswer.reply(page, scope)
    }

    private func show(_ call: Call) async throws -> Reply {
        let sku = try call.sku()
        let query = try QueryReader(call.query, known: ["consistency"])
        let context = try await services.context(call)
        let consistency = try await services.consistency(call, query, context)
        return ReadAnswer.reply(
            try await InventoryQueries.stock(sku, consistency, in: context))
    }

    private func count(_ call: Call) async throws -> Reply {
        let sku = try call.sku()
        let request = try WriteRequest(call, key: .required)
        let body = try CountBody(request.body)
        let context = try await services.context(call)
        let command = CountStock(
            organization: context.number, sku: sku, onHand: body.onHand, expected: body.expectedOnHand,
            seed: services.random.next(), traceparent: call.traceparent)
        return try await services.answer(command, request.key, context)
    }

    private func adjust(_ call: Call) async throws -> Reply {
        let sku = try call.sku()
        let request = try WriteRequest(call, key: .required)
        let body = try AdjustmentBody(request.body)
        let context = try await services.context(call)
        let command = AdjustStock(
            organization: context.number, sku: sku, delta: body.delta, reason: body.reason, reference: body.reference,
            seed: services.random.next(), traceparent: call.traceparent)
        return try await services.answer(command, request.key, context)
    }

    private func ledger(_ call: Call) async throws -> Reply {
        let sku = try call.sku()
        let query = try QueryReader(call.query, known: ["limit", "cursor", "consistency"])
        let (limit, context) = (try PageLimit.read(query), try await services.context(call))
        let consistency = try await services.consistency(call, query, context)
        let scope = services.scope(call, owner: try call.organization().organizationID)
        let after = try scope.position(query).map { text throws(Problem) in
            guard let id = MovementID(text) else { throw ListScope.invalid }
            return id
        }
        let page = try await InventoryQueries.ledger(
            sku, after: after, limit: limit, consistency, in: context)
        return ReadAnswer.reply(page, scope)
    }
}
