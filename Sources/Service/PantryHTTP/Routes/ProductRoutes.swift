import Determinism
import HTTPTypes
import PantryDomain

/// Products.
struct ProductRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.post, "/v1/products", .organization(.write), answering: create),
            Route(.get, "/v1/products", .organization(.read), answering: list),
            Route(.get, "/v1/products/{sku}", .organization(.read), answering: show),
            Route(.patch, "/v1/products/{sku}", .organization(.write), answering: patch),
            Route(.delete, "/v1/products/{sku}", .organization(.write), answering: delete),
        ]
    }

    private func create(_ call: Call) async throws -> Reply {
        let request = try WriteRequest(call, key: .optional)
        let product = try ProductRequest(body: request.body)
        let context = try await services.context(call)
        let command = CreateProduct(organization: context.number, product: product)
        return try await services.answer(command, request.key, context) { _ in "/v1/products/\(product.sku)" }
    }

    private func list(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["q", "limit", "cursor", "consistency"])
        let search = query["q"]
        if let search, let fault = TextRule.name.fault(in: search) {
            throw Problem.malformedRequest("q: \(fault.detail).")
        }
        let (limit, context) = (try PageLimit.read(query), try await services.context(call))
        let consistency = try await services.consistency(call, query, context)
        let scope = services.scope(call, owner: try call.organization().organizationID, filters: [search ?? ""])
        let after = try scope.position(query)
        let page = try await InventoryQueries.products(
            search: search, after: after, limit: limit, consistency, in: context)
        return ReadAnswer.reply(page, scope)
    }

    private func show(_ call: Call) async throws -> Reply {
        let sku = try call.sku()
        let query = try QueryReader(call.query, known: ["consistency"])
        let context = try await services.context(call)
        let consistency = try await services.consistency(call, query, context)
        return ReadAnswer.reply(
            try await InventoryQueries.product(sku, consistency, in: context))
    }

    private func patch(_ call: Call) async throws -> Reply {
        let sku = try call.sku()
        let request = try WriteRequest(call, key: .optional)
        let patch = try ProductPatch(body: request.body)
        let context = try await services.context(call)
        let command = PatchProduct(organization: context.number, sku: sku, patch: patch)
        return try await services.answer(command, request.key, context)
    }

    private func delete(_ call: Call) async throws -> Reply {
        let sku = try call.sku()
        let request = try WriteRequest(bodiless: call)
        let context = try await services.context(call)
        let command = DeleteProduct(organization: context.number, sku: sku)
        return try await services.answer(command, request.key, context)
    }
}

extension PantryServices {
    /// Runs a command whose whole effect is one transaction, and answers with what came of it.
    func answer<Command: AnsweringCommand>(
        _ command: Command, _ key: RequestKey?, _ context: TenantContext, location: ((String) -> String)? = nil
    ) async throws -> Reply {
        let kept = try await context.answer(command, key: key)
        return try WriteAnswer.reply(
            kept.answer, isReplay: kept.isReplay, token: try tokens.token(context), location: location)
    }
}
