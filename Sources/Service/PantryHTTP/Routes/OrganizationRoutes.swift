import Determinism
import HTTPTypes
import PantryDomain
import Storage

/// Organizations: made and listed by the operator, shown to themselves.
struct OrganizationRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.post, "/v1/organizations", .operatorOnly, answering: create),
            Route(.get, "/v1/organizations", .operatorOnly, answering: list),
            Route(.get, "/v1/organizations/{id}", .operatorOnly, answering: show),
            Route(.patch, "/v1/organizations/{id}", .operatorOnly, answering: setPlan),
            Route(.get, "/v1/organization", .organization(.read), answering: showOwn),
        ]
    }

    private func create(_ call: Call) async throws -> Reply {
        let request = try WriteRequest(call, key: .optional)
        let body = try OrganizationBody(request.body)
        let trail = CommitTrail()
        let kept = try await services.organizations.create(
            name: body.name, plan: body.plan, region: body.region, key: request.key, trail: trail)
        let token = try services.tokens.token(making: try home(kept.answer.document), trail)
        return try WriteAnswer.reply(kept.answer, isReplay: kept.isReplay, token: token) {
            "/v1/organizations/\(WriteAnswer.id(in: $0))"
        }
    }

    private func list(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["limit", "cursor"])
        try services.checkAnyToken(call)
        let (limit, scope) = (try PageLimit.read(query), services.scope(call, owner: "operator"))
        let after = try scope.position(query).map { text throws(Problem) in
            guard let number = Int64(text) else { throw ListScope.invalid }
            return number
        }
        return ReadAnswer.reply(try await services.organizations.list(after: after, limit: limit), scope)
    }

    private func show(_ call: Call) async throws -> Reply {
        _ = try QueryReader(call.query, known: [])
        let id = try call.id("id", "organization", OrganizationKind.self)
        let served = try await services.organizations.show(id)
        // Its number stands in its document, which is read only where there is a token to compare it with.
        if call.headers[.consistencyToken] != nil { try services.token(call, of: try home(served.document).number) }
        return ReadAnswer.reply(served)
    }

    private func setPlan(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "organization", OrganizationKind.self)
        let request = try WriteRequest(call, key: .optional)
        let body = try PlanBody(request.body)
        let kept = try await services.organizations.setPlan(id, plan: body.plan, key: request.key)
        return try services.answer(kept, ofControl: try home(kept.answer.document).number)
    }

    private func home(_ document: String) throws(Problem) -> OrganizationHome {
        guard let home = OrganizationHome(document: document) else { throw .internal }
        return home
    }

    private func showOwn(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["consistency"])
        try services.wish(call, query)
        guard let id = OrganizationID(try call.organization().organizationID) else { throw Problem.internal }
        return ReadAnswer.reply(try await services.organizations.show(id))
    }
}
