import Determinism
import HTTPTypes
import PantryDomain
import StrictJSON

/// Orders, from their calculation to their refunds.
struct OrderRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.post, "/v1/orders/calculate", .organization(.read), answering: calculate),
            Route(.post, "/v1/orders", .organization(.write), answering: place).limited(as: .newOrder),
            Route(.get, "/v1/orders", .organization(.read), answering: list),
            Route(.get, "/v1/orders/{id}", .organization(.read), answering: show),
            Route(.get, "/v1/orders/{id}/timeline", .organization(.read), answering: timeline),
            Route(.post, "/v1/orders/{id}/cancel", .organization(.write), answering: cancel).finishing(),
            Route(.post, "/v1/orders/{id}/fulfill", .organization(.write), answering: fulfill).finishing(),
            Route(.post, "/v1/orders/{id}/refunds", .organization(.write), answering: refund).finishing(),
        ]
    }

    // MARK: Writing

    private func place(_ call: Call) async throws -> Reply {
        let request = try WriteRequest(call, key: .required)
        let order = try OrderRequest(body: request.body, paymentMethods: services.paymentMethods)
        let context = try await services.context(call)
        let placed = try await services.orders.place(
            order, key: try request.requiredKey(),
            in: context)
        var reply = try answer(placed, context)
        if case .accepted(let document, let isReplay) = placed { reply.status = Self.status(of: document, isReplay) }
        return reply
    }

    /// Of an order whose first answer is 202: whoever repeats it is told the order's present state. A first answer is
    /// 200 for nobody, though the order may have ended between the end of the wait and this answer: who looks at the
    /// status alone must not take a declined order for one that was placed.
    static func status(of document: String, _ isReplay: Bool) -> HTTPResponse.Status {
        switch (try? JSONReader.parse(document))?.object?["status"]?.string.flatMap(OrderStatus.init(rawValue:)) {
        case .pending?: .accepted
        case .confirmed? where !isReplay: .created
        default: isReplay ? .ok : .accepted
        }
    }

    private func cancel(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "order", OrderKind.self)
        let request = try WriteRequest(bodiless: call)
        let context = try await services.context(call)
        return try answer(try await services.orders.cancel(id, key: request.key, in: context), context)
    }

    private func fulfill(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "order", OrderKind.self)
        let request = try WriteRequest(bodiless: call)
        let context = try await services.context(call)
        return try answer(try await services.orders.fulfill(id, key: request.key, in: context), context)
    }

    private func refund(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "order", OrderKind.self)
        let request = try WriteRequest(call, key: .required)
        let body = try RefundBody(request.body)
        let context = try await services.context(call)
        let placed = try await services.orders.refund(
            id, amount: body.amount, currency: body.currency, reason: body.reason, key: try request.requiredKey(),
            in: context)
        return try answer(placed, context)
    }

    private func answer(_ placed: PlacedOrder, _ context: TenantContext) throws -> Reply {
        try WriteAnswer.reply(placed, token: try services.tokens.token(context)) {
            "/v1/orders/\(WriteAnswer.id(in: $0))"
        }
    }

    // MARK: Reading

    private func calculate(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["consistency"])
        let context = try await services.context(call)
        let consistency = try await services.consistency(call, query, context)
        let request = try WriteRequest(call, key: .optional, queries: ["consistency"])
        let order = try OrderRequest(
            body: request.body, paymentMethods: services.paymentMethods, isOnlyCalculated: true)
        let served = try await OrderCalculation.calculate(
            order.items, consistency, in: context)
        return ReadAnswer.reply(served)
    }

    private func list(_ call: Call) async throws -> Reply {
        let query = try QueryReader(
            call.query, known: ["status", "createdAfter", "limit", "cursor", "consistency"])
        let status = try query.choice("status", OrderStatus.allCases)
        let createdAfter = try query.moment("createdAfter")
        let (limit, context) = (try PageLimit.read(query), try await services.context(call))
        let consistency = try await services.consistency(call, query, context)
        let filters = [status?.rawValue ?? "", createdAfter.map { String($0.microseconds) } ?? ""]
        let scope = services.scope(call, owner: try call.organization().organizationID, filters: filters)
        let after = try scope.position(query).map { text throws(Problem) in
            guard let id = OrderID(text) else { throw ListScope.invalid }
            return id
        }
        let page = try await OrderQueries.orders(
            status: status, createdAfter: createdAfter, after: after, limit: limit, consistency,
            in: context)
        return ReadAnswer.reply(page, scope)
    }

    private func show(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "order", OrderKind.self)
        let query = try QueryReader(call.query, known: ["consistency"])
        let context = try await services.context(call)
        let consistency = try await services.consistency(call, query, context)
        return ReadAnswer.reply(try await OrderQueries.order(id, consistency, in: context))
    }

    private func timeline(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "order", OrderKind.self)
        let query = try QueryReader(call.query, known: ["consistency"])
        let context = try await services.context(call)
        let consistency = try await services.consistency(call, query, context)
        return ReadAnswer.reply(try await OrderQueries.timeline(id, consistency, in: context))
    }
}
